"""Descriptions become HTML that is safe to show, without foreign images."""

from __future__ import annotations

import pytest

from customhouse.formats.description import render_description
from customhouse.formats.description_images import without_images
from customhouse.formats.project_urls import labelled_urls
from customhouse.terms.errors import Rejected


@pytest.mark.parametrize(
    ("text", "kind", "part"),
    [
        ("# Title", "text/markdown", "<h1 "),
        ("| a |\n| - |\n| 1 |\n", "text/markdown; variant=GFM", "<table>"),
        ("| a |\n| - |\n| 1 |\n", "text/markdown; variant=CommonMark", "<p>| a |"),
        ("Title\n=====\n\ntext", "text/x-rst", "<p>text</p>"),
        ("a < b", "text/plain", "a &lt; b"),
        ("Title\n=====\n", "", "Title"),
        ("`broken", "", "`broken"),
    ],
)
def test_each_kind_is_rendered(text: str, kind: str, part: str) -> None:
    assert part in render_description(text, kind)


def test_nothing_renders_to_nothing() -> None:
    assert render_description(" \n", "text/markdown") == ""


def test_declared_restructuredtext_that_does_not_render_is_refused_with_the_line() -> None:
    with pytest.raises(Rejected, match=r"Description: does not render as reStructuredText: .*:3:") as caught:
        render_description("Title\n\n.. nonsense::\n", "text/x-rst")
    assert caught.value.code == "bad-description"


@pytest.mark.parametrize(
    "attack",
    [
        "<script>alert(1)</script>", '<img src=x onerror="alert(1)">', '<a href="javascript:alert(1)">x</a>',
        '<iframe src="https://evil.example"></iframe>', "<style>*{display:none}</style>", "<svg onload=alert(1)>",
        '<form action="https://evil.example"><input></form>', '<base href="https://evil.example">',
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["text/markdown", "text/plain", "text/x-rst"])
def test_no_attack_survives_rendering(attack: str, kind: str) -> None:
    html = without_images(render_description(f"before\n\n{attack}\n\nafter", kind)).lower()
    for dangerous in ("<script", "<img", '<a href="javascript', "<iframe", "<style", "<svg", "<form", "<base"):
        assert dangerous not in html


def test_an_image_becomes_a_link_that_nobody_loads() -> None:
    html = '<p><img src="https://badge.example/a.svg?x=1&amp;y=2" alt="Build &amp; test"></p>'
    link = '<a class="image" href="https://badge.example/a.svg?x=1&amp;y=2" rel="nofollow noreferrer">'
    assert without_images(html) == f"<p>{link}Build &amp; test</a></p>"


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ('<a href="https://x.example"><img src="https://b.example/b.svg" alt="b"></a>',
         '<a href="https://x.example"><span class="image">b</span></a>'),
        ('<img src="data:image/png;base64,AAAA">', '<span class="image">png;base64,AAAA</span>'),
        ('<img src="relative/logo.png">', '<span class="image">logo.png</span>'),
        ('<p style="color:red" class="c">a &lt; b &#62; c<br></p>', '<p class="c">a &lt; b &#62; c<br></p>'),
        ('<h1>x <a href="#x" id="x" rel="nofollow"></a></h1>', '<h1>x <a id="x" rel="nofollow"></a></h1>'),
        ('<p lang="de">x</p><pre lang="python">y</pre>', '<p lang="de">x</p><pre tabindex="0">y</pre>'),
    ],
)  # fmt: skip
def test_html_is_kept_but_for_images_and_styles(html: str, expected: str) -> None:
    assert without_images(html) == expected


def test_links_carry_the_labels_that_readers_know() -> None:
    urls = [("Bug Tracker", "https://b"), ("Chat", "https://c"), ("Home-Page", "https://new")]
    assert dict(labelled_urls(urls, "https://old", "UNKNOWN")) == {
        "Home page": "https://new", "Issues": "https://b", "Chat": "https://c",
    }  # fmt: skip

"""The simple API's two renderings carry the same facts, in the standards' own spelling."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customhouse.formats.simple import (
    Namespace,
    ProjectList,
    SimpleFile,
    SimplePage,
    list_to_html,
    list_to_json,
    timestamp,
    to_html,
    to_json,
)  # fmt: skip

WHEN = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)
TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=30)


def a_file(filename: str = "demo-1.0-py3-none-any.whl", version: str = "1.0", **more: object) -> SimpleFile:
    values = {"url": f"../../files/demo/{filename}", "sha256": "ab" * 32, "size_bytes": 7, "uploaded_at": WHEN}
    return SimpleFile(filename, version=version, **{**values, **more})  # type: ignore[arg-type]


class Anchors(HTMLParser):
    """What a client reads of a page."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.files: list[tuple[dict[str, str | None], str]] = []
        self.metas: dict[str, str] = {}
        self._attributes: dict[str, str | None] | None = None
        self.feed(page.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self._attributes = dict(attrs)
            self.files.append((self._attributes, ""))
        if tag == "meta" and (name := dict(attrs).get("name")):
            self.metas[name] = dict(attrs)["content"] or ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "a":
            self._attributes = None

    def handle_data(self, data: str) -> None:
        if self._attributes is not None:
            self.files[-1] = (self.files[-1][0], self.files[-1][1] + data)


def test_json_says_what_the_standards_ask() -> None:
    page = SimplePage("demo", 7, ("1.0", "0.9"), (a_file(requires_python=">=3.8", core_metadata_sha256="cd" * 32),))
    assert json.loads(to_json(page)) == {
        "meta": {"api-version": "1.5", "_last-serial": 7},
        "name": "demo",
        "namespaces": None,
        "versions": ["0.9", "1.0"],
        "files": [
            {
                "filename": "demo-1.0-py3-none-any.whl",
                "url": "../../files/demo/demo-1.0-py3-none-any.whl",
                "hashes": {"sha256": "ab" * 32},
                "size": 7,
                "upload-time": "2026-01-02T03:04:05.000678Z",
                "yanked": False,
                "core-metadata": {"sha256": "cd" * 32},
                "requires-python": ">=3.8",
            }
        ],
    }


def test_json_names_the_namespaces_that_cover_the_project() -> None:
    """PEP 752: owned is false only for what was there before the grant."""
    page = SimplePage("acme-tool", 7, namespaces=(Namespace("acme", owned=True), Namespace("acme-tool", owned=False)))
    assert json.loads(to_json(page))["namespaces"] == [
        {"name": "acme", "owned": True},
        {"name": "acme-tool", "owned": False},
    ]
    assert b"owned" not in to_html(page), "HTML stays at 1.4"


@pytest.mark.parametrize(("reason", "told"), [("", True), ("broken", "broken")])
def test_a_yank_without_reason_is_true_not_empty(reason: str, told: object) -> None:
    page = SimplePage("demo", 7, (), (a_file(yanked=True, yanked_reason=reason),))
    assert json.loads(to_json(page))["files"][0]["yanked"] == told
    assert Anchors(to_html(page)).files[0][0]["data-yanked"] == reason


def test_files_come_by_version_then_name_and_their_versions_are_listed() -> None:
    names = [("demo-10.0.tar.gz", "10.0"), ("demo-9.0.tar.gz", "9.0"), ("demo-9.0-py3-none-any.whl", "9.0")]
    page = SimplePage("demo", 1, ("11.0",), tuple(a_file(name, version) for name, version in names))
    whole = json.loads(to_json(page))
    assert [file["filename"] for file in whole["files"]] == [names[2][0], names[1][0], names[0][0]]
    assert whole["versions"] == ["9.0", "10.0", "11.0"]


@pytest.mark.parametrize("status", ["archived", "quarantined", "deprecated"])
def test_a_status_is_told_in_both(status: str) -> None:
    page = SimplePage("demo", 1, status=status, status_reason='use "other" & <more>')  # type: ignore[arg-type]
    assert json.loads(to_json(page))["project-status"] == {"status": status, "reason": 'use "other" & <more>'}
    assert Anchors(to_html(page)).metas == {
        "pypi:repository-version": "1.4",
        "pypi:project-status": status,
        "pypi:project-status-reason": 'use "other" & <more>',
    }


def test_an_active_project_says_nothing_of_its_status() -> None:
    assert b"status" not in to_json(SimplePage("demo", 1))
    assert b"status" not in to_html(SimplePage("demo", 1))


def test_the_list_links_normalised_names_and_shows_them_as_spelled() -> None:
    projects = ProjectList(("Demo.Pkg", "other"), 3)
    assert json.loads(list_to_json(projects)) == {
        "meta": {"api-version": "1.5", "_last-serial": 3},
        "projects": [{"name": "Demo.Pkg"}, {"name": "other"}],
    }
    assert Anchors(list_to_html(projects)).files == [({"href": "demo-pkg/"}, "Demo.Pkg"), ({"href": "other/"}, "other")]


def test_a_moment_is_told_in_utc() -> None:
    assert timestamp(WHEN.astimezone(timezone(timedelta(hours=5)))) == "2026-01-02T03:04:05.000678Z"


@given(requires=TEXT, reason=TEXT, filename=TEXT)
def test_html_and_json_say_the_same_whatever_the_text(requires: str, reason: str, filename: str) -> None:
    page = SimplePage(
        "demo", 1, (),
        (a_file(filename, requires_python=requires, yanked=True, yanked_reason=reason, provenance="p?a&b"),),
    )  # fmt: skip
    (told,) = json.loads(to_json(page))["files"]
    ((attributes, text),) = Anchors(to_html(page)).files
    assert text == told["filename"]
    assert attributes["href"] == f"{told['url']}#sha256={told['hashes']['sha256']}"
    assert attributes.get("data-requires-python", "") == told.get("requires-python", "")
    assert (attributes["data-yanked"] or True) == told["yanked"]
    assert attributes["data-provenance"] == told["provenance"]

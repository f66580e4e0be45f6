"""The comparison in a real browser: quiet, readable on a phone and in the dark, usable without scripts; and what a
browser makes of addresses that want to be taken for verified ones (A57).
"""

from __future__ import annotations

import random
from collections.abc import Iterator

import httpx2 as httpx
import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from browser import SIGHTS, chromium
from playwright.sync_api import Browser
from test_face import WATCH

from customhouse.formats.verified_urls import verified
from formats.test_verified_urls import PREFIX, TRICKS
from packages import Dist, wheel
from world import Server, upload

pytestmark = pytest.mark.slow
PAGE = "/project/face-diff/diff/1.0/2.0/"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def index(running_index: Server) -> Server:
    """Two releases with every kind of change, some of it hostile."""
    token = running_index.new_token("face")
    old = {
        "face_diff/__init__.py": "".join(f"line_{n} = {n}\n" for n in range(60)).encode(),
        "face_diff/gone.py": b"gone = True\n", "face_diff/moved.py": b"moved = True\n", "face_diff/x.bin": b"\0",
    }  # fmt: skip
    new = {
        "face_diff/__init__.py": old["face_diff/__init__.py"].replace(b"line_30 = 30", b"line_30 = 'thirty'"),
        "face_diff/sub/moved.py": b"moved = True\n", "face_diff/x.bin": b"\xff\0", "face_diff.pth": b"import os; exec('1')\n",
        "face_diff/trojan.py": "if level != 'user\u202e \u2066# only admins\u2069 \u2066':\n".encode(),
        "face_diff/packed.py": b"blob = '" + b"A" * 4000 + b"'" + b" " * 300 + b"; exec(blob)\n",
        "face_diff/" + "very_long_name_" * 8 + ".py": b"x = 1",
    }  # fmt: skip
    headers = {"Requires-Dist": "evil>=1", "Requires-Python": ">=3.12"}
    with httpx.Client(base_url=running_index.url, timeout=30) as client:
        for dist, version in (
            (wheel("face-diff", "1.0", files=old), "1.0"),
            (wheel("face-diff", "2.0", files=new, headers=headers), "2.0"),
        ):
            answer = upload(client, token, dist, name="face-diff", version=version, fields=_fields(dist, version))
            assert answer.status == 200, answer.text
    return running_index


def _fields(dist: Dist, version: str) -> list[tuple[str, str]]:
    return [(":action", "file_upload"), ("protocol_version", "1"), ("name", "face-diff"), ("version", version),
            ("filetype", dist.filetype), ("sha256_digest", dist.sha256)]  # fmt: skip


@pytest.mark.parametrize("sight", SIGHTS)
def test_the_comparison_is_quiet_fits_and_can_be_read(index: Server, browser: Browser, sight: str) -> None:
    width, height, scheme = SIGHTS[sight]
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    page = context.new_page()
    page.add_init_script(WATCH)
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
    page.on("requestfailed", lambda request: said.append(f"failed: {request.url}: {request.failure}"))
    page.goto(index.url + PAGE)
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    assert said == []
    assert page.evaluate("violations") == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "too wide"
    assert page.evaluate("document.scripts.length") == 0
    found = Axe().run(page)
    assert found.response["violations"] == [], found.generate_report()
    context.close()


def test_without_scripts_files_unfold_versions_are_chosen_and_one_file_is_seen_alone(
    index: Server, browser: Browser
) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{index.url}/project/face-diff/")
    page.get_by_role("link", name="compare with 1.0").click()
    assert page.url == index.url + PAGE
    change = page.locator("details", has=page.get_by_text("face_diff/x.bin", exact=True))
    assert change.get_attribute("open") is None
    change.locator("summary").focus()
    page.keyboard.press("Enter")
    assert "This is not text in UTF-8." in change.inner_text()
    page.get_by_label("From").select_option("2.0")
    page.get_by_label("To", exact=True).select_option("1.0")
    page.get_by_role("button", name="Compare").click()
    assert page.url == f"{index.url}/project/face-diff/diff/2.0/1.0/"
    page.goto(index.url + PAGE)
    page.get_by_role("link", name="Show this file alone").first.click()
    assert "exec(blob)" in page.inner_text("main")
    context.close()


def test_a41_a_trojan_line_reads_in_the_order_in_which_it_is_written(index: Server, browser: Browser) -> None:
    page = browser.new_page()
    page.goto(f"{index.url}{PAGE}?member=face_diff/trojan.py")
    line = page.locator("td.text")
    assert line.inner_text() == "if level != 'userU+202E U+2066# only adminsU+2069 U+2066':"
    places = line.evaluate(
        """cell => {
          const found = [];
          const walk = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT);
          while (walk.nextNode()) for (let at = 0; at < walk.currentNode.length; at++) {
            const range = document.createRange();
            range.setStart(walk.currentNode, at); range.setEnd(walk.currentNode, at + 1);
            const box = range.getBoundingClientRect();
            found.push([Math.round(box.top / 10), box.left]);
          }
          return found;
        }"""
    )
    assert places == sorted(places)
    page.close()


def test_a57_whatever_the_browser_makes_of_a_verified_address_lies_under_the_prefix(browser: Browser) -> None:
    chance = random.Random(57)  # noqa: S311  # the same addresses each time
    odd = ["\\", "@", "%2e", "%2f", "..", ".", "/", ":", "?", "#", "\t", "\n", " ", "\u3002", "\uff0f", "evil.example", "demo", ";",
           "443", ":443", "[", "]", "HTTPS", "E", "\u202e", "\u00ad", "-", "&", "xn--"]  # fmt: skip
    tried = [PREFIX, *TRICKS.values()]
    for number in range(20_000):
        url = f"{PREFIX}2.0/files/"
        # Half of them are changed anywhere, half behind the prefix alone.
        first = len(PREFIX) * (number % 2)
        for _ in range(chance.randrange(1, 4)):
            at = chance.randrange(first, len(url) + 1)
            url = url[:at] + chance.choice(odd) + url[at + chance.randrange(2) :]
        tried.append(url)
    accepted = sorted({url for url in tried if verified(url, [PREFIX])})
    page = browser.new_page()
    read = page.evaluate(
        "urls => urls.map(url => { try { const it = new URL(url, 'https://other.example/x/');"
        " return it.origin + it.pathname; } catch { return ''; } })",
        accepted,
    )
    page.close()
    assert len(accepted) > 1000
    wrong = [url for url, place in zip(accepted, read, strict=True) if not f"{place}/".startswith(PREFIX)]
    assert wrong == []

"""The pages in a real browser: light, dark and on a phone; nothing on the console, nothing blocked, nothing too wide."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import metadata

import httpx2 as httpx
import pytest
from browser import chromium
from playwright.sync_api import Browser, Page

from packages import Dist, wheel
from world import Server, upload

pytestmark = pytest.mark.slow
SIGHTS = {
    "light": (1200, 900, "light"),
    "dark": (1200, 900, "dark"),
    "phone": (360, 740, "light"),
    "dark phone": (360, 740, "dark"),
}
WATCH = """
window.violations = [];
document.addEventListener('securitypolicyviolation', event => violations.push(event.violatedDirective + ' ' + event.blockedURI));
"""
CONTRAST = """
() => {
  const parse = text => (text.match(/[0-9.]+/g) || []).map(Number);
  const light = ([r, g, b]) => {
    const part = value => { value /= 255; return value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4; };
    return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
  };
  const ground = node => {
    for (; node; node = node.parentElement) {
      const colour = parse(getComputedStyle(node).backgroundColor);
      if (colour.length === 3 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const faults = [];
  for (const node of document.querySelectorAll('h1, h2, h3, p, a, li, dt, dd, td, th, code, pre, span, small')) {
    if (!node.textContent.trim() || node.offsetParent === null) continue;
    const [a, b] = [light(parse(getComputedStyle(node).color)), light(ground(node))].sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < 4.5) faults.push(node.tagName + ' ' + node.textContent.trim().slice(0, 40));
  }
  return faults;
}
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def index(running_index: Server) -> Server:
    """An index with a real README, a bare project, one with signals, and two versions."""
    token = running_index.new_token("face")
    with httpx.Client(base_url=running_index.url, timeout=30) as client:
        for dist, name, version in (
            (real_project("rich"), "face-rich", "1.0"),
            (wheel("face-bare"), "face-bare", "1.0"),
            (wheel("face-bare", "2.0b1"), "face-bare", "2.0b1"),
            (wheel("face-odd", files={"evil.pth": b"import os\n", "json/__init__.py": b"", "other/x.py": b""}), "face-odd", "1.0"),
        ):  # fmt: skip
            answer = upload(client, token, dist, name=name, version=version, fields=_fields(dist, name, version))
            assert answer.status == 200, answer.text
    return running_index


def real_project(name: str) -> Dist:
    """A project with the description and facts of a real one that is installed here."""
    found = metadata.metadata(name)
    text = found.json["description"]
    assert isinstance(text, str)
    headers = {"Description-Content-Type": found["Description-Content-Type"], "Author": "Ada Example",
               "License": "MIT", "Keywords": "text,terminal", "Requires-Python": ">=3.8", "Requires-Dist": "pygments>=2.13",
               "Classifier": "Programming Language :: Python :: 3", "Project-URL": "Changelog, https://example.org/changes"}  # fmt: skip
    return wheel(f"face-{name}", description=text, headers=headers)


def _fields(dist: Dist, name: str, version: str) -> list[tuple[str, str]]:
    return [(":action", "file_upload"), ("protocol_version", "1"), ("name", name), ("version", version),
            ("filetype", dist.filetype), ("sha256_digest", dist.sha256)]  # fmt: skip


ADDRESSES = {
    "/": 200, "/project/face-rich/": 200, "/project/face-bare/": 200, "/project/face-bare/2.0b1/": 200,
    "/project/face-odd/": 200, "/simple/": 200, "/simple/face-rich/": 200, "/nowhere": 404, "/project/nobody/": 404,
    "/project/face-bare/9/": 404,
}  # fmt: skip


@pytest.mark.parametrize("sight", SIGHTS)
def test_every_page_is_quiet_fits_and_can_be_read(index: Server, browser: Browser, sight: str) -> None:
    width, height, scheme = SIGHTS[sight]
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme="dark" if scheme == "dark" else "light"
    )
    page = context.new_page()
    page.add_init_script(WATCH)
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("requestfailed", lambda request: said.append(f"failed: {request.url}"))
    elsewhere: list[str] = []
    page.on("request", lambda request: None if request.url.startswith(index.url) else elsewhere.append(request.url))
    for address, status in ADDRESSES.items():
        said.clear()
        answer = page.goto(index.url + address)
        assert answer is not None
        assert answer.status == status
        expected = [] if status == 200 else ["Failed to load resource"]
        assert all(any(text.startswith(known) for known in expected) for text in said), (address, said)
        assert elsewhere == []
        if not address.startswith("/simple/"):
            _looks_right(page, address)
    context.close()


def _looks_right(page: Page, address: str) -> None:
    assert page.evaluate("violations") == [], address
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), f"{address} is too wide"
    assert page.evaluate(CONTRAST) == [], address
    assert page.evaluate("document.querySelectorAll('h1').length") >= 1
    assert page.evaluate("document.scripts.length") == 0


def test_the_front_page_leads_to_a_project_and_its_file(index: Server, browser: Browser) -> None:
    page = browser.new_page()
    page.goto(index.url)
    page.get_by_role("link", name="face-odd").first.click()
    assert page.url == f"{index.url}/project/face-odd/"
    assert page.get_by_role("heading", level=1).inner_text() == "face-odd"
    assert "Runs code each time Python starts." in page.inner_text("main")
    assert "Has a module with the name of a standard one" in page.inner_text("main")
    with page.expect_download() as download:
        page.get_by_role("link", name="face_odd-1.0-py3-none-any.whl").click()
    assert download.value.suggested_filename == "face_odd-1.0-py3-none-any.whl"
    page.close()


def test_a_description_loads_no_image_and_runs_nothing(index: Server, browser: Browser) -> None:
    page = browser.new_page(java_script_enabled=False)
    page.goto(f"{index.url}/project/face-rich/")
    assert page.locator(".prose img").count() == 0
    assert page.locator(".prose .image").count() > 0
    assert "sha256:" in page.inner_text("main")
    page.close()


def test_the_policy_forbids_inline_code_and_style(index: Server) -> None:
    for address in ADDRESSES:
        answer = httpx.get(index.url + address, headers={"accept": "text/html"})
        policy = answer.headers["content-security-policy"]
        assert "unsafe" not in policy
        assert "default-src 'none'" in policy

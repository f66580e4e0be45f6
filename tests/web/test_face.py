"""The pages in a real browser: light, dark and on a phone; nothing on the console, nothing blocked, nothing too wide."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import metadata

import httpx2 as httpx
import pytest
from browser import faults
from playwright.sync_api import Browser, Page, Request
from route_table import ROWS

from customhouse.infra.settings import Settings
from customhouse.infra.walkers import Walkers
from customhouse.terms.clock import SystemClock
from packages import Dist, wheel
from person import PASSWORD
from town import NAMES, Kind, Town, open_town, prepared_copy
from world import Server, running, upload

pytestmark = pytest.mark.slow
WATCH = """
window.violations = [];
document.addEventListener('securitypolicyviolation', event => violations.push(event.violatedDirective + ' ' + event.blockedURI));
"""
STRANGE_SCRIPTS = "[...document.scripts].filter(one => !one.src.startsWith(location.origin + '/static/')).length"
SEND = """
([address, fields]) => {
  const form = document.createElement('form');
  form.method = 'post';
  form.action = address;
  fields.csrf = document.querySelector('input[name=csrf]').value;
  for (const [name, value] of Object.entries(fields)) {
    const input = document.createElement('input');
    [input.type, input.name, input.value] = ['hidden', name, value];
    form.append(input);
  }
  document.body.append(form);
  form.submit();
}
"""


@dataclass(frozen=True)
class Index:
    """A running index with one of everything, and with projects that have a face of their own."""

    server: Server
    town: Town
    seen: set[str] = field(default_factory=set)
    """What somebody has looked at already, without what is his own."""

    @property
    def url(self) -> str:
        return self.server.url

    def pages(self, kind: Kind) -> list[str]:
        """The addresses that show somebody a page, from the table of all doors, but none that others have seen alike."""
        wanted = [row.page(self.town, kind) for row in ROWS if row.verb == "GET" and kind in row.who]
        found = []
        with httpx.Client(
            base_url=self.url, headers={"cookie": self.town.people[kind].cookie, "accept": "text/html"}
        ) as client:
            for address in dict.fromkeys([*wanted, *MORE.get(kind, [])]):
                answer = client.get(address)
                if _is_page(answer) and (alike := _alike(answer.text, NAMES[kind])) not in self.seen:
                    self.seen.add(alike)
                    found.append(address)
        return found


def _alike(page: str, name: str) -> str:
    """The contents of a page without what differs from one reader to the next: form tokens, numbers, the own name."""
    page = page.partition("<main")[2].partition("</main>")[0]
    page = re.sub(r'name="csrf" value="[^"]*"', "", page)
    return re.sub(r"\d+", "0", page.replace(name, "") if name else page)


def _is_page(answer: httpx.Response) -> bool:
    html = answer.headers.get("content-type", "").startswith("text/html")
    # The simple pages are for programs; they come without any style. What asks for a token is for programs, too.
    # Browsers take anything, so where HTML alone is not to be had they show what programs get.
    return html and "sandbox" not in answer.headers["content-security-policy"] and answer.status_code not in (401, 406)


@pytest.fixture(scope="module")
def index(
    request: pytest.FixtureRequest, walkers: Walkers, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Index]:
    """A town, an index with a real README, a bare project, one with signals, and two versions."""
    data = prepared_copy(request.getfixturevalue("blank"), tmp_path_factory.mktemp("face"))
    with open_town(Settings.model_validate({"data": data}), SystemClock(), walkers) as town:
        pass
    with running(data, environment={"CUSTOMHOUSE_SIGSTORE": "true"}) as server:
        token = server.new_token("face")
        with httpx.Client(base_url=server.url, timeout=30) as client:
            for dist, name, version in (
                (real_project("rich"), "face-rich", "1.0"),
                (wheel("face-bare"), "face-bare", "1.0"),
                (wheel("face-bare", "2.0b1"), "face-bare", "2.0b1"),
                (wheel("face-odd", files={"evil.pth": b"import os\n", "json/__init__.py": b"", "other/x.py": b""}), "face-odd", "1.0"),
            ):  # fmt: skip
                answer = upload(client, token, dist, name=name, version=version, fields=_fields(dist, name, version))
                assert answer.status == 200, answer.text
        yield Index(server, town)
        server.check()


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


FACES = ["/", "/project/face-rich/", "/project/face-bare/", "/project/face-bare/2.0b1/", "/project/face-odd/", "/nowhere",
         "/advisories/?q=nothing-like-it", "/bundled/", "/bundled/?library=nothing-like-it", "/advisory/PYSEC-1/",
         "/project/nobody/", "/project/face-bare/9/"]  # fmt: skip
MORE: Mapping[Kind, list[str]] = {
    "anonymous": [*FACES, "/search/", "/search/?q=nothing-like-it", "/account/link/dead/", "/trust/sigstore/"],
    "owner": [
        "/manage/project/demo/release/0.9/", "/manage/project/demo/release/2.0/", "/manage/project/demo/delete/",
        "/manage/project/hidden/", "/manage/project/hidden/visibility/", "/project/hidden/", "/project/demo/2.0/",
        "/admin/", "/manage/project/errand/",
    ],
    "chair": ["/manage/project/lodge/people/", "/manage/project/lodge/transfer/?organization=guild"],
    "operator": [
        "/admin/triage/", "/admin/triage/?status=accepted", "/admin/triage/?status=later", "/admin/triage/CVE-1999-1/",
        "/security/cases/", "/bundled/?library=libwebp", "/admin/cases/2/",
        "/manage/project/lodge/settings/", "/manage/project/demo/transfer/?organization=guild",
        "/manage/project/demo/delete/?version=2.0", "/admin/accounts/?q=nobody-at-all", "/admin/cases/99/",
    ],
}  # fmt: skip
ANSWERS: Mapping[Kind, list[tuple[str, str, dict[str, str]]]] = {
    "anonymous": [
        ("/account/sign-in/", "/account/sign-in/", {"name": "alice", "password": "wrong"}),
        ("/account/reset/", "/account/reset/", {"name": "nobody"}),
        ("/security/report/", "/security/report/", {"title": "", "text": "Look at line 3."}),
        ("/security/report/", "/security/report/", {"title": "It leaks", "text": "Look at " + "a" * 200}),
    ],
    "owner": [
        ("/account/tokens/", "/account/tokens/", {"note": "ci"}),
        ("/account/password/", "/account/password/", {"password": "one thing", "again": "another"}),
        ("/project/demo/report/", "/project/demo/report/", {"kind": "malware"}),
        ("/manage/project/demo/webhooks/", "/manage/project/demo/webhooks/", {"url": "https://hooks.invalid/", "events": "*"}),
        ("/account/", "/account/sessions/end/", {"session": "0" * 64}),
        # A list of which nothing is known yet, and the page that has it.
        ("/account/standing/", "/account/standing/", {"title": "clean", "components": "face-bare==1.0"}),
        ("/account/standing/", "/account/standing/", {"title": "another", "components": "face-bare"}),
        ("/manage/project/demo/vex/", "/manage/project/demo/vex/", {"vulnerability": "CVE-2026-1"}),
    ],
    "operator": [
        ("/admin/advisories/new/", "/admin/advisories/new/", {"details": "A hole.", "affected": "demo: < 2", "do": "show"}),
        ("/admin/advisories/new/", "/admin/advisories/new/", {"details": "A hole.", "affected": "demo < two", "do": "save"}),
        ("/admin/views/main/", "/admin/views/main/", {"policy": 'level = "strict"\n[[rule]]\nname = "x"\ndeny-if.kind = "sdist"\n'}),
        ("/admin/views/main/", "/admin/views/main/", {"policy": 'level = "strict"\n[[rule]]\nname = "x"\ndeny-if.kinf = "sdist"\n'}),
    ],
}  # fmt: skip
"""Pages that forms are answered with: the page with the form's token, where the form goes, and its fields."""


@dataclass
class Looker:
    """A page in the browser, and what it has said since it was last asked."""

    index: Index
    page: Page
    said: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.add_init_script(WATCH)
        self.page.on(
            "console", lambda message: self._hear(message.text) if message.type in ("error", "warning") else None
        )
        self.page.on("pageerror", lambda error: self._hear(str(error)))
        self.page.on("requestfailed", self._failed)
        self.page.on(
            "request", lambda request: None if request.url.startswith(self.index.url) else self._hear(request.url)
        )

    def _failed(self, request: Request) -> None:
        # Chromium gives up what it still fetches for a page that is left, its icon for example. That is no fault of it.
        if request.failure != "net::ERR_ABORTED":
            self._hear(f"failed: {request.url}: {request.failure}")

    def _hear(self, text: str) -> None:
        # Chromium mentions each page that is answered with an error.
        if not text.startswith("Failed to load resource: the server responded with a status of 4"):
            self.said.append(text)

    def look(self, where: str) -> None:
        """Note what is wrong with the page that is open, in every sight."""
        page = self.page
        self._note(where, *page.evaluate("violations"), *self.said)
        if page.locator("h1").count() == 0 or page.evaluate(STRANGE_SCRIPTS):
            self._note(where, "has no h1, or has scripts that are no file of ours")
        for details in page.locator("details").all()[:5]:
            details.evaluate("node => { node.open = true }")
        self._note(where, *faults(page))
        self.said.clear()

    def _note(self, where: str, *faults: str) -> None:
        self.faults += [f"{where}: {fault}" for fault in faults]


@pytest.mark.parametrize("kind", ["anonymous", "owner", "chair", "operator"])
def test_every_page_is_quiet_fits_and_axe_finds_nothing_light_dark_and_on_a_phone(
    index: Index, browser: Browser, kind: Kind
) -> None:
    context = browser.new_context()
    looker = Looker(index, context.new_page())
    if kind != "anonymous":
        sign_in(index, looker.page, NAMES[kind])
    pages = index.pages(kind)
    assert len(pages) > 5
    for address in pages:
        looker.page.goto(index.url + address)
        looker.look(address)
    for page, address, fields in ANSWERS.get(kind, []):
        looker.page.goto(index.url + page)
        with looker.page.expect_navigation():
            looker.page.evaluate(SEND, [address, fields])
        looker.look(f"the answer of {address}")
    context.close()
    assert not looker.faults, "\n".join(looker.faults)


def sign_in(index: Index, page: Page, name: str) -> None:
    page.goto(f"{index.url}/account/sign-in/")
    page.get_by_label("User name or e-mail address").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/account/")


def test_the_front_page_leads_to_a_project_and_its_file(index: Index, browser: Browser) -> None:
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


def test_a_description_loads_no_image_and_runs_nothing(index: Index, browser: Browser) -> None:
    page = browser.new_page(java_script_enabled=False)
    page.goto(f"{index.url}/project/face-rich/")
    assert page.locator(".prose img").count() == 0
    assert page.locator(".prose .image").count() > 0
    assert "sha256:" in page.inner_text("main")
    page.close()


def test_what_cannot_be_read_in_the_dark_is_found_on_each_page_that_has_it(browser: Browser) -> None:
    """Colours are looked at once, those that are right; so this shows that the others are found again."""
    page = browser.new_page()
    for wrong in ("", "color: #222;", "color: #222;", ""):
        page.set_content(
            "<html lang=en><title>Dark</title><style>@media (prefers-color-scheme: dark) "
            f"{{ body {{ background: #111; color: #eee }} p {{ {wrong} }} }}</style><main><h1>Dark</h1><p>Words</p></main>"
        )
        assert [fault.partition(":")[0] for fault in faults(page)] == (
            ["in the dark it violates color-contrast"] if wrong else []
        )
    page.close()

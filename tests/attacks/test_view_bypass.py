"""P25: no way leads past the policy of a view. What a listing does not have, no address hands out, however it is asked.

The matrix: every file of an upstream (let in, hidden, denied, held, removed, yanked; wheels, sdists, metadata, provenance)
by JSON page, HTML page and direct request, in several spellings, by several verbs and headers, in two views.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import unquote

import pytest
from starlette.types import Message

from clock import TurnableClock
from conftest import Where, prepared, settings_for
from customhouse.infra.walkers import Walkers
from customhouse.mirror.object_tables import mirrored_attestation
from letting_in import MOMENT, OPEN, LettingIn, letting_in
from packages import sdist, wheel
from upstream_world import HTML_TYPE, JSON_TYPE, upstream_world

pytestmark = pytest.mark.slow
RULES = """level = "open"
[[rule]]
name = "no old ones"
deny-if.version = "==0.9"
[[rule]]
name = "wait"
hide-if.age = "< 7d"
[[rule]]
name = "look first"
hold-if.filename = "*-4.0-*"
unknown = "hold"
[[rule]]
name = "no sources of 3"
deny-if = { kind = "sdist", version = "==3.0" }
"""
OLD, GOOD, NEW, HELD = (wheel("demo", version) for version in ("0.9", "1.0", "2.0", "4.0"))
BUILT, SOURCE = wheel("demo", "3.0"), sdist("demo", "3.0")
GONE = wheel("demo", "1.5")
LET_IN = {GOOD.filename, BUILT.filename}
FORBIDDEN = {OLD.filename, NEW.filename, HELD.filename, SOURCE.filename, GONE.filename}
EVERY = {one.filename: one for one in (OLD, GOOD, NEW, HELD, BUILT, SOURCE, GONE)}


@dataclass
class Gate:
    """The view, and what upstream was asked for before anybody tried anything."""

    views: LettingIn

    def ask(self, address: str) -> tuple[int, bytes]:
        """A request for exactly this address: any client would tidy it up before it asks."""
        said: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Message) -> None:
            said.append(message)

        client = self.views.world.client
        scope = {
            "type": "http", "method": "GET", "path": unquote(address), "raw_path": address.encode(), "query_string": b"",
            "headers": [(b"host", b"index.test")], "scheme": "http", "server": ("index.test", 80), "root_path": "",
            "client": ("127.0.0.1", 9), "http_version": "1.1", "extensions": {},
        }  # fmt: skip
        assert client.portal is not None
        client.portal.call(client.app, scope, receive, send)
        return said[0]["status"], b"".join(one.get("body", b"") for one in said[1:])

    def holds_any(self, body: bytes) -> bool:
        """Whether there are bytes of a forbidden file in it, or of its metadata."""
        secret = [EVERY[name].body for name in FORBIDDEN] + [EVERY[name].metadata.encode() for name in FORBIDDEN]
        return bool(body) and any(body in one or one in body for one in secret)


@pytest.fixture(scope="module")
def gate(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, walkers: Walkers) -> Iterator[Gate]:
    clock = TurnableClock()
    settings = prepared(settings_for(Where(), tmp_path_factory.mktemp("gate") / "data", request), request)
    with upstream_world() as upstream:
        for one in EVERY.values():
            young = {"uploaded_at": clock.now() - timedelta(days=1)} if one is NEW else {}
            upstream.add(one, **young)
        with letting_in(settings, upstream, clock, walkers, policy=RULES) as views:
            # Another view lets all of it in, so all bytes are here.
            views.add("open", OPEN)
            for name in EVERY:
                assert views.file(name, view="open").status_code == 200
                if name.endswith(".whl"):
                    assert views.file(f"{name}.metadata", view="open").status_code == 200
            project = upstream.projects["demo"]
            project.files.remove(project.file(GONE.filename))
            with views.world.app.database.write() as sql:
                for name, one in EVERY.items():
                    sql.execute(mirrored_attestation.insert().values(
                        upstream="pypi", filename=name, project="demo", digest=one.sha256, outcome="verified", why="",
                        publishers=[], body='{"version": 1}', url="https://example.org/", checked_at=clock.now(),
                    ))  # fmt: skip
            views.turn(MOMENT)
            # A page may be a little behind its files: it is served while it is renewed.
            views.page("demo")
            views.settle()
            yield Gate(views)


def test_all_representations_list_the_same_and_only_what_is_let_in(gate: Gate) -> None:
    assert gate.views.listed("demo") == LET_IN
    for accept in (JSON_TYPE, HTML_TYPE, "text/html", "application/vnd.pypi.simple.latest+json", "*/*"):
        for query in ("", f"?format={JSON_TYPE.replace('+', '%2B')}", "?format=text/html"):
            answer = gate.views.get(f"/simple/demo/{query}", accept=accept)
            if answer.status_code == 200:
                listed = re.findall(r'(?:href="|"url":")\.\./\.\./files/demo/([^"#]+)', answer.text)
                assert set(listed) == LET_IN


@pytest.mark.parametrize("name", sorted(EVERY))
def test_pages_and_files_agree(gate: Gate, name: str) -> None:
    wanted = 200 if name in LET_IN else 403
    for verb in ("GET", "HEAD"):
        assert gate.views.get(f"/files/demo/{name}", verb=verb).status_code == wanted
        if name.endswith(".whl"):
            assert gate.views.get(f"/files/demo/{name}.metadata", verb=verb).status_code == wanted
    version = EVERY[name].metadata.partition("\nVersion: ")[2].partition("\n")[0]
    assert gate.views.get(f"/integrity/demo/{version}/{name}/provenance").status_code == wanted
    if wanted == 403:
        told = gate.views.file(name).json()
        assert told["rule"]
        assert told["reason"]
        assert told["nearest"] in ("1.0", "3.0")


@pytest.mark.parametrize("headers", [
    {"range": "bytes=0-"}, {"range": "bytes=-22"}, {"range": "bytes=0-0,5-9"}, {"if_none_match": "*"},
    {"if_range": '"x"', "range": "bytes=0-99"}, {"accept_encoding": "gzip"}, {"authorization": "Basic X190b2tlbl9fOng="},
    {"x_original_url": "/view/open/files/demo/x"}, {"x_forwarded_prefix": "/view/open"}, {"cookie": "view=open"},
], ids=str)  # fmt: skip
@pytest.mark.parametrize("name", sorted(FORBIDDEN))
def test_no_header_opens_what_is_forbidden(gate: Gate, name: str, headers: dict[str, str]) -> None:
    for path in (name, f"{name}.metadata"):
        answer = gate.views.get(f"/files/demo/{path}", **headers)
        assert answer.status_code in (401, 403)
        assert not gate.holds_any(answer.content)


@pytest.mark.parametrize("name", sorted(FORBIDDEN))
def test_no_spelling_and_no_other_door_leads_to_it(gate: Gate, name: str) -> None:
    odd = name.replace("demo", "Demo", 1)
    for address in (
        f"/view/main/files/Demo/{name}", f"/view/main/files/demo/{odd}", f"/view/main/files/demo/./{name}",
        f"/view/main/files/demo//{name}", f"/view/main/files/demo/%2e%2e/demo/{name}", f"/view/main/files/demo%2f{name}",
        f"/view/main/files/demo/{name}/", f"/view/main/files/demo/{name}%00",
        f"/view/main/files/demo/{name};x", f"/view/main/files/demo/{name}%20", f"/view/main/files/other/{name}",
        f"/view/main//files/demo/{name}", f"/view/./main/files/demo/{name}", f"/view/MAIN/files/demo/{name}",
        f"/view/main/../open/files/demo/{name}", f"/view/main/files/../../open/files/demo/{name}",
        f"/view/main/files/%2e%2e%2f%2e%2e%2fopen%2ffiles%2fdemo%2f{name}", f"/files/demo/{name}", f"/packages/demo/{name}",
        f"/view//files/demo/{name}", f"/VIEW/open/files/demo/{name}", f"/view/@main/files/demo/{name}",
        f"/view/main/files/demo/{name}.metadata.metadata", f"/view/main/simple/demo/{name}",
        f"/view/main/simple/demo/../../../open/files/demo/{name}", f"/stage/main/files/{name}",
    ):  # fmt: skip
        status, body = gate.ask(address)
        assert status in (301, 400, 403, 404, 405), address
        assert not gate.holds_any(body), address


def test_a_name_is_one_project_however_it_is_spelled(gate: Gate) -> None:
    for spelled in ("Demo", "DEMO", "demo_", "de.mo", "de-mo", "demo%20"):
        answer = gate.views.get(f"/simple/{spelled}/", accept=JSON_TYPE)
        assert answer.status_code in (301, 404), spelled
        if answer.status_code == 301:
            assert answer.headers["location"].startswith("../de")


def test_what_another_view_lets_in_it_lets_in_alone(gate: Gate) -> None:
    for name in FORBIDDEN - {GONE.filename}:
        assert gate.views.file(name, view="open").status_code == 200
        assert gate.views.file(name).status_code == 403


def test_no_shared_cache_may_keep_a_file_of_a_view(gate: Gate) -> None:
    for name in sorted(EVERY):
        for path in (name, f"{name}.metadata"):
            kept = gate.views.file(path).headers["cache-control"]
            assert {part.strip() for part in kept.split(",")} & {"private", "no-store"}
    page = gate.views.page("demo").headers
    assert "s-maxage=30" in page["cache-control"]
    assert "accept" in page["vary"].lower()


def test_upstream_is_never_asked_for_bytes_that_no_view_lets_in(
    tmp_path: Path, request: pytest.FixtureRequest, walkers: Walkers, clock: TurnableClock
) -> None:
    settings = prepared(settings_for(Where(), tmp_path / "data", request), request)
    with upstream_world() as upstream:
        for one in EVERY.values():
            upstream.add(one, **({"uploaded_at": clock.now()} if one is NEW else {}))
        with letting_in(settings, upstream, clock, walkers, policy=RULES) as views:
            for name in sorted(FORBIDDEN - {GONE.filename}):
                assert views.file(name).status_code == 403
                assert views.file(f"{name}.metadata").status_code == 403
                assert upstream.count(upstream.file_path("demo", name)) == 0
                assert upstream.count(upstream.file_path("demo", f"{name}.metadata")) == 0

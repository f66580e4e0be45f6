"""Hostile and malformed sessions of Upload 2.0: nothing is published, nothing is disclosed, nothing breaks us (A1, A47).

Tables of senders, states, requests and bodies are multiplied; each test counts what it tried, more than 500 sessions in
all. Whoever may not act on a session gets, byte for byte, what he would get if there were none.
"""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from hashlib import sha256
from itertools import product
from typing import Any

import httpx2 as httpx
import pytest
from starlette.testclient import TestClient

from clock import TurnableClock
from customhouse.accounts.tokens import CreateToken
from customhouse.app import open_app
from customhouse.index.staging.expire import expire_sessions
from customhouse.infra.settings import Settings
from customhouse.infra.walkers import Walkers
from customhouse.terms.encode import new_id
from customhouse.terms.scope import scope_for
from customhouse.web.asgi import build
from packages import Dist, sdist, wheel
from staging import MEDIA_TYPE, META, Body, Stager
from world import World

BROKEN = Dist(wheel().filename, wheel().body[:400], "", "bdist_wheel")
BYTES, PARTS = "http-post-bytes", "vnd-customhouse-parts"
SEED = 694


@pytest.fixture(scope="module")
def siege(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, walkers: Walkers
) -> Iterator[World]:
    """One world for all of it; every invariant holds at the end."""
    data = tmp_path_factory.mktemp("siege") / "data"
    shutil.copytree(request.getfixturevalue("blank"), data)
    settings = Settings.model_validate({"data": data, "deferred_check_bytes": 2000})
    clock = TurnableClock()
    with (
        open_app(settings, clock=clock, walkers=walkers) as app,
        TestClient(build(app), base_url="http://index.test", raise_server_exceptions=False) as client,
    ):
        made = World(app, clock, client)
        assert made.upload(wheel("demo", "0.1"), version="0.1").status == 200
        assert made.upload(wheel("other", "0.1"), user="mallory", name="other", version="0.1").status == 200
        yield made
        made.app.sweep()
        made.check()


@dataclass(frozen=True)
class State:
    """A session and a file of it, in some state."""

    name: str
    session: Body
    file: Body


def in_every_state(world: World, version: str) -> list[State]:
    """A session of demo for each state that a session and its file can be in; those of other tests have ended."""
    world.clock.turn(timedelta(days=15))
    expire_sessions(world.app.deeds)
    alice = Stager(world.client, world.user())
    found: list[State] = []

    def begin(name: str, dist: Callable[[str], Dist], mechanism: str = BYTES) -> State:
        own = f"{version}.{len(found)}"
        session = alice.session("demo", own)
        announced = alice.announce(session, dist(own), mechanism=mechanism)
        assert announced.status_code == 202, announced.text
        state = State(name, session, announced.json())
        found.append(state)
        return state

    def good(own: str) -> Dist:
        return wheel("demo", own)

    begin("pending", good)
    begin("pending, in parts", good, PARTS)
    received = begin("received", good)
    alice.post_bytes(received.file, good(f"{version}.2").body)
    completed = begin("completed", good)
    alice.post_bytes(completed.file, good(f"{version}.3").body)
    assert alice.complete(completed.file).status_code == 201
    failed = begin("error", good)
    assert alice.complete(failed.file).status_code == 400
    large = begin("processing", _large)
    alice.post_bytes(large.file, _large(f"{version}.5").body)
    assert alice.complete(large.file).status_code == 202
    deleted = begin("deleted", good)
    alice.ask("DELETE", deleted.file["links"]["file-upload-session"])
    canceled = begin("canceled", good)
    alice.ask("DELETE", canceled.session["links"]["session"])
    return found


def _large(version: str) -> Dist:
    """A wheel that the worker examines: its bytes do not shrink."""
    noise = b"".join(sha256(bytes([number])).digest() for number in range(128))
    return wheel("demo", version, files={"demo/noise.bin": noise})


Ask = Callable[[Stager, Body, Body], httpx.Response]
REQUESTS: dict[str, Ask] = {
    "status": lambda who, session, _file: who.ask("GET", session["links"]["session"]),
    "cancel": lambda who, session, _file: who.ask("DELETE", session["links"]["session"]),
    "publish": lambda who, session, _file: who.publish(session),
    "extend": lambda who, session, _file: who.ask("POST", session["links"]["extend"], **{"extend-for": 60}),
    "announce": lambda who, session, _file: who.announce(session, sdist()),
    "file status": lambda who, _session, file: who.ask("GET", file["links"]["file-upload-session"]),
    "delete file": lambda who, _session, file: who.ask("DELETE", file["links"]["file-upload-session"]),
    "complete": lambda who, _session, file: who.complete(file),
    "extend file": lambda who, _session, file: who.ask("POST", file["links"]["extend"], **{"extend-for": 60}),
    "bytes": lambda who, _session, file: who.send("POST", f"{_own(file)}bytes/", b"x", "application/octet-stream"),
    "part": lambda who, _session, file: who.put_part({"mechanism": {"parts_url": f"{_own(file)}parts/"}}, 0, b"x"),
    "parts": lambda who, _session, file: who.ask("GET", f"{_own(file)}parts/"),
    "attest": lambda who, _session, file: who.send("POST", f"{_own(file)}attestations/", b"[]", "application/json"),
}  # fmt: skip
"""Everything that can be asked of a session, each as it should be."""


def _own(file: Body) -> str:
    return str(file["links"]["file-upload-session"])


def unknown(state: State) -> tuple[Body, Body]:
    """The same addresses with ids that were never given out."""
    text = json.dumps([state.session, state.file])
    session_id = state.session["links"]["session"].rstrip("/").rpartition("/")[2]
    file_id = _own(state.file).rstrip("/").rpartition("/")[2]
    for known in (session_id, file_id):
        text = text.replace(known, new_id())
    text = text.replace(state.session["session-token"], "0" * 64)
    session, file = json.loads(text)
    return session, file


def strangers(world: World) -> dict[str, Stager]:
    """Senders who may not act on sessions of demo."""
    world.user("mallory")

    def token(user: str, **limits: Any) -> Stager:
        wish = CreateToken(user, scope=scope_for(**limits))
        return Stager(world.client, world.app.create_token(wish).text)

    return {
        "nobody": Stager(world.client, ""),
        "no token of ours": Stager(world.client, "ch1.aaaa.bbbb"),
        "owner of another project": Stager(world.client, world.user("mallory")),
        "her token for another project": token("alice", projects=["other"]),
        "her token for another version": token("alice", versions=["==99"]),
        "her token that only reads": token("alice", actions=["read"]),
        "her token from elsewhere": token("alice", networks=["192.0.2.0/24"]),
    }


def listed(world: World) -> str:
    """What readers see of demo, and which names there are."""
    accept = {"accept": "application/vnd.pypi.simple.v1+json"}
    pages = [world.client.get(address, headers=accept).json() for address in ("/simple/demo/", "/simple/")]
    return json.dumps([pages[0]["files"], pages[0]["versions"], pages[1]["projects"]])


def told(answer: httpx.Response) -> tuple[object, ...]:
    """An answer, but for what is new in each."""
    headers = {name: value for name, value in answer.headers.items() if name != "date"}
    return answer.status_code, headers, answer.text


@pytest.mark.slow
def test_strangers_cannot_tell_a_session_from_none_in_whatever_state(siege: World) -> None:
    states, before, tried = in_every_state(siege, "1"), listed(siege), 0
    shown = [REQUESTS["status"](Stager(siege.client, siege.user()), one.session, one.file).text for one in states]
    for state, (who, stranger) in product(states, strangers(siege).items()):
        for request, ask in REQUESTS.items():
            there, nowhere = ask(stranger, state.session, state.file), ask(stranger, *unknown(state))
            where = f"{who} asks {request} of a session that is {state.name}"
            assert there.status_code in (401, 403), f"{where}: {there.status_code} {there.text}"
            assert told(there) == told(nowhere), where
            tried += 1
    assert listed(siege) == before
    assert [
        REQUESTS["status"](Stager(siege.client, siege.user()), one.session, one.file).text for one in states
    ] == shown, "nobody has changed anything"
    assert tried >= 700


@pytest.mark.slow
def test_strangers_cannot_tell_a_session_by_opening_one(siege: World) -> None:
    states = in_every_state(siege, "2")
    versions = [*(f"2.{number}" for number in range(len(states))), "2.77"]
    for stranger in strangers(siege).values():
        answers = [stranger.open("demo", version) for version in versions]
        said = {
            (one.status_code, one.text.replace(f"for {version}.", "for VERSION."), "location" in one.headers)
            for one, version in zip(answers, versions, strict=True)
        }
        assert len(said) == 1, said
        assert answers[0].status_code in (401, 403)


MALFORMED: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", MEDIA_TYPE),
    "no JSON": (b"{", MEDIA_TYPE),
    "a list": (b"[]", MEDIA_TYPE),
    "no version": (b"{}", MEDIA_TYPE),
    "another version": (b'{"meta": {"api-version": "3.0"}}', MEDIA_TYPE),
    "a key twice": (b'{"meta": {"api-version": "2.0"}, "meta": {"api-version": "2.0"}}', MEDIA_TYPE),
    "depth": (b'{"meta": {"api-version": "2.0"}, "x": ' + b"[" * 5000 + b"]" * 5000 + b"}", MEDIA_TYPE),
    "a number without end": (b'{"meta": {"api-version": "2.0"}, "size": ' + b"9" * 6000 + b"}", MEDIA_TYPE),
    "half a character": (b'{"meta": {"api-version": "2.0", "x": "\\ud800"}}', MEDIA_TYPE),
    "no UTF-8": (b'{"meta": {"api-version": "2.0", "x": "\xff"}}', MEDIA_TYPE),
    "infinity": (b'{"meta": {"api-version": "2.0"}, "extend-for": Infinity}', MEDIA_TYPE),
    "too much": (b" " * 70_000, MEDIA_TYPE),
    "another type": (json.dumps({"meta": META}).encode(), "text/plain"),
    "a form": (b"name=demo&version=1.0", "application/x-www-form-urlencoded"),
}
DOCUMENTS = ("open", "publish", "extend", "announce", "complete", "extend file")


@pytest.mark.slow
def test_no_malformed_document_is_more_than_refused(siege: World) -> None:
    alice, before, tried = Stager(siege.client, siege.user()), listed(siege), 0
    for state in in_every_state(siege, "3"):
        shown = alice.ask("GET", state.session["links"]["session"]).text
        own = {
            "open": "/upload/", "publish": state.session["links"]["publish"],
            "extend": state.session["links"]["extend"], "announce": state.session["links"]["upload"],
            "complete": state.file["links"]["complete"], "extend file": state.file["links"]["extend"],
        }  # fmt: skip
        for what, (name, (body, kind)) in product(DOCUMENTS, MALFORMED.items()):
            answer = alice.send("POST", own[what], body, kind)
            assert 400 <= answer.status_code < 500, f"{name} to {what} ({state.name}): {answer.text}"
            assert answer.headers["content-type"] == "application/problem+json"
            tried += 1
        assert alice.ask("GET", state.session["links"]["session"]).text == shown, state.name
    assert listed(siege) == before
    assert tried >= 600


@dataclass(frozen=True)
class Walk:
    """A session whose file cannot be whole, and every step that its maker can take."""

    who: Stager
    session: Body
    file: Body
    version: str
    announced: bytes

    def steps(self) -> dict[str, Callable[[], httpx.Response]]:
        half = len(self.announced) // 2 + 1
        return {
            "truncated": partial(self._bytes, self.announced[:-1]),
            "whole": partial(self._bytes, wheel("demo", self.version).body),
            "announced": partial(self._bytes, self.announced),
            "part": partial(self._part, 0, self.announced[:half]),
            "other part": partial(self._part, half, self.announced[half:] or b"x"),
            "complete": partial(self.who.complete, self.file),
            "publish": partial(self.who.publish, self.session),
            "announce again": partial(self.who.announce, self.session, wheel("demo", self.version)),
            "extend": partial(self.who.ask, "POST", self.session["links"]["extend"], **{"extend-for": 9}),
            "open again": partial(self.who.open, "demo", self.version),
        }

    def _bytes(self, body: bytes) -> httpx.Response:
        return self.who.send("POST", f"{_own(self.file)}bytes/", body, "application/octet-stream")

    def _part(self, offset: int, body: bytes) -> httpx.Response:
        return self.who.put_part({"mechanism": {"parts_url": f"{_own(self.file)}parts/"}}, offset, body)


@pytest.mark.slow
def test_no_order_of_steps_publishes_a_file_that_is_not_whole(siege: World) -> None:
    """Random walks over every step, with bytes that are truncated, swapped, of others, or replayed."""
    alice = Stager(siege.client, siege.user())
    before, chance, tried = listed(siege), random.Random(SEED), 0  # noqa: S311 - no secret
    for number in range(60):
        version = f"4.{number}"
        good = wheel("demo", version)
        bad = replace(good, body=good.body[: chance.randrange(1, len(good.body))])
        session = alice.session("demo", version)
        file = alice.announce(session, bad, mechanism=chance.choice((BYTES, PARTS))).json()
        steps = Walk(alice, session, file, version, bad.body).steps()
        for step in chance.choices(list(steps), k=8):
            answer = steps[step]()
            assert answer.status_code < 500, f"walk {number}, {step}: {answer.text}"
            assert not (step == "publish" and answer.status_code < 400), f"walk {number} has published"
            tried += 1
        assert alice.ask("DELETE", session["links"]["session"]).status_code == 204
        assert {steps[step]().status_code for step in ("announced", "complete", "publish")} == {409}
    assert listed(siege) == before
    assert tried >= 480


@pytest.mark.slow
def test_an_expired_session_does_nothing_any_more(siege: World) -> None:
    alice = Stager(siege.client, siege.user())
    states, before = in_every_state(siege, "5"), listed(siege)
    siege.clock.turn(timedelta(days=14))
    for state in states:
        for request, ask in REQUESTS.items():
            answer = ask(alice, state.session, state.file)
            assert answer.status_code < 500, f"{request}, {state.name}: {answer.text}"
            if request not in ("status", "file status", "parts", "cancel", "delete file", "extend file"):
                assert answer.status_code >= 400, f"{request}, {state.name}"
        stage = siege.client.get(state.session["links"]["stage"].replace("http://index.test", ""))
        assert stage.status_code == 404
    assert listed(siege) == before


@pytest.mark.slow
def test_what_was_published_is_not_published_again_nor_changed(siege: World) -> None:
    alice = Stager(siege.client, siege.user())
    session = alice.session("demo", "6.0")
    file = alice.add(session, wheel("demo", "6.0"))
    assert alice.publish(session).status_code == 201
    before = listed(siege)
    for request, ask in REQUESTS.items():
        answer = ask(alice, session, file)
        assert answer.status_code < 500, request
        if request in ("cancel", "publish", "extend", "announce", "delete file", "complete", "bytes", "part", "attest"):
            assert answer.status_code in (400, 409), f"{request}: {answer.status_code}"
    assert listed(siege) == before
    assert alice.ask("GET", session["links"]["session"]).json()["status"] == "published"


@pytest.mark.parametrize("token", ["0" * 64, "x", "a" * 500, "%00", "%2e%2e%2f", "\u00e9", "'--"])
def test_a_stage_that_is_none_is_404_whatever_its_token(siege: World, token: str) -> None:
    for rest in ("simple/", "simple/demo/", "files/demo-1.0-py3-none-any.whl", "files/x.metadata"):
        answer = siege.client.get(f"/stage/{token}/{rest}")
        assert answer.status_code in (400, 404), answer.text

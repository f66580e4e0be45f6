"""Races over both upload protocols: exactly one wins (P7, P8), a release appears as a whole (P9), also if we die in it."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import httpx2 as httpx
import pytest
from starlette.testclient import TestClient

from clock import TurnableClock
from customhouse.accounts.tokens import CreateToken
from customhouse.accounts.users import AddUser, add_user
from customhouse.app import open_app
from customhouse.infra.settings import Settings
from customhouse.infra.spool import empty_spool
from customhouse.infra.walkers import Walkers
from customhouse.web.asgi import build
from packages import Dist, wheel
from staging import Body, Stager, path_of
from world import Server, World, upload

pytestmark = pytest.mark.slow
JSON, HTML = {"accept": "application/vnd.pypi.simple.v1+json"}, {"accept": "text/html"}
RACERS = 8
PATIENCE_SECONDS = 20
MANY = 40
R = TypeVar("R")


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with two web processes; every invariant holds at the end."""
    environment = {"CUSTOMHOUSE_WEB_WORKERS": "2"}
    if request.param == "postgresql":
        environment["CUSTOMHOUSE_DATABASE"] = request.getfixturevalue("postgres").new_database()
    made = Server(tmp_path_factory.mktemp("races") / "data", environment=environment)
    made.start()
    try:
        yield made
        assert "✗" not in made.command("check")
    finally:
        made.stop()


def at_once(server: Server, works: list[Callable[[httpx.Client], R]]) -> list[R]:
    """Everybody begins at the same moment, each on a connection of his own."""
    barrier = threading.Barrier(len(works))

    def run(work: Callable[[httpx.Client], R]) -> R:
        with httpx.Client(base_url=server.url, timeout=60) as client:
            client.get("/-/health")
            barrier.wait()
            return work(client)

    with ThreadPoolExecutor(len(works)) as threads:
        return list(threads.map(run, works))


def page_soon(http: httpx.Client, name: str, is_there: Callable[[Any], bool]) -> Any:
    """A project's page as soon as it shows something. On PostgreSQL another process may need a second to see it."""
    deadline, pause = time.monotonic() + PATIENCE_SECONDS, threading.Event()
    while True:
        answer = http.get(f"/simple/{name}/", headers=JSON)
        if answer.status_code == httpx.codes.OK and is_there(page := answer.json()):
            return page
        assert time.monotonic() < deadline, answer.text
        pause.wait(0.05)


def _lists(filename: str, page: Any) -> bool:
    return any(one["filename"] == filename for one in page["files"])


def _publish(token: str, session: Body, client: httpx.Client) -> int:
    return Stager(client, token).publish(session).status_code


def _upload(token: str, dist: Dist, version: str, client: httpx.Client) -> int:
    return upload(client, token, dist, name="demo", version=version).status


@pytest.mark.parametrize("rounds", [3, pytest.param(60, marks=pytest.mark.prove)])
def test_p7_of_legacy_uploads_and_publications_of_one_file_name_one_wins(server: Server, rounds: int) -> None:
    token = server.new_token()
    outcomes = set()
    with httpx.Client(base_url=server.url, timeout=60) as http:
        alice = Stager(http, token)
        for number in range(rounds):
            version = f"{rounds}.{number}"
            mine = wheel(version=version, files={"demo/staged.py": b"staged"})
            session = alice.session("demo", version)
            alice.add(session, mine)
            others = [wheel(version=version, files={"demo/o.py": f"{n}".encode()}) for n in range(RACERS)]
            works: list[Callable[[httpx.Client], int]] = [partial(_publish, token, session)] * RACERS
            answers = at_once(server, works + [partial(_upload, token, one, version) for one in others])
            published, sent = Counter(answers[:RACERS]), Counter(answers[RACERS:])
            assert published[201] + sent[200] == 1, (published, sent)
            assert published[409] == RACERS - published[201], (published, sent)
            assert sent[400] == RACERS - sent[200], (published, sent)
            page = page_soon(http, "demo", partial(_lists, mine.filename))
            (listed,) = [one for one in page["files"] if one["filename"] == mine.filename]
            winner = mine if published[201] else others[answers[RACERS:].index(200)]
            assert listed["hashes"]["sha256"] == winner.sha256
            assert http.get(f"/files/demo/{mine.filename}").content == winner.body
            assert alice.status(session)["status"] == ("published" if published[201] else "open")
            if not published[201]:
                assert alice.send("DELETE", session["links"]["session"], None, "").status_code == 204
            outcomes.add(bool(published[201]))
    assert outcomes


def test_p8_of_sessions_and_uploads_that_claim_one_name_one_gets_it(server: Server) -> None:
    names = ["claim", "cla1m", "c-laim", "Claim", "CLA-IM", "clalm"]
    tokens = [server.new_token(f"claimant{number}") for number in range(len(names))]

    def claim(number: int, client: httpx.Client) -> int:
        if number % 2:
            return Stager(client, tokens[number]).open(names[number]).status_code
        return upload(client, tokens[number], wheel(names[number]), name=names[number], version="1.0").status

    statuses = Counter(at_once(server, [partial(claim, number) for number in range(len(names))]))
    assert statuses[201] + statuses[200] == 1, statuses
    assert statuses[403] == len(names) - 1


def test_of_many_who_open_one_session_all_get_the_same(server: Server) -> None:
    token = server.new_token()
    answers = at_once(server, [lambda client: Stager(client, token).open("demo", "99.0")] * RACERS)
    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: RACERS - 1}
    assert len({answer.headers["location"] for answer in answers}) == 1


def test_p9_readers_see_none_or_all_of_a_release_of_forty_files(server: Server) -> None:
    token = server.new_token()
    over = threading.Event()
    seen: list[int] = []

    def read(accept: dict[str, str], client: httpx.Client) -> None:
        while not over.is_set():
            answer = client.get("/simple/whole/", headers=accept)
            count = 0 if answer.status_code == 404 else answer.text.count(".whl#") or answer.text.count('"filename"')
            seen.append(count)

    with httpx.Client(base_url=server.url, timeout=60) as http, ThreadPoolExecutor(4) as readers:
        alice = Stager(http, token)
        session = alice.session("whole")
        dists = [wheel("whole", tag=f"py3{n}-none-any", files={"whole/n.py": f"{n}".encode()}) for n in range(MANY)]
        for dist in dists:
            alice.add(session, dist)
        clients = [httpx.Client(base_url=server.url, timeout=60) for _ in range(4)]
        reading = [readers.submit(read, JSON if number % 2 else HTML, client) for number, client in enumerate(clients)]
        try:
            before = len(seen)
            while len(seen) < before + 50:
                over.wait(0.01)
            assert alice.publish(session).status_code == 201
            after = len(seen)
            while len(seen) < after + 50:
                over.wait(0.01)
        finally:
            over.set()
            for one in reading:
                one.result()
            for client in clients:
                client.close()
    assert set(seen) == {0, MANY}


PUBLISH = """
import sys
from pathlib import Path
from customhouse.app import open_app
from customhouse.infra.settings import Settings
with open_app(Settings(data=Path(sys.argv[1]))) as app:
    sender = app.sender(sys.argv[2])
    print("begin", flush=True)
    app.staging.publish(sys.argv[3], sender)
    print("acknowledged", flush=True)
    app.renderer.render_after_commit("demo")
    print("rendered", flush=True)
"""
WATCHED = "fsync,fdatasync,rename,link,linkat,unlink,unlinkat,pwrite64,write,ftruncate"


def _publication(data: Path, token: str, session: str, trace: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["strace", "-f", "-o", str(trace), "-e", "signal=none", "-e", f"trace={WATCHED}", *options, sys.executable, "-c",
         PUBLISH, str(data), token, session],
        check=False, capture_output=True, text=True, timeout=120,
    )  # fmt: skip


def _staged(data: Path, blank: Path, walkers: Walkers) -> tuple[str, str]:
    """A data folder with a release of five files that is ready; returns a token and the session's id."""
    shutil.copytree(blank, data)
    with (
        open_app(Settings(data=data), walkers=walkers) as app,
        TestClient(build(app), base_url="http://index.test") as client,
    ):
        app.do(add_user, AddUser("alice"))
        token = app.create_token(CreateToken("alice")).text
        alice = Stager(client, token)
        session = alice.session()
        for number in range(5):
            alice.add(session, wheel(tag=f"py3{number}-none-any", files={"demo/n.py": f"{number}".encode()}))
        return token, path_of(session["links"]["session"]).split("/")[-2]


def _listed_after(data: Path, walkers: Walkers) -> int:
    """How many files are there when the index is opened again, all invariants being true."""
    empty_spool(data)
    with (
        open_app(Settings(data=data), walkers=walkers) as app,
        TestClient(build(app), base_url="http://index.test") as client,
    ):
        page = client.get("/simple/demo/", headers=JSON)
        World(app, TurnableClock(), client).check()
        return len(page.json()["files"]) if page.status_code == 200 else 0


@pytest.mark.parametrize("points", [5, pytest.param(10_000, marks=pytest.mark.prove)])
def test_p1_a_publication_that_is_killed_has_published_all_or_nothing(
    tmp_path: Path, blank: Path, walkers: Walkers, points: int
) -> None:
    unused, trace = tmp_path / "unused", tmp_path / "trace"
    token, session = _staged(unused, blank, walkers)
    shutil.copytree(unused, tmp_path / "counted")
    done = _publication(tmp_path / "counted", token, session, trace)
    assert "rendered" in done.stdout, done.stderr[-2000:]
    kinds = [line.split(None, 1)[1] for line in trace.read_text().splitlines() if "(" in line and "resumed" not in line]
    begin = next(number for number, call in enumerate(kinds) if '"begin' in call)
    names = [call.partition("(")[0] for call in kinds]
    places = [(name, names[: at + 1].count(name)) for at, name in enumerate(names) if at > begin]
    assert len(places) > 10
    outcomes = set()
    for kind, count in places[:: max(1, len(places) // points)]:
        data = tmp_path / f"{kind}-{count}"
        shutil.copytree(unused, data)
        killed = _publication(data, token, session, trace, "-e", f"inject={kind}:signal=KILL:when={count}")
        assert killed.returncode == -signal.SIGKILL, f"it was to be killed at {kind} number {count}"
        found = _listed_after(data, walkers)
        assert found == 5 if "acknowledged" in killed.stdout else found in (0, 5), f"killed at {kind} number {count}"
        outcomes.add(found)
        shutil.rmtree(data)
    assert outcomes == {0, 5}


@pytest.mark.parametrize("rounds", [1, pytest.param(40, marks=pytest.mark.prove)])
def test_the_first_releases_of_one_new_name_are_published_at_once(server: Server, rounds: int) -> None:
    """One makes the project, while the others have their sessions in hand; nobody waits for somebody who waits."""
    token = server.new_token("founder")
    with httpx.Client(base_url=server.url, timeout=60) as http:
        alice = Stager(http, token)
        for number in range(rounds):
            name = f"founded-{rounds}-{number}"
            sessions = [alice.session(name, f"{version}.0") for version in range(RACERS)]
            for version, session in enumerate(sessions):
                alice.add(session, wheel(name, f"{version}.0"))
            answers = at_once(server, [partial(_publish, token, session) for session in sessions])
            assert Counter(answers) == {201: RACERS}
            page_soon(http, name, lambda page: len(page["versions"]) == RACERS)


def test_the_first_releases_of_one_new_name_are_opened_and_canceled_at_once(server: Server) -> None:
    """Whoever comes first: the name is kept as long as any of them is being made, and no longer."""
    token = server.new_token()

    def work(number: int, client: httpx.Client) -> list[int]:
        alice, statuses = Stager(client, token), []
        for turn in range(4):
            opened = alice.open("newcomer", f"{number % 3}.{turn}")
            statuses.append(opened.status_code)
            if opened.status_code == 201:
                statuses.append(alice.ask("DELETE", opened.json()["links"]["session"]).status_code)
        return statuses

    answers = at_once(server, [partial(work, number) for number in range(RACERS)])
    assert {status for statuses in answers for status in statuses} <= {201, 204, 409}
    other = server.new_token("other")
    with httpx.Client(base_url=server.url, timeout=60) as http:
        assert Stager(http, other).open("newcomer", "1.0").status_code == 201

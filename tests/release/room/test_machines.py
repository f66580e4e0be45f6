"""Machines as processes of their own at a real server: they build, rebuild, are killed, and end at the same place."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import httpx2 as httpx
import pytest

from build_service import BuildService, build_service
from command_line import customhouse
from customhouse.accounts.users import find_user
from customhouse.catalog.tables import project_role
from customhouse.index.new_project import CreateProject, new_project
from customhouse.infra.db import insert_new
from customhouse.release.codec import read_line
from customhouse.release.evidence.bundle import read_bundle
from customhouse.release.machine_key import MachineKey
from customhouse.release.room.tables import release_run
from customhouse.release.rules import replay
from customhouse.release.sealing import verify_lines
from customhouse.release.state import State
from customhouse.release.work.http_journal import HttpJournal
from customhouse.release.work.room_door import Place, RoomDoor
from customhouse.terms.clock import SystemClock
from meeting import PIPELINE
from servers import MORTAL
from world import Server

pytestmark = pytest.mark.slow
ACTING = Path(__file__).parents[2] / "acting.py"
PATIENCE_SECONDS = 60.0


@dataclass
class Yard:
    """A server, a build service, and machines."""

    server: Server
    service: BuildService
    folder: Path
    tokens: dict[str, str]
    run: str = ""
    machines: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def address(self) -> str:
        return f"{self.server.url}/api/release/runs/{self.run}"

    def program(self, name: str) -> dict[str, str]:
        return {"authorization": f"Bearer {self.tokens[name]}"}

    def open(self, text: str = "") -> None:
        pipeline = text or pipeline_of(self.service)
        document = {"pipeline": pipeline, "params": {"version": "1.0"}}
        answer = httpx.post(f"{self.server.url}/api/release/runs", json=document, headers=self.program("rosa"))
        assert answer.status_code == 201, answer.text
        self.run = answer.json()["run"]

    def decide(self, name: str, what: str, **more: str) -> httpx.Response:
        document = {"what": what, **more}
        return httpx.post(f"{self.address}/decisions", json=document, headers=self.program(name), timeout=30)

    def start(self, actor: str, **environment: str) -> subprocess.Popen[bytes]:
        """A machine of this actor, with a fresh ID token in case that it has not joined."""
        audience = httpx.get(f"{self.server.url}/_/oidc/audience").json()["audience"]
        subject = actor.replace("ci-", "builder-")
        token = self.folder / f"{actor}.token"
        token.write_text(self.service.token({"sub": subject, "aud": audience}))
        log = (self.folder / f"{actor}.log").open("ab")
        command = [
            *MORTAL, sys.executable, str(ACTING), f"{self.server.url}/release/run/{self.run}/", actor,
            str(self.folder / actor), str(token),
        ]  # fmt: skip
        with log:
            self.machines[actor] = subprocess.Popen(command, stderr=log, stdout=log, env={**os.environ, **environment})
        return self.machines[actor]

    def log(self, actor: str) -> str:
        return (self.folder / f"{actor}.log").read_text()

    @property
    def state(self) -> State:
        """The journal, verified and folded."""
        text = httpx.get(f"{self.address}/lines?after=-1", headers=self.program("rosa"), timeout=30).text
        lines = [read_line(line) for line in text.splitlines()]
        verify_lines(lines)
        return replay(lines)

    def until(self, what: str, holds: object) -> State:
        """Wait for a state."""
        assert callable(holds)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            state = self.state
            if holds(state):
                return state
            time.sleep(0.2)  # the state is polled as a person's page does
        logs = {name: self.log(name)[-1500:] for name in self.machines}
        raise AssertionError(
            f"not {what}: {state.status} {state.stop} { {n: s.status for n, s in state.steps.items()} } {logs}"
        )


def pipeline_of(service: BuildService, *, quorum: int = 3) -> str:
    """The usual one, with a rebuild by the other builder."""
    text = PIPELINE.format(issuer=service.url, factor="none", quorum=quorum, number=1)
    rebuilt = 'out = ["dists"]\nrebuild = { by = ["ci-b"], env = "ci-b", agree = 2 }\nchecks = ["rebuilds-agree"]'
    return text.replace('out = ["dists"]', rebuilt, 1)


@pytest.fixture(scope="module")
def stood(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yard]:
    folder = tmp_path_factory.mktemp("yard")
    with ExitStack() as stack:
        service = stack.enter_context(build_service(SystemClock()))
        server = Server(folder / "data")
        server._environment |= {
            "CUSTOMHOUSE_OIDC_ISSUERS": json.dumps([service.setting()]),
            "CUSTOMHOUSE_PRIVATE_NETWORKS_ALLOWED": json.dumps(["127.0.0.0/8"]),
        }
        server.start()
        stack.callback(server.stop)
        tokens = {name: server.new_token(name) for name in ("rosa", "wim", "mia")}
        with server.opened() as app:
            with app.database.read() as sql:
                owner, *others = (find_user(sql, name) for name in tokens)
            new_project(app.deeds, CreateProject("demo", owner.actor))
            with app.database.write() as sql:
                project = sql.exec_driver_sql("SELECT id FROM project WHERE normalized = 'demo'").scalar_one()
                for other in others:
                    insert_new(sql, project_role, project_id=project, account_id=other.id, role="maintainer")
        yield Yard(server, service, folder, tokens)


@pytest.fixture
def yard(stood: Yard, tmp_path: Path) -> Iterator[Yard]:
    made = Yard(stood.server, stood.service, tmp_path, stood.tokens)
    made.open()
    yield made
    for process in made.machines.values():
        process.kill()
        process.wait()
    if made.state.status not in ("released", "abandoned"):
        assert made.decide("rosa", "abort", why="The test is over.").is_success
        assert made.state.status == "abandoned"


def through_the_gate(yard: Yard) -> None:
    yard.until("asked", lambda state: state.steps["stop"].status == "asked")
    for name in ("rosa", "wim", "mia"):
        answer = yard.decide(name, "approve", step="stop")
        assert answer.is_success, answer.text


def test_two_builders_and_three_people_release_together(yard: Yard) -> None:
    yard.start("ci-a")
    yard.start("ci-b")
    assert yard.decide("rosa", "confirm").is_success
    through_the_gate(yard)
    state = yard.until("released", lambda state: state.status == "released")
    assert [one.by for one in state.steps["build"].rebuilds] == ["ci-b"]
    assert yard.machines["ci-a"].wait(20) == 0
    assert yard.machines["ci-b"].wait(20) == 0
    _brings_its_bundle(yard)


def _brings_its_bundle(yard: Yard) -> None:
    """A stranger does when it is published, without having joined; a member at once."""
    address = f"{yard.server.url}/release/run/{yard.run}/"
    with yard.server.opened() as app:
        app.room.bundle(yard.run, app.settings.data / "spool", app.roots)
    refused = customhouse("release", "bundle", address, folder=yard.folder)
    assert refused.returncode != 0
    assert "no such release run" in refused.stderr
    assert not list(yard.folder.glob("*.tar"))
    token = {"CUSTOMHOUSE_TOKEN": yard.tokens["rosa"]}
    done = customhouse("release", "bundle", address, "--output", "mine", folder=yard.folder, environment=token)
    assert done.returncode == 0, done.stderr
    with yard.server.opened() as app, app.database.write() as sql:
        sql.execute(release_run.update().values(published_at=app.clock.now()))
    done = customhouse("release", "bundle", address, folder=yard.folder)
    assert done.returncode == 0, done.stderr
    brought = (yard.folder / "demo-1.0.release.tar").read_bytes()
    assert (yard.folder / "mine" / "demo-1.0.release.tar").read_bytes() == brought
    assert read_bundle(brought).lines[0].run == yard.run


def test_people_open_and_answer_from_the_command_line(yard: Yard, tmp_path: Path) -> None:
    assert yard.decide("rosa", "abort", why="Another one is opened by a command.").is_success
    pipeline = tmp_path / "release_pipeline.toml"
    pipeline.write_text(pipeline_of(yard.service))

    def says(name: str, *arguments: str) -> str:
        environment = {**os.environ, "CUSTOMHOUSE_TOKEN": yard.tokens[name]}
        done = customhouse("release", *arguments, environment=environment)
        assert done.returncode == 0, done.stderr
        return done.stdout

    opened = says("rosa", "open", str(pipeline), "--index", yard.server.url, "--param", "version=1.0")
    address = opened.splitlines()[0]
    assert address.startswith(f"{yard.server.url}/release/run/")
    yard.run = address.rstrip("/").rpartition("/")[2]
    assert says("rosa", "confirm", address) == "You are around.\n"
    yard.start("ci-a")
    yard.start("ci-b")
    yard.until("asked", lambda state: state.steps["stop"].status == "asked")
    assert says("wim", "approve", address) == "You have said yes.\n"
    assert says("mia", "decline", address, "--why", "It is too late.") == "You have said no: the run stands still.\n"
    stop = yard.state.stop
    assert stop is not None
    assert (stop.code, stop.saw, stop.by) == ("declined", "It is too late.", "mac")


PLACES = (
    "before append: step-started", "after append: step-started", "before do: build", "after do: build",
    "after all: build", "before append: checked,step-done", "after append: checked,step-done",
)  # fmt: skip
SOON = "after do: build"
AT = [place if place == SOON else pytest.param(place, marks=pytest.mark.prove) for place in PLACES]


@pytest.mark.parametrize("place", AT)
def test_a_machine_that_is_killed_at_an_event_is_started_again_and_nothing_is_done_twice(
    yard: Yard, place: str
) -> None:
    mark = yard.folder / "died"
    first = yard.start("ci-a", DIE_AT=place, DIE_MARK=str(mark))
    yard.start("ci-b")
    assert yard.decide("rosa", "confirm").is_success
    assert first.wait(PATIENCE_SECONDS) == -9
    assert mark.read_text() == place
    yard.start("ci-a", DIE_AT=place, DIE_MARK=str(mark))
    through_the_gate(yard)
    state = yard.until("released", lambda state: state.status == "released")
    assert state.steps["build"].attempt == 1
    assert "done twice" not in yard.log("ci-a")


@pytest.mark.prove
def test_a_server_that_is_killed_and_comes_back_goes_on_where_it_was(yard: Yard) -> None:
    yard.start("ci-a")
    yard.start("ci-b")
    yard.server.kill()
    yard.server.start()
    assert yard.decide("rosa", "confirm").is_success
    yard.until("asked", lambda state: state.steps["stop"].status == "asked")
    yard.server.kill()
    yard.server.start()
    through_the_gate(yard)
    yard.until("released", lambda state: state.status == "released")
    assert yard.machines["ci-b"].wait(30) == 0


def test_a_builder_that_makes_something_else_stops_the_release(yard: Yard) -> None:
    yard.start("ci-a")
    yard.start("ci-b", LIE="ci-b")
    assert yard.decide("rosa", "confirm").is_success
    state = yard.until("stopped", lambda state: state.status == "stopped")
    assert state.stop is not None
    assert (state.stop.code, state.stop.by) == ("check:rebuilds-agree", "ci-b")
    assert "demo-1.0.tar.gz" in state.stop.saw


def test_a_step_may_read_the_journal_while_its_machine_reads_it(yard: Yard) -> None:
    """As a signing step does: it replays the journal in its own thread."""
    for _ in range(20):
        door = RoomDoor(Place.parse(f"{yard.server.url}/release/run/{yard.run}/"), tell=lambda _text: None)
        door.token = yard.tokens["rosa"]
        journal = HttpJournal(door, "rm", MachineKey.from_seed(b"anybody".ljust(32)))
        together = threading.Barrier(4)

        def read(journal: HttpJournal = journal, together: threading.Barrier = together) -> int:
            together.wait()
            return len(journal.read())

        with ThreadPoolExecutor(4) as threads:
            assert len({one.result() for one in [threads.submit(read) for _ in range(4)]}) == 1
        door.close()

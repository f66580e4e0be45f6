"""A machine's own side of a room: leases, lost answers, and a room that is believed in nothing."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest

from clock import TurnableClock
from customhouse.infra.blob_files import local_file
from customhouse.release.actions import Outcome, Problem, StepRun, Tampered
from customhouse.release.engine.perform import Words
from customhouse.release.events import Noted, StepStarted, Stopped
from customhouse.release.things import Thing
from customhouse.release.work.http_journal import HttpJournal
from customhouse.release.work.http_store import HttpStore
from customhouse.release.work.room_door import Place, RoomDoor
from customhouse.release.work.worker import Worker
from customhouse.terms.digest import Digest
from customhouse.terms.errors import Refused
from meeting import BODY, BUILT, Machine, Meeting, meeting

pytestmark = pytest.mark.slow
WAIT_SECONDS = 20
DOCS = """\
[[steps]]
id = "docs"
n = "1d"
title = "Build the docs"
actor = "ci-b"
env = "ci-b"
uses = "exec"
run = ["true"]
"""
REBUILT = 'out = ["dists"]\nrebuild = { by = ["ci-b"], env = "ci-b", agree = 2 }\nchecks = ["rebuilds-agree"]'


@pytest.fixture
def here(request: pytest.FixtureRequest, tmp_path: Path, clock: TurnableClock) -> Iterator[Meeting]:
    with meeting(request, tmp_path, clock) as made:
        text = made.pipeline().replace('out = ["dists"]', REBUILT, 1) + DOCS
        assert made.open(text=text).status_code == 201
        assert made.decide("rosa", "confirm").is_success
        yield made


def door_of(here: Meeting, machine: Machine, client: Any = None) -> RoomDoor:
    """A door that opens on the room of this process."""
    door = RoomDoor(Place(str(here.client.base_url).rstrip("/"), here.run), token=machine.token)
    door.close()
    here.client.headers["accept"] = "application/json"
    door._client = client or here.client
    return door


def journal_of(here: Meeting, machine: Machine, **more: Any) -> HttpJournal:
    return HttpJournal(door_of(here, machine, more.pop("client", None)), machine.actor, machine.key, **more)


@dataclass
class Does:
    """An action that is one function."""

    it: Callable[[StepRun], None]

    def do(self, run: StepRun) -> Outcome:
        self.it(run)
        return Outcome()

    def probe(self, _run: StepRun) -> Outcome | None:
        return None

    def undo(self, _run: StepRun) -> str:
        return "nothing to undo"


def worker_of(here: Meeting, machine: Machine, folder: Path, clock: TurnableClock, words: Words) -> Worker:
    journal = journal_of(here, machine)
    return Worker(
        journal=journal, room=journal, store=HttpStore(door_of(here, machine), folder / "objects"), key=machine.key,
        work=folder / "work", machine=machine.actor, actor=machine.actor, clock=clock, words=words, watch=False,
        engine_key=here.state.engine_key,
    )  # fmt: skip


def test_a_machine_that_builds_once_more_keeps_the_lease_of_its_own_step(
    here: Meeting, tmp_path: Path, clock: TurnableClock
) -> None:
    assert here.machine("ci-a").start("build").is_success
    rebuilding, renewed = threading.Event(), threading.Event()

    class Long(Words):
        def action(self, _name: str) -> Does:
            return Does(self.long)

        @staticmethod
        def long(run: StepRun) -> None:
            if run.step.id == "build":
                rebuilding.set()
                assert renewed.wait(WAIT_SECONDS)
                raise Problem("enough", "nobody waits for it")
            assert rebuilding.wait(WAIT_SECONDS)
            clock.turn(timedelta(minutes=4))
            assert renewed.wait(WAIT_SECONDS)

    worker = worker_of(here, here.machine("ci-b"), tmp_path, clock, Long())

    def renews(_state: object) -> None:
        starts = [one.event for one in worker.lines if isinstance(one.event, StepStarted) and one.event.step == "docs"]
        if len(starts) > 1:
            renewed.set()

    worker.changed = renews
    state = worker.conduct(until=lambda state: state.steps["docs"].status in ("done", "failed"))
    assert state.steps["docs"].status == "done", state.steps["docs"].failure
    assert {one.machine for one in state.steps.values() if one.id == "build"} == {"ci-a"}


class LosesAnswers:
    """A network that carries what is sent, and loses the first answers."""

    def __init__(self, client: httpx.Client, lost: int) -> None:
        self.client = client
        self.left = lost

    @contextmanager
    def stream(self, method: str, url: str, **more: Any) -> Iterator[httpx.Response]:
        with self.client.stream(method, url, **more) as answer:
            if method == "POST" and self.left:
                self.left -= 1
                raise httpx.ReadError("the connection is gone")
            yield answer


def test_a_machine_that_got_no_answer_finds_its_signature_and_says_nothing_twice(here: Meeting) -> None:
    machine = here.machine("ci-a")
    network = LosesAnswers(here.client, lost=1)
    journal = journal_of(here, machine, client=network)
    journal.read()
    journal.say([Noted("one")])
    journal.say([Noted("two")])
    assert network.left == 0
    assert [one.event.text for one in here.lines if isinstance(one.event, Noted)] == ["one", "two"]


def test_a_room_that_shows_another_past_than_before_is_found_out(here: Meeting, tmp_path: Path) -> None:
    machine, memory = here.machine("ci-a"), tmp_path / "seen.json"
    seen = journal_of(here, machine, memory=memory).head()
    assert journal_of(here, machine, memory=memory).head() == seen
    assert here.open(version="2.0", number=2).status_code == 201
    assert here.decide("rosa", "confirm").is_success
    other = here.machine("ci-a")
    with pytest.raises(Refused) as refused:
        journal_of(here, other, memory=memory).read()
    assert refused.value.code == "journal-forked"


def test_a_fault_of_an_action_that_builds_once_more_stops_the_run_and_ends_no_machine(
    here: Meeting, tmp_path: Path, clock: TurnableClock
) -> None:
    assert here.machine("ci-a").start("build").is_success

    class Faulty(Words):
        def action(self, _name: str) -> Does:
            return Does(self.fault)

        @staticmethod
        def fault(run: StepRun) -> None:
            if run.step.id == "build":
                raise ZeroDivisionError("by nothing")

    worker = worker_of(here, here.machine("ci-b"), tmp_path, clock, Faulty())
    state = worker.conduct(until=lambda state: state.status == "stopped")
    assert state.stop is not None
    assert "rebuild-failed" in [line.event.code for line in worker.lines if isinstance(line.event, Stopped)]


def test_what_comes_from_the_room_is_hashed_here(here: Meeting, tmp_path: Path) -> None:
    machine = here.machine("ci-a")
    assert machine.put(BODY).is_success
    store = HttpStore(door_of(here, machine), tmp_path / "objects")
    assert store.fetch(BUILT, tmp_path / "in").read_bytes() == BODY
    missing = Thing("other.txt", "sha256", hashlib.sha256(b"other").hexdigest(), 5)
    app = here.world.app
    with local_file(app.blobs, Digest(BUILT.digest), app.settings.data / "spool") as path:
        path.chmod(0o600)
        path.write_bytes(b"something else")
    fresh = HttpStore(door_of(here, machine), tmp_path / "fresh")
    for thing, code in ((BUILT, "digest"), (missing, "file-missing")):
        with pytest.raises(Tampered) as tampered:
            fresh.fetch(thing, tmp_path / "in")
        assert tampered.value.code == code

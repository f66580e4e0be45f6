"""The engine conducts the real git steps from freeze to unfreeze: killed after each deed, watched all the time, moved."""

from __future__ import annotations

import hashlib
import threading
import time
from pathlib import Path

import pytest

from customhouse.release.engine.conduct import Conductor
from customhouse.release.events import Created, Noted, StepDone, TagMoved
from customhouse.release.journal_file import FileJournal
from customhouse.release.machine_key import MachineKey
from customhouse.release.sealed import ENGINE
from customhouse.release.sealing import EMPTY, seal
from customhouse.release.state import State
from customhouse.release.store_folder import FolderStore
from release_desk import ALL, Desk, pipeline_of, refs
from sealed_project import git

pytestmark = pytest.mark.slow
KEY = MachineKey.from_seed(b"k" * 32)
NAMES = [line.split(" ")[0] for line in ALL.split("\n") if line]


class Killed(BaseException):
    """The process is gone."""


def conductor(desk: Desk) -> Conductor:
    """A new process at the same run."""
    return Conductor(
        journal=FileJournal(desk.folder / "journal"), store=FolderStore(desk.folder / "store"), key=KEY,
        work=desk.folder / "engine", machine="here", clock=desk.clock, tell=desk.said.append,
    )  # fmt: skip


def opened(tmp_path: Path, steps: str = ALL) -> Desk:
    """Two repositories, and a journal with its first line."""
    desk = Desk(tmp_path / "desk", steps)
    text = pipeline_of(steps)
    first = Created(
        "sealed", text, hashlib.sha256(text.encode()).hexdigest(), 1, {"version": "1.1.0", "branch": "main"}, desk.places,
        KEY.public,
    )  # fmt: skip
    line = seal(first, run="r1", head=EMPTY, at=desk.clock.now(), by=ENGINE, key=KEY)
    FileJournal(desk.folder / "journal").append([line], EMPTY)
    return desk


def test_a_run_that_is_killed_after_each_deed_ends_as_if_it_had_not_been(tmp_path: Path) -> None:
    desk = opened(tmp_path)
    left = set(NAMES)

    def kill_once(where: str) -> None:
        name = where.removeprefix("after do: ")
        if where.startswith("after do: ") and name in left:
            left.remove(name)
            raise Killed

    state: State | None = None
    while state is None or state.status != "released":
        process = conductor(desk)
        process.at = kill_once
        try:
            state = process.conduct()
        except Killed:
            continue
        assert state.status == "released", state.stop
    done = [line.event for line in process.lines if isinstance(line.event, StepDone)]
    assert [(one.step, one.recovered) for one in done] == [(name, True) for name in NAMES]
    assert refs(desk.upstream) == refs(desk.fork)
    commit = refs(desk.upstream)["refs/heads/main"]
    assert git(desk.upstream, "rev-list", "--count", f"{desk.start}..{commit}") == "1"
    assert not git(desk.upstream, "for-each-ref", "refs/customhouse/lock")
    assert state.refs == {
        ("upstream", "refs/heads/main"): commit, ("fork", "refs/heads/main"): commit,
        ("upstream", "refs/tags/v1.1.0"): refs(desk.upstream)["refs/tags/v1.1.0"],
        ("fork", "refs/tags/v1.1.0"): refs(desk.upstream)["refs/tags/v1.1.0"],
    }  # fmt: skip


def test_another_attempt_takes_its_tag_back_from_the_fork_and_makes_it_anew(tmp_path: Path) -> None:
    again = 'after=["push-fork"] on_fail="restart:bump"'
    desk = opened(tmp_path, ALL.replace('after=["push-fork"]', again))
    process, gone = conductor(desk), desk.folder / "gone.git"
    seen: list[dict[str, str]] = []

    def away_once(where: str) -> None:
        if where == "before do: push-last" and not seen:
            seen.append(refs(desk.fork))
            desk.upstream.rename(gone)
        if where == "before do: bump" and gone.exists():
            gone.rename(desk.upstream)
            seen.append(refs(desk.fork))

    process.at = away_once
    state = process.conduct()
    assert state.status == "released", state.stop
    assert "refs/tags/v1.1.0" in seen[0]
    assert seen[1] == {"refs/heads/main": desk.start}
    assert [state.steps[name].attempt for name in NAMES] == [1, 1, 2, 2, 2, 2, 1]
    assert refs(desk.upstream) == refs(desk.fork) == seen[0]


def test_a_tag_that_moves_while_the_engine_works_stops_it_before_anything_is_upstream(tmp_path: Path) -> None:
    desk = opened(tmp_path)
    process = conductor(desk)
    watched = threading.Event()

    def move(where: str) -> None:
        if where != "before do: push-last":
            return
        git(desk.fork, "tag", "-f", "v1.1.0", "main")
        for _look in range(200):  # the watcher looks within five seconds
            if any(event for batch in list(process._seen.queue) for event in batch if isinstance(event, TagMoved)):
                watched.set()
                return
            time.sleep(0.05)

    process.at = move
    state = process.conduct()
    assert watched.is_set()
    assert state.status == "stopped"
    assert state.stop is not None
    assert state.stop.code in ("tag-moved", "check:tag-unmoved")
    assert refs(desk.upstream) == {"refs/heads/main": desk.start}
    assert not any(isinstance(line.event, Noted) for line in process.lines)

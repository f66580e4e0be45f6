"""A crash at every boundary of a run: taken up again, it comes to the same end, and nothing is done twice."""

from __future__ import annotations

import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from customhouse.release.events import Created, Published, StepDone
from customhouse.release.rules import replay
from customhouse.release.sealing import verify_lines
from customhouse.release.state import State
from toy_release import PIPELINE, Outside, ToyWords, conductor, created, open_journal, whole_end

SHORT = ("freeze", "commit", "push", "build", "sign", "publish", "push-last", "unfreeze")
"""Each kind of boundary: a lock, a tag, a rebuild, a gate with keys, a publication, and the tag last."""


def short() -> Created:
    """The pipeline with these steps only."""
    head, *steps = PIPELINE.split("[[steps]]")
    kept = [one for one in steps if any(f'id = "{name}"\n' in one for name in SHORT)]
    text = "[[steps]]".join([head, *kept])
    for old, new in (
        ('after = ["sync"]', ""), ('after = ["stop"]', ""), ('after = ["fetch-back"]', 'after = ["publish"]'),
        ("docs = { type", "docs_unused = { type"),
    ):  # fmt: skip
        text = text.replace(old, new)
    return created(text=text)


class Crash(BaseException):
    """The process is gone: nothing catches it."""


class CrashAt:
    """Stops the conductor when it comes to a boundary for the nth time, and whatever comes after; counts all of them."""

    def __init__(self, at: int = -1) -> None:
        self.at = at
        self.passed: list[str] = []

    def __call__(self, where: str) -> None:
        self.passed.append(where)
        if 0 <= self.at < len(self.passed):
            raise Crash(where)


def run(folder: Path, at: CrashAt, event: Created | None) -> State:
    return conductor(folder, journal=open_journal(folder / "journal.jsonl", event), at=at).conduct()


def end_of(folder: Path) -> dict[str, object]:
    outside = Outside(folder / "outside")
    for what, times in (("public", 1), ("tag", 1), ("locked", 2)):
        assert outside.times(what) == times, what
    return whole_end(outside)


def crash_everywhere(tmp_path: Path, event: Created | None) -> int:
    whole, at = tmp_path / "whole", CrashAt()
    assert run(whole, at, event).status == "released"
    expected = end_of(whole)
    for boundary in range(len(at.passed)):
        folder = tmp_path / str(boundary)
        crashing = CrashAt(boundary)
        with suppress(Crash):
            run(folder, crashing, event)
        again = conductor(folder, journal=open_journal(folder / "journal.jsonl", event))
        state = again.conduct()
        where = crashing.passed[-1]
        assert state.status == "released", (where, state.stop)
        assert end_of(folder) == expected, where
        verify_lines(again.lines)
        assert replay(again.lines) == state
        assert sum(isinstance(line.event, Published) for line in again.lines) == 1
        done = [line.event.step for line in again.lines if isinstance(line.event, StepDone)]
        assert sorted(done) == sorted(state.steps), where
    return len(at.passed)


@pytest.mark.slow
def test_a_run_killed_at_any_boundary_comes_to_the_same_end(tmp_path: Path) -> None:
    assert crash_everywhere(tmp_path, short()) > 50


@pytest.mark.prove
def test_a_whole_run_killed_at_any_boundary_comes_to_the_same_end(tmp_path: Path) -> None:
    assert crash_everywhere(tmp_path, None) > 100


CHILD = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from toy_release import conductor
passed = [0]
def at(where):
    passed[0] += 1
    if passed[0] == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
print(conductor(Path(sys.argv[1]), at=at).conduct().status)
"""


def in_a_process(folder: Path, boundary: int) -> subprocess.CompletedProcess[str]:
    tests = Path(__file__).parents[2]
    return subprocess.run(
        [sys.executable, "-c", CHILD, str(folder), str(boundary), str(tests)],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.prove
def test_a_process_killed_by_the_system_at_any_boundary_comes_to_the_same_end(tmp_path: Path) -> None:
    count = CrashAt()
    run(tmp_path / "whole", count, None)
    expected = end_of(tmp_path / "whole")
    for boundary in range(1, len(count.passed) + 1):
        folder = tmp_path / str(boundary)
        folder.mkdir()
        killed = in_a_process(folder, boundary)
        assert killed.returncode == -signal.SIGKILL, (boundary, killed.stderr)
        again = in_a_process(folder, 0)
        assert again.stdout.strip() == "released", (boundary, again.stderr)
        assert end_of(folder) == expected


@pytest.mark.slow
def test_a_process_killed_again_and_again_comes_to_its_end(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    for boundary in (3, 9, 5, 14, 2, 11, 30):
        killed = in_a_process(folder, boundary)
        assert killed.returncode == -signal.SIGKILL or killed.stdout.strip() == "released", killed.stderr
    assert in_a_process(folder, 0).stdout.strip() == "released"
    end_of(folder)
    assert list((folder / "work" / "steps").iterdir()) == []


@pytest.mark.slow
def test_a_crash_while_it_is_abandoned_takes_everything_back_all_the_same(tmp_path: Path) -> None:
    from customhouse.release.events import Aborting  # noqa: PLC0415
    from toy_release import speak  # noqa: PLC0415

    def abandon(folder: Path, at: CrashAt) -> str:
        made = conductor(folder, ToyWords(Outside(folder / "outside"), failures={"stage": 1}))
        made.conduct()
        if made.state.status == "stopped":
            speak(made, "rm", Aborting("rm", "not today"))
        return conductor(folder, ToyWords(Outside(folder / "outside")), at=at).conduct().status

    at = CrashAt()
    assert abandon(tmp_path / "whole", at) == "abandoned"
    for boundary in range(len(at.passed)):
        folder = tmp_path / str(boundary)
        with suppress(Crash):
            abandon(folder, CrashAt(boundary))
        assert conductor(folder).conduct().status == "abandoned"
        outside = Outside(folder / "outside").read()
        assert (outside["locked"], outside["fork_tag"], outside["stage"]) == (False, "", {})

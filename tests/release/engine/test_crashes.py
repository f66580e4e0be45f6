"""A crash at every boundary of a run: taken up again, it comes to the same end, and nothing is done twice."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from customhouse.release.events import Published, StepDone
from customhouse.release.rules import replay
from customhouse.release.sealing import verify_lines
from customhouse.release.state import State
from toy_release import Outside, conductor, whole_end


class Crash(BaseException):
    """The process is gone: nothing catches it."""


class CrashAt:
    """Stops the conductor when it comes to a boundary for the nth time; counts all of them otherwise."""

    def __init__(self, at: int = -1) -> None:
        self.at = at
        self.passed: list[str] = []

    def __call__(self, where: str) -> None:
        self.passed.append(where)
        if 0 <= self.at < len(self.passed):
            raise Crash(where)


def run(folder: Path, at: CrashAt) -> State:
    return conductor(folder, at=at).conduct()


def end_of(folder: Path) -> dict[str, object]:
    outside = Outside(folder / "outside")
    assert outside.times("public") == 1, "published once"
    assert outside.times("letters") == 1, "told once"
    assert outside.times("tag") == 1, "pushed once"
    return whole_end(outside)


def test_a_run_killed_at_any_boundary_comes_to_the_same_end(tmp_path: Path) -> None:
    whole, at = tmp_path / "whole", CrashAt()
    assert run(whole, at).status == "released"
    expected = end_of(whole)
    for boundary in range(len(at.passed)):
        folder = tmp_path / str(boundary)
        at = CrashAt(boundary)
        with suppress(Crash):
            run(folder, at)
        c = conductor(folder)
        state = c.conduct()
        assert state.status == "released", (at.passed[-1], state.stop)
        assert end_of(folder) == expected, at.passed[-1]
        verify_lines(c.lines)
        assert replay(c.lines) == state
        assert sum(isinstance(line.event, Published) for line in c.lines) == 1
        assert sum(isinstance(line.event, StepDone) for line in c.lines) == len(state.steps)

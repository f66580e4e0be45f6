"""Two files of one name in two artifacts: one would be signed, compared and published in the name of the other."""

from __future__ import annotations

from pathlib import Path

import pytest

from customhouse.release.actions import Tampered
from customhouse.release.events import StepStarted
from customhouse.release.rules import replay
from customhouse.release.ship.compare import digests
from customhouse.release.signing.declared import files_of
from customhouse.release.things import Thing
from toy_release import conductor

FIRST, TWIN = (Thing("toy-1.2.3-py3-none-any.whl", "sha256", digit * 64, 3) for digit in "ab")


def test_no_file_is_signed_or_compared_in_the_name_of_its_twin(tmp_path: Path) -> None:
    made = conductor(tmp_path)
    made.conduct(until=lambda state: state.steps["build"].status == "done")
    lines = made.lines
    at = next(n for n, line in enumerate(lines) if isinstance(line.event, StepStarted) and line.event.step == "build")
    state = replay(lines[: at + 1])
    run = made.step_run(state, state.steps["build"], made.children)
    object.__setattr__(run, "inputs", {"dists": (FIRST,), "windows": (TWIN,)})
    with pytest.raises(Tampered, match="two files are called so"):
        files_of(run)
    with pytest.raises(Tampered, match="two files are called so"):
        digests([FIRST, TWIN])
    assert digests([FIRST, FIRST]) == {FIRST.name: FIRST.digest}

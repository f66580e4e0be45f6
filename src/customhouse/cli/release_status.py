"""``customhouse release status``: how far a run on this machine is."""

from __future__ import annotations

import json as json_text
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from customhouse.cli.exit_codes import FINDINGS, FINE, PARTIAL
from customhouse.terms.clock import SystemClock

if TYPE_CHECKING:
    from customhouse.release.engine.folder import RunFolder
    from customhouse.release.state import State

RunName = Annotated[str, Parameter(help="The run (the one that goes on, if nothing is said).")]
Runs = Annotated[Path | None, Parameter(name="--runs", help="Where runs lie (default ./.customhouse/release).")]
Json = Annotated[bool, Parameter(name="--json", negative="", help="Say it as JSON.")]
WIDTH = 80


def status(run: RunName = "", /, *, runs: Runs = None, json: Json = False) -> int:
    """Show how far a run is, what it waits for, and why it stands still.

    Exit code 0: it has come to its end; 1: it stands still; 3: it goes on, or waits for people.
    """
    from customhouse.release.engine.folder import RUNS, find_run  # noqa: PLC0415 - the engine is loaded where needed

    one = find_run((runs or RUNS).resolve(), run)
    state = one.state()
    if json:
        print(json_text.dumps(as_json(one, state), indent=2, ensure_ascii=False))
    else:
        show(one, state)
    return exit_code(state)


def exit_code(state: State) -> int:
    """0 when it has come to its end, 1 when it stands still, 3 while it goes on or waits."""
    if state.status in ("released", "abandoned"):
        return FINE
    return FINDINGS if state.status == "stopped" else PARTIAL


def show(one: RunFolder, state: State) -> None:
    """The run as a list of its steps."""
    from rich.console import Console  # noqa: PLC0415 - only where people read

    from customhouse.release.engine.forecast import forecast_in  # noqa: PLC0415 - as above
    from customhouse.release.picture.terminal import progress  # noqa: PLC0415 - as above

    console = Console()
    width = min(console.width, WIDTH) if console.is_terminal else WIDTH
    expected = forecast_in(one.path.parent, state.pipeline.project, but=one.name)
    printed = Console(width=width)
    printed.print(progress(state.pipeline, state, SystemClock().now(), width, forecast=expected))


def as_json(one: RunFolder, state: State) -> dict[str, Any]:
    """The run for programs."""
    from customhouse.release.engine.forecast import times_of  # noqa: PLC0415 - see above
    from customhouse.release.moves import waits_for_people  # noqa: PLC0415 - as above

    took = times_of(one.journal.read())
    stop = state.stop
    return {
        "run": state.run,
        "folder": str(one.path),
        "project": state.pipeline.project,
        "params": dict(state.params),
        "status": state.status,
        "rehearsal": state.rehearsal,
        "head": state.head,
        "lines": state.seq + 1,
        "waits_for": [
            {"step": step, "people": list(people)} for step, people in waits_for_people(state, SystemClock().now())
        ],
        "stop": None
        if stop is None
        else {
            "code": stop.code, "saw": stop.saw, "expected": stop.expected, "by": stop.by, "step": stop.step,
            "place": stop.place,
        },
        "steps": [
            {
                "id": name, "status": found.status, "attempt": found.attempt, "failure": found.failure,
                "seconds": took[name].total_seconds() if name in took else None,
                "outputs": {
                    artifact: [{"name": thing.name, thing.algorithm: thing.digest} for thing in things]
                    for artifact, things in found.outputs.items()
                },
            }
            for name, found in state.steps.items()
        ],
    }  # fmt: skip

"""``customhouse release run``: start a release on this machine, or take it up again."""

from __future__ import annotations

import json as json_text
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from customhouse.cli.release_lint import PIPELINE, read_file
from customhouse.formats.plain import plain
from customhouse.terms.clock import SystemClock
from customhouse.terms.errors import Rejected

if TYPE_CHECKING:
    from customhouse.release.engine.folder import RunFolder
    from customhouse.release.state import State

PipelineFile = Annotated[Path, Parameter(help="The pipeline (default release.toml).")]
Params = Annotated[list[str] | None, Parameter(name="--param", negative="", help="A parameter: version=1.2.3.")]
PlaceFlags = Annotated[
    list[str] | None, Parameter(name="--place", negative="", help="A setting of a place: fork.url=/srv/fork.git.")
]
PlacesFile = Annotated[
    Path | None, Parameter(name="--places", help="A TOML file with a table for each place (default places.toml).")
]
Runs = Annotated[
    Path | None, Parameter(name="--runs", help="Where runs lie (default .customhouse/release beside the pipeline).")
]
Rehearse = Annotated[
    bool, Parameter(name="--rehearse", negative="", help="All of it on clones and a scratch index; nothing gets out.")
]
Wait = Annotated[bool, Parameter(name="--wait", negative="--no-wait", help="Wait for people, rather than to return.")]
Json = Annotated[bool, Parameter(name="--json", negative="", help="Say it as JSON.")]


def run(
    file: PipelineFile = PIPELINE,
    /,
    *,
    param: Params = None,
    place: PlaceFlags = None,
    places: PlacesFile = None,
    runs: Runs = None,
    rehearse: Rehearse = False,
    wait: Wait = True,
    json: Json = False,
) -> int:
    """Start a release on this machine, or take up again the one that was not finished.

    A run that was begun for the same parameters goes on where it stood, whatever ended it: each step that had started
    is looked at first. Exit code 0: released; 1: it stands still; 3: it waits for people.
    """
    from customhouse.release.engine.alone import Alone  # noqa: PLC0415 - the engine is loaded where it runs
    from customhouse.release.engine.folder import RUNS, begin_run, unfinished  # noqa: PLC0415 - as above
    from customhouse.release.engine.places import read_params, read_places, refuse_unsaid  # noqa: PLC0415 - as above

    pipeline = read_file(file)
    text = pipeline.text
    folder = (runs or file.resolve().parent / RUNS).resolve()
    params = read_params(param or ())
    if places is None and (beside := file.resolve().parent / "places.toml").is_file():
        places = beside
    where = read_places(places, place or ())
    clock = SystemClock()
    if rehearse:
        refuse_unsaid(pipeline, where, rehearsal=True)
        from customhouse.cli.scratch_index import stand_in  # noqa: PLC0415 - only where it is asked for
        from customhouse.release.engine.rehearsal import rehearse as play  # noqa: PLC0415 - as above

        state, played = play(text, params, where, runs=folder, tell=_teller(quiet=json), scratch=stand_in)
        return _ended(played, state, json=json)
    one = unfinished(folder, pipeline.project, params, rehearsal=False)
    if one is None or (one.state().status == "gathering" and one.created().pipeline != text):
        refuse_unsaid(pipeline, where)
        one = begin_run(folder, text, params, where, clock)
        _say(f"Run {one.name}\n  {one.path}", quiet=json)
    else:
        _refuse_other(one, text)
        _say(f"Run {one.name} is taken up again.", quiet=json)
    alone = Alone(one, tell=_teller(quiet=json), clock=clock)
    state = one.state()
    if wait:
        _whom(one, state, quiet=json)
    state = alone.conduct(wait=wait)
    return _ended(one, state, json=json)


def _refuse_other(one: RunFolder, text: str) -> None:
    if one.created().pipeline != text:
        raise Rejected(
            "other-pipeline", one.name, "it was begun with another text of the pipeline",
            f"finish it by the text it was begun with, or abandon it: customhouse release abort {one.name}",
        )  # fmt: skip


def _whom(one: RunFolder, state: State, *, quiet: bool) -> None:
    """Whom the run waits for, and what they type."""
    from customhouse.release.moves import waits_for_people  # noqa: PLC0415 - the engine is loaded where it runs

    for step, people in waits_for_people(state, SystemClock().now()):
        deed = f"approve {one.name} {step}" if step else f"confirm {one.name}"
        _say(f"Waits for {', '.join(people)}: customhouse release {deed}", quiet=quiet)


def _ended(one: RunFolder, state: State, *, json: bool) -> int:
    """Tell how it stands now."""
    from customhouse.cli.release_status import as_json, exit_code, show  # noqa: PLC0415 - as above

    if json:
        print(json_text.dumps(as_json(one, state), indent=2, ensure_ascii=False))
    else:
        show(one, state)
    return exit_code(state)


class _Teller:
    """Lines for whoever watches."""

    def __init__(self, *, quiet: bool) -> None:
        self.quiet = quiet

    def __call__(self, text: str) -> None:
        _say(plain(text), quiet=self.quiet)


def _teller(*, quiet: bool) -> _Teller:
    return _Teller(quiet=quiet)


def _say(text: str, *, quiet: bool) -> None:
    print(text, file=sys.stderr if quiet else sys.stdout, flush=True)

"""``customhouse release run``: start a release on this machine, or take it up again."""

from __future__ import annotations

import json as json_text
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from customhouse.cli.release_lint import PIPELINE, read_file
from customhouse.formats.plain import plain
from customhouse.terms.clock import SystemClock
from customhouse.terms.errors import Rejected

if TYPE_CHECKING:
    from collections.abc import Callable

    from customhouse.formats.pipeline.model import Pipeline
    from customhouse.release.engine.folder import RunFolder
    from customhouse.release.state import State
    from customhouse.terms.clock import Clock

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


@dataclass(frozen=True, slots=True)
class _Wish:
    """What is to be released, and where."""

    pipeline: Pipeline
    params: dict[str, str]
    places: dict[str, dict[str, str]]
    runs: Path


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
    from customhouse.release.engine.folder import RUNS  # noqa: PLC0415 - the engine is loaded where it runs
    from customhouse.release.engine.places import read_params, read_places, refuse_unsaid  # noqa: PLC0415 - as above

    pipeline, beside = read_file(file), file.resolve().parent
    folder = (runs or beside / RUNS).resolve()
    if places is None and (beside / "places.toml").is_file():
        places = beside / "places.toml"
    wish = _Wish(pipeline, read_params(param or ()), read_places(places, place or ()), folder)
    if rehearse:
        refuse_unsaid(pipeline, wish.places, rehearsal=True)
        return _rehearsed(wish, json=json)
    return _conducted(wish, wait=wait, json=json)


def _rehearsed(wish: _Wish, *, json: bool) -> int:
    from customhouse.cli.scratch_index import stand_in  # noqa: PLC0415 - only where it is asked for
    from customhouse.release.engine.rehearsal import rehearse  # noqa: PLC0415 - as above

    state, played = rehearse(
        wish.pipeline.text, wish.params, wish.places, runs=wish.runs, tell=_teller(quiet=json), scratch=stand_in
    )
    return _ended(played, state, json=json)


def _conducted(wish: _Wish, *, wait: bool, json: bool) -> int:
    from customhouse.release.engine.alone import Alone  # noqa: PLC0415 - the engine is loaded where it runs

    clock = SystemClock()
    one = _run_of(wish, clock, quiet=json)
    alone = Alone(one, tell=_teller(quiet=json), clock=clock)
    if wait:
        _whom(one, one.state(), quiet=json)
    return _ended(one, alone.conduct(wait=wait), json=json)


def _run_of(wish: _Wish, clock: Clock, *, quiet: bool) -> RunFolder:
    """The run that was begun for the same, or a new one."""
    from customhouse.release.engine.folder import begin_run, unfinished  # noqa: PLC0415 - the engine, as above
    from customhouse.release.engine.places import refuse_unsaid  # noqa: PLC0415 - as above

    text = wish.pipeline.text
    one = unfinished(wish.runs, wish.pipeline.project, wish.params, rehearsal=False)
    if one is None or (one.state().status == "gathering" and one.created().pipeline != text):
        refuse_unsaid(wish.pipeline, wish.places)
        one = begin_run(wish.runs, text, wish.params, wish.places, clock)
        _say(f"Run {one.name}\n  {one.path}", quiet=quiet)
        return one
    if one.created().pipeline != text:
        raise Rejected(
            "other-pipeline", one.name, "it was begun with another text of the pipeline",
            f"finish it by the text it was begun with, or abandon it: customhouse release abort {one.name}",
        )  # fmt: skip
    _say(f"Run {one.name} is taken up again.", quiet=quiet)
    return one


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


def _teller(*, quiet: bool) -> Callable[[str], None]:
    """Lines for whoever watches."""
    return lambda text: _say(plain(text), quiet=quiet)


def _say(text: str, *, quiet: bool) -> None:
    print(text, file=sys.stderr if quiet else sys.stdout, flush=True)

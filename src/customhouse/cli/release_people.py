"""``customhouse release confirm, approve, decline, resume, restart, abort``: what people say of a run on this machine.

Who somebody is, his key proves: an Ed25519 key file (made where there is none) or an OpenPGP key. A run at a server
is named by its address: an API token says who one is, and where a factor is asked for, the browser is the place.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from customhouse.cli.release_at_room import decide_there, is_at_room
from customhouse.formats.plain import plain
from customhouse.terms.clock import SystemClock
from customhouse.terms.errors import Refused, Rejected

if TYPE_CHECKING:
    from customhouse.release.engine.folder import RunFolder
    from customhouse.release.engine.person import Person
    from customhouse.release.events import Asked, Event
    from customhouse.release.state import State

RunName = Annotated[str, Parameter(help="The run (the one that goes on, if nothing is said).")]
StepName = Annotated[str, Parameter(help="The step (the one that asks you, if nothing is said).")]
Runs = Annotated[Path | None, Parameter(name="--runs", help="Where runs lie (default ./.customhouse/release).")]
KeyFile = Annotated[
    Path | None, Parameter(name="--key", help="Your key file (default ~/.config/customhouse/release.key).")
]
As = Annotated[str, Parameter(name="--as", help="Which actor you are, if you are several.")]
Gpg = Annotated[str, Parameter(name="--gpg", help="Prove yourself by this OpenPGP key (its full fingerprint).")]
Home = Annotated[str, Parameter(name="--gpg-home", help="Its home (default as gpg has it).")]
Why = Annotated[str, Parameter(name="--why", help="A sentence for the journal: others read it.")]
Yes = Annotated[bool, Parameter(name="--yes", negative="", help="Do not ask before answering.")]

RunId = Annotated[str, Parameter(help="The run.")]
FromStep = Annotated[str, Parameter(help="The step to begin again from.")]

_Events = Callable[["State", "Person"], "Sequence[Event]"]


def confirm(
    run: RunName = "", /, *, key: KeyFile = None, gpg: Gpg = "", gpg_home: Home = "", as_: As = "", runs: Runs = None
) -> None:
    """Say that you are around: a run opens when every expert has. RUN may be its address at a server."""
    if is_at_room(run):
        decide_there("confirm", run)
        return
    from customhouse.release.events import Confirmed  # noqa: PLC0415 - the engine is loaded where it is used

    def events(_state: State, person: Person) -> Sequence[Event]:
        return [Confirmed(person.actor.id, person.name(_state.pipeline))]

    one, state, person = _say(run, events, runs, key, gpg, gpg_home, as_)
    missing = [actor.id for actor in state.pipeline.actors if actor.expert and actor.id not in state.confirmed]
    print(f"You are around, as {person.actor.id}.")
    print(f"Still missing: {', '.join(missing)}." if missing else f"All are around. {_go_on(one)}")


def approve(
    run: RunName = "", step: StepName = "", /, *, yes: Yes = False, key: KeyFile = None, gpg: Gpg = "",
    gpg_home: Home = "", as_: As = "", runs: Runs = None,
) -> None:  # fmt: skip
    """Say yes at a gate: to exactly the files whose digests are shown. RUN may be its address at a server."""
    if is_at_room(run):
        decide_there("approve", run, step=step)
        return

    def events(state: State, person: Person) -> Sequence[Event]:
        asked = _asked(state, step, person)
        _show(asked)
        if not yes and not _answered_yes():
            raise Refused("not-answered", "Nothing was said.", "Type yes, or give --yes.")
        return [person.yes(state, asked)]

    one, _, person = _say(run, events, runs, key, gpg, gpg_home, as_)
    print(f"You have said yes, as {person.actor.id}. {_go_on(one)}")


def decline(
    run: RunName = "", step: StepName = "", /, *, why: Why, key: KeyFile = None, gpg: Gpg = "", gpg_home: Home = "",
    as_: As = "", runs: Runs = None,
) -> None:  # fmt: skip
    """Say no at a gate: the run stops."""
    if is_at_room(run):
        decide_there("decline", run, step=step, why=why)
        return
    from customhouse.release.events import DeclinedGate  # noqa: PLC0415 - the engine is loaded where it is used

    def events(state: State, person: Person) -> Sequence[Event]:
        asked = _asked(state, step, person)
        who = person.name(state.pipeline)
        return [DeclinedGate(asked.step, asked.attempt, asked.question, person.actor.id, who, _sentence(why))]

    one, _, person = _say(run, events, runs, key, gpg, gpg_home, as_)
    print(f"You have said no, as {person.actor.id}: the run {one.name} stands still.")


def resume(
    run: RunName = "", /, *, why: Why, key: KeyFile = None, gpg: Gpg = "", gpg_home: Home = "", as_: As = "",
    runs: Runs = None,
) -> None:  # fmt: skip
    """Let a run go on that has stopped. What was tampered with does not go on: restart from before it."""
    if is_at_room(run):
        decide_there("resume", run, why=why)
        return
    from customhouse.release.events import Resumed  # noqa: PLC0415 - the engine is loaded where it is used

    def events(state: State, person: Person) -> Sequence[Event]:
        return [Resumed(person.name(state.pipeline), _sentence(why))]

    one, _, _ = _say(run, events, runs, key, gpg, gpg_home, as_)
    print(f"The run {one.name} may go on. {_go_on(one)}")


def restart(
    run: RunId, step: FromStep, /, *, why: Why, key: KeyFile = None, gpg: Gpg = "", gpg_home: Home = "", as_: As = "",
    runs: Runs = None,
) -> None:  # fmt: skip
    """Begin another attempt, from a step on: what it and all after it made counts no more."""
    if is_at_room(run):
        decide_there("restart", run, step=step, why=why)
        return
    from customhouse.release.events import Restarted  # noqa: PLC0415 - the engine is loaded where it is used

    def events(state: State, person: Person) -> Sequence[Event]:
        return [Restarted(step, _sentence(why), person.name(state.pipeline))]

    one, _, _ = _say(run, events, runs, key, gpg, gpg_home, as_)
    print(f"The run {one.name} begins again from {step}. {_go_on(one)}")


def abort(
    run: RunName = "", /, *, why: Why, key: KeyFile = None, gpg: Gpg = "", gpg_home: Home = "", as_: As = "",
    runs: Runs = None,
) -> None:  # fmt: skip
    """Abandon a run: what was done is taken back, newest first. What is public is not."""
    if is_at_room(run):
        decide_there("abort", run, why=why)
        return
    from customhouse.release.events import Aborting  # noqa: PLC0415 - the engine is loaded where it is used

    def events(state: State, person: Person) -> Sequence[Event]:
        return [Aborting(person.name(state.pipeline), _sentence(why))]

    one, _, _ = _say(run, events, runs, key, gpg, gpg_home, as_)
    print(f"The run {one.name} is abandoned. To take back what was done: {_command(one)}")


def _say(
    name: str, events: _Events, runs: Path | None, key: Path | None, gpg: str, gpg_home: str, actor: str
) -> tuple[RunFolder, State, Person]:
    """Let the person who types say this in the run."""
    from customhouse.release.engine.alone import speak  # noqa: PLC0415 - the engine is loaded where it is used
    from customhouse.release.engine.folder import RUNS, find_run  # noqa: PLC0415 - as above
    from customhouse.release.engine.person import own_key_file, person_of  # noqa: PLC0415 - as above
    from customhouse.release.machine_key import open_key  # noqa: PLC0415 - as above

    one = find_run((runs or RUNS).resolve(), name)
    person = person_of(one.state(), open_key(key or own_key_file()), actor=actor, gpg=gpg, home=gpg_home)
    state = speak(one, person, lambda now: events(now, person), SystemClock())
    return one, state, person


def _asked(state: State, step: str, person: Person) -> Asked:
    """The question that is open for this person."""
    now = SystemClock().now()
    open_ones = [
        one.asked
        for name, one in state.steps.items()
        if one.status == "asked" and one.asked is not None and step in ("", name) and now <= one.asked.expires_at
        if person.actor.id in one.asked.need
    ]
    if not open_ones:
        what = f"before the step {step!r}" if step else "in this run"
        raise Refused("nothing-asked", f"{person.actor.id} is asked nothing {what} now.", "Let the run go on first.")
    return open_ones[0]


def _show(asked: Asked) -> None:
    print(f"{plain(asked.ask)}   (before the step {asked.step!r}, until {asked.expires_at:%Y-%m-%d %H:%M} UTC)")
    for thing in asked.things:
        print(f"  {plain(thing.name)}")
        print(f"    {thing.algorithm} {thing.digest}")


def _answered_yes() -> bool:
    try:
        return input("Type yes to approve exactly these: ").strip().lower() == "yes"
    except EOFError:
        return False


def _sentence(why: str) -> str:
    if not why.strip():
        raise Rejected("missing-field", "--why", "is empty", "a sentence: others read it")
    return why.strip()


def _go_on(one: RunFolder) -> str:
    """What happens now: nothing more is to be typed if somebody conducts the run already."""
    try:
        with one.conducting():
            return f"To go on: {_command(one)}"
    except Refused:
        return "The run goes on by itself."


def _command(one: RunFolder) -> str:
    created = one.created()
    flags = "".join(f" --param {name}={value}" for name, value in sorted(created.params.items()))
    return f"customhouse release run{flags}"

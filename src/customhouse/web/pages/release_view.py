"""What the page of a release run shows: where it stands, for whom it waits, what is approved, and what was seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from urllib.parse import urlsplit

from customhouse.formats.pipeline import graph
from customhouse.formats.pipeline.model import Actor, Step
from customhouse.formats.plain import plain
from customhouse.release.events import Approved, Asked, Checked
from customhouse.release.moves import waits_for_people
from customhouse.release.room.members import Member
from customhouse.release.room.room import Look
from customhouse.release.room.runs import Machine
from customhouse.release.rules import why_not_resumed
from customhouse.release.standing import factor_demanded
from customhouse.release.state import State, StepState
from customhouse.release.things import Thing

Colour = Literal["done", "now", "todo", "trouble"]
_COLOURS: Mapping[str, Colour] = {
    "done": "done", "skipped": "done", "running": "now", "asked": "now", "failed": "trouble", "undone": "trouble",
}  # fmt: skip
_WORDS = {
    "waiting": "waits", "asked": "asks people", "ready": "can start", "running": "runs", "done": "done",
    "failed": "has failed", "skipped": "left out", "undone": "taken back",
}  # fmt: skip
STATUS_WORDS = {
    "gathering": "waits for everybody to be around", "open": "goes on", "stopped": "stands still",
    "aborting": "is being given up", "released": "released", "abandoned": "given up",
}  # fmt: skip
FACTOR_WORDS = {
    "none": "your word", "totp": "a code of your app, or a key", "webauthn": "a security key or passkey",
}  # fmt: skip

GIVEN_WORDS = {"totp": "a code of an app", "webauthn": "a security key or passkey"}
LONGEST_SHOWN = 2000


def shown(text: object) -> str:
    """What a machine has said, in one line: characters without a picture are written as numbers (Trojan Source)."""
    return plain(text, LONGEST_SHOWN)


@dataclass(frozen=True, slots=True)
class StepLine:
    """One step in the table."""

    number: str
    id: str
    title: str
    actor: str
    colour: Colour
    words: str
    attempt: int
    took: str
    made: Sequence[Thing]
    checks: Sequence[Checked]
    failure: str
    recovered: bool
    rebuilt: Sequence[str]


@dataclass(frozen=True, slots=True)
class Gate:
    """A question that is open."""

    step: Step
    asked: Asked
    said: Sequence[tuple[datetime, Approved]]
    missing: Sequence[str]
    files: Sequence[Thing]
    others: Sequence[Thing]
    """Commits, tags and trees."""
    tests: Sequence[Checked]
    """What was compared and tested before."""
    mine: str
    """As which actor the visitor is asked; empty for somebody who only looks."""
    answered: bool
    """Whether he has said yes."""
    factor: str
    """What he must show."""
    expires_in: str


@dataclass(frozen=True, slots=True)
class ActorLine:
    """Somebody who acts."""

    actor: Actor
    around: str
    """The person who has said so; empty for nobody."""
    machines: Sequence[Machine]
    me: bool


@dataclass(frozen=True, slots=True)
class RunView:
    """The whole page."""

    steps: Sequence[StepLine]
    gates: Sequence[Gate]
    actors: Sequence[ActorLine]
    waiting: Sequence[str]
    """For whom and what it waits, as sentences."""
    awaited: bool
    """Whether the visitor is to say that he is around."""
    restartable: Sequence[tuple[str, str]]
    """Steps to begin again from, id and title."""
    goes_on: bool
    """Whether what stopped it is of a kind that a person may pass over."""
    abortable: bool
    """Whether it can be given up: before anything is public, or when it can never go on."""
    links_host: str
    """Whose server shows the source: whoever opened the run has named it."""
    links: Mapping[str, str]
    """Addresses to compare source by, where the places name one that a browser can open."""


def run_view(found: Look, machines: Sequence[Machine], now: datetime) -> RunView:
    """What there is to show."""
    state, member = found.state, found.member
    steps = [_step_line(state, state.pipeline.step(name), now) for name in graph.order(state.pipeline)]
    return RunView(
        steps=steps,
        gates=[_gate(state, one, member, now) for one in state.steps.values() if one.status == "asked" and one.asked],
        actors=[_actor_line(state, one, machines, member) for one in state.pipeline.actors],
        waiting=_waiting(state, now),
        awaited=state.status == "gathering"
        and member is not None
        and any(one.expert and one.id not in state.confirmed for one in member.actors),
        restartable=[
            (name, state.pipeline.step(name).title)
            for name in graph.order(state.pipeline)
            if state.steps[name].status not in ("waiting", "skipped")
        ],
        goes_on=state.stop is not None and not why_not_resumed(state.stop),
        abortable=_abortable(state),
        links_host=next((urlsplit(one).hostname or "" for one in _links(state).values()), ""),
        links=_links(state),
    )


def _step_line(state: State, step: Step, now: datetime) -> StepLine:
    found = state.steps[step.id]
    return StepLine(
        step.number, step.id, step.title, state.pipeline.actor(step.actor).title or step.actor,
        _COLOURS.get(found.status, "todo"), _WORDS[found.status], found.attempt, _took(found, now),
        [thing for things in found.outputs.values() for thing in things],
        [one for one in found.checks if not one.ok], found.failure, found.recovered,
        [f"{one.by} {'agrees' if one.agrees else 'built something else'}" for one in found.rebuilds],
    )  # fmt: skip


def _gate(state: State, found: StepState, member: Member | None, now: datetime) -> Gate:
    asked = found.asked
    if asked is None:
        raise LookupError(found.id)
    step = state.pipeline.step(found.id)
    said = [(at, one) for _seq, at, one in found.approvals]
    mine = next((one.id for one in member.actors if one.id in asked.need), "") if member is not None else ""
    before = graph.before(state.pipeline, step.id)
    return Gate(
        step=step,
        asked=asked,
        said=said,
        missing=[state.pipeline.actor(name).title or name for name in asked.need if name not in _who(said)],
        files=[one for one in asked.things if one.algorithm == "sha256"],
        others=[one for one in asked.things if one.algorithm != "sha256"],
        tests=[one for name in graph.order(state.pipeline) if name in before for one in state.steps[name].checks],
        mine=mine,
        answered=mine in _who(said),
        factor=factor_demanded(state, step, mine) if mine else asked.factor,
        expires_in=_span(asked.expires_at - now) if asked.expires_at > now else "",
    )


def _who(said: Sequence[tuple[datetime, Approved]]) -> set[str]:
    return {one.actor for _at, one in said}


def _actor_line(state: State, actor: Actor, machines: Sequence[Machine], member: Member | None) -> ActorLine:
    there = [one for one in machines if one.actor == actor.id and one.removed_at is None]
    me = member is not None and any(one.id == actor.id for one in member.actors)
    return ActorLine(actor, state.confirmed.get(actor.id, ""), there, me)


def _waiting(state: State, now: datetime) -> list[str]:
    titles = {one.id: one.title or one.id for one in state.pipeline.actors}
    found = []
    for step, names in waits_for_people(state, now):
        who = ", ".join(titles[name] for name in names)
        found.append(
            f"{who}: approve “{state.pipeline.step(step).title}”" if step else f"{who}: say that you are around"
        )
    running = [state.pipeline.step(one.id) for one in state.steps.values() if one.status == "running"]
    return found + [f"{titles[step.actor]}: “{step.title}” runs" for step in running]


def _abortable(state: State) -> bool:
    over = state.status not in ("gathering", "open", "stopped")
    lost = state.stop is not None and bool(why_not_resumed(state.stop))
    return not over and (state.published_at is None or lost)


def _links(state: State) -> dict[str, str]:
    """Where the release's commit can be seen: the fork's address, if it is one of the web."""
    url = state.places.get("fork", {}).get("web", "") or state.places.get("upstream", {}).get("web", "")
    if not url.startswith("https://"):
        return {}
    commits = [
        thing.digest for things in state.artifacts.values() for thing in things if thing.algorithm == "gitCommit"
    ]
    return {digest: f"{url.rstrip('/')}/commit/{digest}" for digest in commits}


def _took(found: StepState, now: datetime) -> str:
    if found.started_at is None:
        return ""
    return _span((found.ended_at or now) - found.started_at)


def _span(span: timedelta) -> str:
    seconds = int(span.total_seconds())
    if seconds < 60:  # noqa: PLR2004 - a minute
        return f"{span.total_seconds():.1f} s"
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {seconds:02} s"

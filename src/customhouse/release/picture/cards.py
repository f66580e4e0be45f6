"""One step as a card: number, title, who, gate, what it makes, what can go wrong, how far it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from customhouse.formats.pipeline.model import Pipeline, Step
from customhouse.formats.plain import plain
from customhouse.release.picture.elements import group, label, tag, told, words
from customhouse.release.picture.layout import Placed
from customhouse.release.picture.seen import STATUS_WORDS, Seen, Status, time_words
from customhouse.release.picture.text_width import cut, width_of, wrapped
from customhouse.release.things import Thing

STEP, SMALL, CHIP = 12.5, 11.0, 10.5
"""Sizes of text, as the style sheet has them."""
_PAD, _LINE, _ROW, _GAP = 9.0, 15.5, 18.0, 5.0
_MOST_LINES = 4
_MOST_PEOPLE = 5


@dataclass(frozen=True, slots=True)
class Chip:
    """A small label: an artifact (blue) or a risk (red; filled where nothing stops it)."""

    text: str
    kind: str
    told: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Card:
    """What stands on a card, measured: ``height`` with all of it."""

    id: str
    seen: Seen
    title: tuple[str, ...]
    who: str
    machine: bool
    indent: float
    """Of the title, beside the number."""
    chips: tuple[tuple[Chip, ...], ...]
    """In lines."""
    status: str
    tip: tuple[str, ...]
    bad: bool
    height: float
    ghost: bool = False


def step_card(
    pipeline: Pipeline, seen: Seen, width: float, *, artifacts: Mapping[str, Sequence[Thing]], bad: Sequence[str],
    open_risks: frozenset[str], live: bool,
) -> Card:  # fmt: skip
    """The card of a step. ``bad`` are sentences of lint about it; ``open_risks`` are those that nothing stops."""
    step = seen.step
    indent = _number_width(step.number) - 3
    title = wrapped(plain(step.title, 90), STEP, width - indent - 6, _MOST_LINES, bold=True)
    chips = [artifact_chip(pipeline, one, artifacts.get(one, ())) for one in step.outputs]
    chips += [risk_chip(pipeline, one, missing=one in open_risks) for one in step.risks]
    lines = _flowed(chips, width - 2 * _PAD)
    status = _status(seen) if live else ""
    height = _PAD + len(title) * _LINE + _ROW + 3 + (22 if seen.quorum else 0)
    height += len(lines) * (_ROW + 2) + (_ROW if status else 0) + _PAD
    who = cut(plain(seen.who, 60), SMALL, width - 2 * _PAD - 19)
    return Card(
        step.id, seen, tuple(title), who, seen.machine, indent, lines, status,
        (*_tip(pipeline, seen), *bad), bool(bad), height,
    )  # fmt: skip


def ghost_card(pipeline: Pipeline, seen: Seen, actor: str, width: float, agrees: bool | None) -> Card:
    """Who builds the same once more."""
    step, who = seen.step, pipeline.actor(actor)
    said = {None: "", True: "agrees", False: "differs"}[agrees]
    title = ("the same, again",)
    height = _PAD + _LINE + _ROW + 3 + (_ROW if said else 0) + _PAD
    agree = step.rebuild.agree if step.rebuild else 0
    status: Status = "failed" if agrees is False else "done" if agrees else "planned"
    again = Seen(step, status, who.title, who.machine)
    tip = (f"{step.title}: built again by {who.title}", f"{agree} builds must be the same bit for bit")
    name = cut(plain(who.title, 60), SMALL, width - 2 * _PAD - 19)
    return Card(
        f"{step.id}~{actor}", again, title, name, who.machine, _PAD, (), said, tip, agrees is False, height, ghost=True
    )  # fmt: skip


def artifact_chip(pipeline: Pipeline, name: str, things: Sequence[Thing]) -> Chip:
    """An artifact, with its digests for whoever asks."""
    artifact = pipeline.artifact(name)
    made = [f"{one.name}: {one.algorithm} {one.digest}" for one in things[:12]]
    return Chip(name, "blue", (artifact.title or name, *(made or artifact.names)))


def risk_chip(pipeline: Pipeline, name: str, *, missing: bool) -> Chip:
    """A risk, with who it has happened to."""
    risk = next(one for one in pipeline.risks if one.id == name)
    stops = f"stopped by {', '.join(risk.mitigations)}" if not missing else "nothing of this pipeline stops it"
    known = f"happened to: {risk.attack}" if risk.attack else ""
    return Chip(name, "open" if missing else "red", (risk.title, known, stops))


def draw_card(card: Card, placed: Placed) -> str:
    """The card in its place."""
    x, y, width = placed.x, placed.y, placed.width
    inside = [told(*card.tip), tag("rect", x=x, y=y, width=width, height=card.height, rx=7, class_="card")]
    at = y + _PAD
    for line in card.title:
        inside.append(label(x + card.indent, at + 12, line, "t-step"))
        at += _LINE
    inside.append(_who(card, x + _PAD, at + 5, width))
    at += _ROW + 3
    if card.seen.quorum and not card.ghost:
        inside.append(_gate(card.seen, x + _PAD, at + 4, width - 2 * _PAD))
        at += 22
    for chips in card.chips:
        left = x + _PAD
        for chip in chips:
            wide = _chip_width(chip, width - 2 * _PAD)
            inside.append(_chip(chip, left, at + 3, wide))
            left += wide + _GAP
        at += _ROW + 2
    if card.status:
        inside.append(
            label(x + _PAD, at + 13, cut(card.status, SMALL, width - 2 * _PAD), f"status s-{card.seen.status}")
        )
    if not card.ghost:
        wide = _number_width(card.seen.step.number)
        inside.append(tag("rect", x=x - 8, y=y - 8, width=wide, height=22, rx=11, class_="n"))
        inside.append(label(x - 8 + wide / 2, y + 7, card.seen.step.number, "t-n"))
    kinds = [card.seen.status, "bad" if card.bad else "", "ghost" if card.ghost else ""]
    return group(*inside, class_=" ".join(one for one in kinds if one))


def _number_width(number: str) -> float:
    return max(22.0, width_of(number, SMALL, bold=True) + 12)


def person(x: float, y: float, class_: str = "person") -> str:
    """A person, 11 wide and 13 high."""
    return group(
        tag("circle", cx=x + 5.5, cy=y + 3.2, r=3.0, class_=class_),
        tag("path", d=f"M{x:.1f} {y + 13:.1f}c0-4 2-6 5.5-6s5.5 2 5.5 6z", class_=class_),
    )


def gear(x: float, y: float) -> str:
    """A gear, 13 wide and high."""
    cx, cy = x + 6.5, y + 6.5
    teeth = "".join(
        f"M{cx + dx * 4:.1f} {cy + dy * 4:.1f}L{cx + dx * 6.4:.1f} {cy + dy * 6.4:.1f}"
        for dx, dy in ((1, 0), (0.7, 0.7), (0, 1), (-0.7, 0.7), (-1, 0), (-0.7, -0.7), (0, -1), (0.7, -0.7))
    )
    return group(
        tag("circle", cx=cx, cy=cy, r=3.9, class_="gear"), tag("circle", cx=cx, cy=cy, r=1.2, class_="gear"),
        tag("path", d=teeth, class_="gear"),
    )  # fmt: skip


def triangle(x: float, y: float, class_: str) -> str:
    """A warning sign, 11 wide and 10 high."""
    return tag("path", d=f"M{x + 5.5:.1f} {y:.1f}l5.5 10h-11z", class_=class_)


def _who(card: Card, x: float, y: float, width: float) -> str:
    if card.machine:
        return gear(x, y) + label(x + 18, y + 11, card.who, "t-who")
    wide = min(width_of(card.who, SMALL) + 24, width - 2 * _PAD + 2)
    return group(
        tag("rect", x=x - 1, y=y - 1.5, width=wide, height=17, rx=4, class_="gold"), person(x + 4, y + 0.5),
        label(x + 18, y + 11, card.who, "t-who t-gold"),
    )  # fmt: skip


def _gate(seen: Seen, x: float, y: float, room: float) -> str:
    """As many people as are asked; those who said yes are filled."""
    asked = len(seen.approved) + len(seen.missing) or seen.quorum
    shown = min(max(asked, seen.quorum), _MOST_PEOPLE)
    yes = len(seen.approved) if seen.approved else 0
    inside = [tag("rect", x=x - 1, y=y - 1.5, width=room + 2, height=18, rx=4, class_="gold")]
    inside += [
        person(x + 4 + number * 13, y + 0.5, "person" if number < yes or seen.status == "planned" else "absent")
        for number in range(shown)
    ]
    if seen.approved or seen.status == "asked":
        said = f"{seen.gate_words} yes"
    elif asked > seen.quorum:
        said = f"{seen.quorum} say yes"
    else:
        said = "all say yes" if seen.quorum > 1 else "says yes"
    left = x + 9 + shown * 13
    inside.append(label(left, y + 11.5, cut(said, CHIP, room - (left - x)), "t-chip t-gold"))
    missing = f"still to say yes: {', '.join(seen.missing)}" if seen.missing else ""
    gate = seen.step.gate
    said_yes = f"said yes: {', '.join(seen.approved)}" if seen.approved else ""
    return group(told(gate.ask if gate else "", said_yes, missing), *inside)


def _chip_width(chip: Chip, room: float) -> float:
    return min(width_of(chip.text, CHIP) + (22 if chip.kind != "blue" else 12), room)


def _flowed(chips: Sequence[Chip], room: float) -> tuple[tuple[Chip, ...], ...]:
    """Chips in lines: artifacts first, risks on lines of their own."""
    lines: list[list[Chip]] = []
    left = 0.0
    for chip in chips:
        wide = _chip_width(chip, room)
        if not lines or left + wide > room or (lines[-1][-1].kind == "blue") is not (chip.kind == "blue"):
            lines.append([])
            left = 0.0
        lines[-1].append(chip)
        left += wide + _GAP
    return tuple(map(tuple, lines))


def _chip(chip: Chip, x: float, y: float, wide: float) -> str:
    risk = chip.kind != "blue"
    rect = tag("rect", x=x, y=y, width=wide, height=16, rx=8 if not risk else 3, class_=chip.kind)
    room = wide - (20 if risk else 10)
    sign = triangle(x + 4, y + 3, "t-red" if chip.kind == "red" else "t-open") if risk else ""
    text = label(x + (18 if risk else 6), y + 11.7, cut(chip.text, CHIP, room), f"t-chip t-{chip.kind}")
    return group(told(*chip.told), rect, sign, text)


def _status(seen: Seen) -> str:
    length = f" · {time_words(seen.took)}" if seen.took is not None else ""
    attempt = f" · attempt {seen.attempt}" if seen.attempt > 1 else ""
    return f"{STATUS_WORDS[seen.status]}{length}{attempt}"


def _tip(pipeline: Pipeline, seen: Seen) -> list[str]:
    step = seen.step
    env = pipeline.environment(step.env)
    said = [
        f"{step.number} {step.title}",
        f"{seen.who}{' (machine)' if seen.machine else ''}, in {env.title}: {step.uses}",
        f"checks: {', '.join(step.checks)}" if step.checks else "",
        f"watches: {', '.join(step.watch)}" if step.watch else "",
        f"only when {step.when}" if step.when else "",
        seen.why,
    ]
    return [one for one in said if one]


def spoken(pipeline: Pipeline, seen: Seen, live: bool) -> str:
    """A step as a sentence, for those who do not see the picture."""
    step: Step = seen.step
    made = f", makes {', '.join(step.outputs)}" if step.outputs else ""
    gate = f", asks {seen.quorum} of {len(step.gate.need)}" if step.gate else ""
    how = f": {_status(seen)}" if live else ""
    return words(
        f"{step.number} {step.title}, by {seen.who} in {pipeline.environment(step.env).title}{made}{gate}{how}."
    )

"""A pipeline, or a run of it, as a picture: CPython's own drawing of its release, but made of the pipeline itself.

People are golden, artifacts blue, risks red, and environments grey boxes, since they are boundaries; a red outline
says that lint has found an error there. With a `State` it shows how far the run is: colours and words for each step,
times, digests when the pointer rests on an artifact, approvals, and where and why it stopped.

``wide`` gives each environment a lane and reads from the top to the bottom; ``tall`` is one column, for phones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import groupby, pairwise
from typing import Literal

from customhouse.formats.pipeline import graph
from customhouse.formats.pipeline.finding import Finding
from customhouse.formats.pipeline.lint import lint
from customhouse.formats.pipeline.mitigations import unmitigated
from customhouse.formats.pipeline.model import Environment, Pipeline
from customhouse.release.picture.below import RiskTable, legend
from customhouse.release.picture.cards import Card, draw_card, ghost_card, spoken, step_card
from customhouse.release.picture.colours import Theme, style
from customhouse.release.picture.elements import group, label, ring, tag, told, way, words
from customhouse.release.picture.layout import Arrow, Box, Layout, Measures, Point, lay_out
from customhouse.release.picture.seen import look, stop_words, time_words
from customhouse.release.picture.text_width import cut, width_of, wrapped
from customhouse.release.state import State

Shape = Literal["wide", "tall"]
Piece = tuple[Point, Point]
Near = Mapping[int, Sequence[tuple[Arrow, Piece]]]

_WIDE_LEAST = 1120.0
_NARROW = 180.0
_BAND = 40.0
"""High enough that a label lies in a band and the one above it."""
_STRAIGHT = 2
"""Points of a way that never turns."""
_HEAD = 76.0
_LANE_HEAD = 46.0
_RUN_WORDS = {
    "gathering": "waits until everybody is around", "open": "running", "stopped": "stopped",
    "aborting": "being taken back", "released": "released", "abandoned": "abandoned",
}  # fmt: skip


def draw(
    pipeline: Pipeline, state: State | None = None, *, now: datetime | None = None, theme: Theme = "auto",
    shape: Shape = "wide", key: str = "release",
) -> str:  # fmt: skip
    """The picture as SVG. ``now`` is needed for times of what is running; ``key`` begins ids.

    Raises `Rejected` (code ``cycle``) for steps that wait for each other: they have no order.
    """
    return _Picture(pipeline, state, now, theme, shape, key).svg()


class _Picture:
    def __init__(
        self, pipeline: Pipeline, state: State | None, now: datetime | None, theme: Theme, shape: Shape, key: str
    ) -> None:
        self.pipeline = pipeline
        self.state = state
        self.now = now
        self.theme: Theme = theme
        self.tall = shape == "tall"
        self.key = key
        self.findings = [one for one in lint(pipeline) if one.level == "error"]
        self.open_risks = unmitigated(pipeline)
        seen = {one.step.id: one for one in look(pipeline, state, now)}
        self.seen = [seen[one] for one in graph.order(pipeline)]
        self.before = graph.before_each(pipeline)
        self.envs = {one.id: one for one in pipeline.environments}

    # What is drawn

    def svg(self) -> str:
        measures = self._measures()
        width = measures.lane - 2 * measures.inset
        self.cards = self._cards(width)
        arrows = self._arrows()
        layout = lay_out([one.id for one in self.pipeline.environments], self._boxes(), arrows, measures)
        parts = [*self._lanes(layout), *self._edges(layout), *self._comparisons(layout)]
        parts += [draw_card(one, layout.boxes[one.id]) for one in self.cards.values()]
        parts += self._ends(layout)
        parts.insert(0, self._heading(layout.width))
        y = layout.bottom + 40
        signs, y = legend(layout.width, y)
        table, y = RiskTable(self.pipeline, self.seen, self.open_risks, self.tall).draw(layout.width, y)
        return self._whole(layout.width, y + 14, [*parts, *signs, *table])

    def _measures(self) -> Measures:
        if self.tall:
            return Measures(lane=330.0, inset=14.0, gutter=8.0, channel=24.0, left=4.0, top=_HEAD + 12, axis=0.84)
        used = {one.step.env for one in self.seen} | {
            one.step.rebuild.env for one in self.seen if one.step.rebuild is not None
        }
        lane = min(max((_WIDE_LEAST - 16 * len(used)) / max(len(used), 1), 156.0), 214.0)
        return Measures(lane=lane, inset=8.0 if lane < _NARROW else 12.0, top=_HEAD + _LANE_HEAD + 44)

    def _cards(self, width: float) -> dict[str, Card]:
        artifacts = self.state.artifacts if self.state is not None else {}
        cards: dict[str, Card] = {}
        for seen in self.seen:
            step = seen.step
            made = self.state.steps[step.id].outputs if self.state and step.id in self.state.steps else {}
            bad = [one.sentence for one in self.findings if one.step == step.id]
            open_risks = frozenset(risk for risk, at in self.open_risks if at == step.id)
            cards[step.id] = step_card(
                self.pipeline, seen, width, artifacts={**artifacts, **made}, bad=bad, open_risks=open_risks,
                live=self.state is not None,
            )  # fmt: skip
            if step.rebuild is not None and not self.tall:
                for actor in step.rebuild.by[:1]:
                    ghost = ghost_card(self.pipeline, seen, actor, width, self._agrees(step.id, actor))
                    cards[ghost.id] = ghost
        return cards

    def _agrees(self, step: str, actor: str) -> bool | None:
        found = self.state.steps.get(step) if self.state is not None else None
        return next((one.agrees for one in found.rebuilds if one.by == actor), None) if found else None

    def _boxes(self) -> list[Box]:
        boxes = []
        for card in self.cards.values():
            step = card.seen.step
            if card.ghost and step.rebuild is not None:
                if step.rebuild.env != step.env:
                    boxes.append(Box(card.id, step.rebuild.env, card.height, beside=step.id))
            else:
                boxes.append(Box(card.id, step.env, card.height))
        return self._stacked(boxes) if self.tall else boxes

    def _stacked(self, boxes: list[Box]) -> list[Box]:
        """All in one lane, with room where another boundary begins."""
        envs = [one.step.env for one in self.seen]
        lane = self.pipeline.environments[0].id
        fresh = [number == 0 or envs[number] != envs[number - 1] for number in range(len(envs))]
        return [
            Box(box.id, lane, box.height, above=38.0 if new else 0.0) for box, new in zip(boxes, fresh, strict=True)
        ]

    def _arrows(self) -> list[Arrow]:
        """What follows at once, without what follows anyway."""
        follows = graph.direct(self.pipeline)
        before = self.before
        arrows = []
        for seen in self.seen:
            ones = follows[seen.step.id]
            last = [one for one in ones if not any(one in before[other] for other in ones if other != one)]
            arrows += [Arrow(one, seen.step.id) for one in last]
        placed = {one.id for one in self._boxes()}
        ghosts = [one for one in self.cards.values() if one.ghost and one.id in placed]
        for ghost in ghosts:
            arrows += [Arrow(one.start, ghost.id) for one in arrows if one.end == ghost.seen.step.id]
        return arrows

    # Parts

    def _heading(self, width: float) -> str:
        title = cut(self._title(), 21, width - 40, bold=True)
        parts = [label(20, 34, title, "t-head")]
        said = self._subtitle()
        kind = "t-soft"
        if self.state is not None and self.state.stop is not None:
            kind = "status s-stopped"
        parts += [
            label(20, 54 + 15 * number, line, kind)
            for number, line in enumerate(wrapped(said, 11.6, width - 40, 2 if not self.tall else 3))
        ]
        return group(*parts)

    def _title(self) -> str:
        version = self.state.params.get("version", "") if self.state is not None else ""
        title = self.pipeline.title or f"Release of {self.pipeline.project}"
        return f"{title} {version}".strip()

    def _subtitle(self) -> str:
        state = self.state
        if state is None:
            people = sum(not one.machine for one in self.pipeline.actors)
            return (
                f"{len(self.seen)} steps, {people} {'person' if people == 1 else 'people'},"
                f" {len(self.pipeline.actors) - people} machines. Where a boundary is left, digests are compared."
            )
        ended = sum(one.status in {"done", "skipped"} for one in self.seen)
        said = f"{_RUN_WORDS[state.status]}, {ended} of {len(self.seen)} steps"
        if state.stop is not None:
            return f"{said}. Seen by {state.stop.by}: {stop_words(state)}"
        end = state.finished_at or self.now
        if end is not None:
            said += f", {time_words(max(end - state.created_at, end - end))}"
        return f"{said}{', rehearsal' if state.rehearsal else ''}"

    def _lanes(self, layout: Layout) -> list[str]:
        if self.tall:
            return self._tall_lanes(layout)
        parts = []
        for name, (left, right) in layout.lanes.items():
            env = self.envs[name]
            height = layout.bottom - _HEAD - 4
            parts.append(tag("rect", x=left, y=_HEAD, width=right - left, height=height, rx=10, class_="lane"))
            middle, room = (left + right) / 2, right - left - 14
            lines = wrapped(env.title, 13, room, 3, bold=True)
            at = _HEAD + (26, 20, 14)[len(lines) - 1]
            inside = [told(*_about(env))]
            for number, line in enumerate(lines):
                inside.append(label(middle, at + 15 * number, line, "t-lane t-mid"))
            inside.append(label(middle, at + 15 * len(lines), cut(_kind(env), 11, room), "t-soft t-mid"))
            parts.append(group(*inside))
        return parts

    def _tall_lanes(self, layout: Layout) -> list[str]:
        """Grey boxes around neighbours that stand within one boundary, each with its name."""
        parts = []
        for env, ones in groupby(self.seen, key=lambda one: one.step.env):
            boxes = [layout.boxes[one.step.id] for one in ones]
            first, last = boxes[0], boxes[-1]
            top = first.y - 34
            parts.append(
                tag("rect", x=first.x - 12, y=top, width=first.width + 24, height=last.bottom + 11 - top, rx=10,
                    class_="lane")
            )  # fmt: skip
            about = self.envs[env]
            room = first.width * 0.76
            said = f"{about.title} · {_kind(about)}"
            said = cut(said if width_of(said, 11, bold=True) <= room else about.title, 11, room, bold=True)
            parts.append(group(told(*_about(about)), label(first.x, top + 16, said, "t-soft t-b")))
        return parts

    def _edges(self, layout: Layout) -> list[str]:
        parts = []
        steps = {one.step.id: one.step for one in self.seen}
        for arrow, points in layout.paths.items():
            start, end = steps[arrow.start], steps[arrow.end.partition("~")[0]]
            target = end.rebuild.env if "~" in arrow.end and end.rebuild else end.env
            crosses = start.env != target
            carried = [one for one in end.inputs if one in (*start.outputs, *start.inputs)]
            said = told(
                f"{start.title} → {end.title}",
                f"hands over {', '.join(carried)}{': digests are compared' if crosses else ''}" if carried else "",
                *self._digests(carried),
            )
            head = _head_at(points[-1])
            last = (points[-1][0], points[-1][1] - 5)
            line = tag("path", d=way([*points[:-1], last]), class_="edge" if crosses else "edge within")
            seal = _seal(points, level=not self.tall) if crosses and carried else ""
            parts.append(group(said, line, head, seal))
        if not self.tall:
            near = _by_height(layout)
            for arrow, points in layout.paths.items():
                parts.append(self._edge_label(arrow, points, near))
        return [one for one in parts if one]

    def _edge_label(self, arrow: Arrow, points: Sequence[Point], near: Near) -> str:
        start, end = self.pipeline.step(arrow.start), self.pipeline.step(arrow.end.partition("~")[0])
        if "~" in arrow.end or start.env == end.env:
            return ""
        fresh = [one for one in end.inputs if one in start.outputs]
        shown = " ".join(self._short(one) for one in fresh)
        runs = [(abs(ax - bx), ax, bx, ay) for (ax, ay), (bx, by) in pairwise(points) if ay == by]
        length, begin, finish, y = max(runs, default=(0.0, 0.0, 0.0, 0.0))
        half = width_of(shown, 10.5) / 2
        if not shown or 2 * half + 14 > length:
            return ""
        inward = (half + 12) * (1 if finish > begin else -1)
        for x in ((begin + finish) / 2, begin + inward, finish - inward):
            # Where no other arrow runs through the words.
            first, last = (x - half, y - 13), (x + half, y - 3)
            others = near.get(int(y // _BAND), ())
            if not any(_meets(piece, first, last) for other, piece in others if other != arrow):
                return label(x, y - 4, shown, "t-edge")
        return ""

    def _short(self, artifact: str) -> str:
        """An artifact with the beginning of its digest, where there is one alone."""
        things = self.state.artifacts.get(artifact, ()) if self.state is not None else ()
        return f"{artifact} {things[0].digest[:7]}" if len(things) == 1 else artifact

    def _digests(self, artifacts: Sequence[str]) -> list[str]:
        if self.state is None:
            return []
        things = [one for name in artifacts for one in self.state.artifacts.get(name, ())]
        return [f"{one.name}: {one.algorithm} {one.digest}" for one in things[:12]]

    def _comparisons(self, layout: Layout) -> list[str]:
        """Between two builds of the same: they must agree."""
        parts = []
        for card in self.cards.values():
            if not card.ghost or card.id not in layout.boxes:
                continue
            one, other = layout.boxes[card.seen.step.id], layout.boxes[card.id]
            left, right = sorted((one, other), key=lambda box: box.x)
            row = [box for box in layout.boxes.values() if box.row == one.row and left.x < box.x < right.x]
            if row:
                continue
            y = other.y + other.box.height / 2
            ends = (left.x + left.width, right.x)
            middle = sum(ends) / 2
            parts.append(
                group(
                    told("built twice: must be the same bit for bit", *card.tip),
                    tag("path", d=way([(ends[0], y), (ends[1], y)]), class_="edge compare"),
                    tag("circle", cx=middle, cy=y, r=8, class_="seal"),
                    label(middle, y + 4, "=", "t-n t-blue"),
                )
            )
        return parts

    def _ends(self, layout: Layout) -> list[str]:
        """Start and end states: a dot above what nothing leads to, a ring below what leads to nothing."""
        starts = {one.start for one in layout.paths}
        ends = {one.end for one in layout.paths}
        parts = []
        for name, placed in layout.boxes.items():
            if "~" in name:
                continue
            x = placed.x + placed.width * (0.84 if self.tall else 0.5)
            if name not in ends:
                y = placed.y - 24
                parts.append(
                    group(
                        told("start"), tag("circle", cx=x, cy=y, r=6, class_="dot"),
                        tag("path", d=way([(x, y + 6), (x, placed.y - 5)]), class_="edge"), _head_at((x, placed.y)),
                    )
                )  # fmt: skip
            if name not in starts and self._is_an_end(name):
                y = placed.bottom + 13
                parts.append(
                    group(
                        told("end"), tag("path", d=way([(x, placed.bottom), (x, y - 6)]), class_="edge"),
                        ring(x, y),
                    )
                )  # fmt: skip
        return parts

    def _is_an_end(self, name: str) -> bool:
        """What is done after publication; a by-way that leads to nothing is no end of the release."""
        published = {one.step.id for one in self.seen if one.step.uses == "index.publish"}
        return not published or bool(published & (self.before[name] | {name}))

    # The whole

    def _whole(self, width: float, height: float, parts: list[str]) -> str:
        live = self.state is not None
        sentences = " ".join(spoken(self.pipeline, one, live) for one in self.seen)
        faults = " ".join(words(_fault(one)) for one in self.findings)
        wide, high = round(width), round(height)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-labelledby="{self.key}-title {self.key}-desc"'
            f' viewBox="0 0 {wide} {high}" width="{wide}" height="{high}">'
            f'<title id="{self.key}-title">{words(self._title())}</title>'
            f'<desc id="{self.key}-desc">{words(self._subtitle())} {sentences} {faults}</desc>'
            f"<style>{style(self.theme)}</style>"
            + tag("rect", width=wide, height=high, class_="paper")
            + "".join(f"\n{one}" for one in parts if one)
            + "\n</svg>\n"
        )


def _fault(finding: Finding) -> str:
    return f"{finding.place}: {finding.sentence}"


def _kind(env: Environment) -> str:
    if env.kind != "ci":
        return {"forge": "forge", "local": "somebody's machine", "store": "store"}[env.kind]
    said = [{"none": "no network", "pinned": "pinned network", "open": "network"}[env.network]]
    said += ["made anew"] if env.ephemeral else []
    said += ["keeps a cache"] if env.cache else []
    return ", ".join(said)


def _about(env: Environment) -> list[str]:
    writers = f"may write: {', '.join(env.writers)}" if env.writers else ""
    return [env.title, _kind(env), writers]


def _head_at(point: Point) -> str:
    x, y = point
    return tag("path", d=f"M{x:.1f} {y:.1f}l-4.5-8h9z", class_="head")


def _by_height(layout: Layout) -> Near:
    """Level and upright pieces of all ways, by the bands of the picture in which a label could meet them."""
    found: dict[int, list[tuple[Arrow, Piece]]] = {}
    for arrow, points in layout.paths.items():
        for piece in pairwise(points):
            low, high = sorted((piece[0][1], piece[1][1]))
            for band in range(int(low // _BAND), int((high + _BAND) // _BAND) + 1):
                found.setdefault(band, []).append((arrow, piece))
    return found


def _meets(piece: Piece, first: Point, last: Point) -> bool:
    """Whether a level or upright piece of a way runs through the space between two corners."""
    (ax, ay), (bx, by) = piece
    across = min(ax, bx) < last[0] and max(ax, bx) > first[0]
    return across and min(ay, by) < last[1] and max(ay, by) > first[1]


def _seal(points: Sequence[Point], *, level: bool) -> str:
    """Where a boundary is left: in the middle of the longest level piece of the way, or just below where it begins."""
    if not level:
        return (
            tag("circle", cx=points[0][0], cy=points[0][1] + 19, r=4, class_="seal") if len(points) == _STRAIGHT else ""
        )
    runs = [(abs(ax - bx), ax, bx, ay) for (ax, ay), (bx, by) in pairwise(points) if ay == by]
    if not runs:
        return ""
    _, left, right, y = max(runs)
    return tag("circle", cx=(left + right) / 2, cy=y, r=4, class_="seal")

"""Where boxes and arrows of a picture stand: rows by order, lanes by environment. Pure geometry; nothing is drawn.

A box stands in one lane and one row; no two stand in the same place, so none overlap. Arrows leave a box at its bottom
and come in at the top of another. Between rows are channels and between lanes gutters, in which they run without
crossing a box; each channel and gutter is as wide as the arrows in it need.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Box:
    """What is to be placed."""

    id: str
    lane: str
    height: float
    beside: str = ""
    """Another box in whose row it must stand."""
    above: float = 0.0
    """Room for something over it."""


@dataclass(frozen=True, slots=True)
class Arrow:
    """From one box to another that comes after it."""

    start: str
    end: str


@dataclass(frozen=True, slots=True)
class Measures:
    """All in units of the picture."""

    lane: float = 168.0
    inset: float = 12.0
    """Between a box and the edge of its lane."""
    gutter: float = 14.0
    channel: float = 26.0
    track: float = 9.0
    """Between two arrows side by side."""
    axis: float = 0.5
    """Where on a box its middle arrow is, from 0 (left) to 1."""
    left: float = 16.0
    top: float = 60.0


@dataclass(frozen=True, slots=True)
class Placed:
    """A box in its place."""

    box: Box
    x: float
    y: float
    width: float
    row: int

    @property
    def bottom(self) -> float:
        """Where it ends."""
        return self.y + self.box.height


@dataclass(frozen=True, slots=True)
class Layout:
    """The whole."""

    width: float
    height: float
    lanes: Mapping[str, tuple[float, float]]
    """By lane, from left to right, where it begins and ends."""
    boxes: Mapping[str, Placed]
    paths: Mapping[Arrow, tuple[Point, ...]]
    bottom: float
    """Where lanes end."""


def lay_out(
    lanes: Sequence[str], boxes: Sequence[Box], arrows: Sequence[Arrow], measures: Measures | None = None
) -> Layout:
    """Place boxes, which come in an order in which each stands after all that lead to it."""
    sizes = measures or Measures()
    rows = _rows(boxes, arrows)
    return _Router(_ordered(lanes, boxes, arrows), boxes, arrows, rows, sizes).routed()


def _rows(boxes: Sequence[Box], arrows: Sequence[Arrow]) -> dict[str, int]:
    """By box, its row: below all that lead to it, in the first row in which its place is free."""
    before: dict[str, list[str]] = {one.id: [] for one in boxes}
    for arrow in arrows:
        before[arrow.end].append(arrow.start)
    beside: dict[str, list[Box]] = {}
    for box in boxes:
        if box.beside:
            beside.setdefault(box.beside, []).append(box)
    rows: dict[str, int] = {}
    taken: set[tuple[str, int]] = set()
    for box in boxes:
        if box.beside:
            continue
        together = [box, *beside.get(box.id, ())]
        row = max((rows[one] + 1 for each in together for one in before[each.id] if one in rows), default=0)
        while any((each.lane, row) in taken for each in together):
            row += 1
        for each in together:
            rows[each.id] = row
            taken.add((each.lane, row))
    return rows


def _ordered(lanes: Sequence[str], boxes: Sequence[Box], arrows: Sequence[Arrow]) -> list[str]:
    """Lanes so that arrows are short: each is put where it helps most, until nothing helps. The same each time."""
    used = {one.lane for one in boxes}
    order = [one for one in lanes if one in used]
    lane = {one.id: one.lane for one in boxes}
    weights: dict[tuple[str, str], int] = {}
    for start, end, weight in (
        *((lane[one.start], lane[one.end], 2) for one in arrows),
        *((one.lane, lane[one.beside], 7) for one in boxes if one.beside),
    ):
        weights[start, end] = weights.get((start, end), 0) + weight

    def cost(order: list[str]) -> int:
        place = {one: number for number, one in enumerate(order)}
        return sum(weight * abs(place[one] - place[two]) for (one, two), weight in weights.items())

    best, better = cost(order), True
    while better:
        better = False
        for name in list(order):
            rest = [one for one in order if one != name]
            for at in range(len(order)):
                tried = [*rest[:at], name, *rest[at:]]
                if cost(tried) < best:
                    best, order, better = cost(tried), tried, True
    return order


@dataclass(slots=True)
class _Run:
    """A straight piece of an arrow in a channel or gutter, before it has a track."""

    arrow: int
    line: int
    """Of which channel or gutter."""
    low: float
    high: float
    first: bool = True
    """Whether it leaves a box, and does not come to one."""
    fans: bool = False
    """Whether others leave the same box."""
    track: int = 0


@dataclass(slots=True)
class _Way:
    """How an arrow goes: down, along a channel, perhaps through a gutter or a free lane, along a channel, down."""

    arrow: int
    first: _Run | None = None
    down: _Run | None = None
    through: int | None = None
    """The lane through whose free places it goes down."""
    second: _Run | None = None


@dataclass
class _Router:
    lanes: list[str]
    boxes: Sequence[Box]
    arrows: Sequence[Arrow]
    rows: dict[str, int]
    sizes: Measures
    ports: dict[tuple[int, bool], float] = field(default_factory=dict)

    def routed(self) -> Layout:
        self.number = {one: number for number, one in enumerate(self.lanes)}
        self.lane = {one.id: self.number[one.lane] for one in self.boxes}
        self.row_count = max(self.rows.values(), default=0) + 1
        self.full = {(one.lane, self.rows[one.id]) for one in self.boxes}
        self.passed: set[tuple[int, int]] = set()
        self._spread_ports()
        ways = [self._way(number) for number in range(len(self.arrows))]
        return self._measured(ways)

    def _free(self, lane: int, rows: range) -> bool:
        return all((self.lanes[lane], row) not in self.full and (lane, row) not in self.passed for row in rows)

    def _spread_ports(self) -> None:
        """Where on a box each arrow begins and ends: those from the left on the left, a straight one in the middle."""
        room = self.sizes.lane - 2 * self.sizes.inset
        for at_start in (True, False):
            for box in self.boxes:
                mine = [
                    number for number, one in enumerate(self.arrows) if (one.start if at_start else one.end) == box.id
                ]
                others = {n: self.arrows[n].end if at_start else self.arrows[n].start for n in mine}
                sides = sorted(mine, key=lambda n: self._side(n, at_start=at_start))
                left = [n for n in sides if self.lane[others[n]] < self.lane[box.id]]
                right = [n for n in sides if self.lane[others[n]] > self.lane[box.id]]
                same = [n for n in sides if n not in left and n not in right]
                near = sorted(same, key=lambda n: abs(self.rows[others[n]] - self.rows[box.id]))
                straight = [n for n in near if self._in_sight(box.id, others[n])][:1]
                right = [*(n for n in same if n not in straight), *right]
                axis = self.sizes.axis
                # On the left a box has its number.
                steps = [
                    min(20.0, max(space, 8.0) / (len(ones) + 0.5))
                    for ones, space in ((left, axis * room - 28), (right, (1 - axis) * room - 10))
                ]
                step = min(steps)
                # What comes in beside the middle does not stand below what leaves beside it.
                gap = step if straight or (left and right) or (same and not at_start) else step / 2
                for place, n in enumerate(reversed(left)):
                    self.ports[n, at_start] = -gap - place * step
                for n in straight:
                    self.ports[n, at_start] = 0.0
                for place, n in enumerate(right):
                    self.ports[n, at_start] = gap + place * step
                if len(mine) == 1 and (straight or not same):
                    self.ports[mine[0], at_start] = 0.0

    def _side(self, number: int, *, at_start: bool) -> tuple[int, int, int]:
        """The order of arrows on one side of a box. What goes down beside it at once stands nearest to its middle."""
        arrow = self.arrows[number]
        here, there = (arrow.start, arrow.end) if at_start else (arrow.end, arrow.start)
        between = range(self.rows[arrow.start] + 1, self.rows[arrow.end])
        down = at_start and bool(between) and not self._clear(there, between) and self._clear(here, between)
        lane = self.lane[there]
        if down:
            lane = self.lane[here] + (1 if lane > self.lane[here] else -1)
        return (lane, 0 if down == (lane > self.lane[here]) else 1, self.rows[there] * (1 if at_start else -1))

    def _clear(self, box: str, rows: range) -> bool:
        return all((self.lanes[self.lane[box]], row) not in self.full for row in rows)

    def _in_sight(self, one: str, other: str) -> bool:
        """Whether nothing stands between two boxes of one lane."""
        top, low = sorted((self.rows[one], self.rows[other]))
        return all((self.lanes[self.lane[one]], row) not in self.full for row in range(top + 1, low))

    def _proxy(self, number: int, *, at_start: bool) -> float:
        """Where a port is, in lanes."""
        arrow = self.arrows[number]
        lane = self.lane[arrow.start if at_start else arrow.end]
        return lane + self.sizes.axis + self.ports[number, at_start] / self.sizes.lane

    def _way(self, number: int) -> _Way:
        arrow = self.arrows[number]
        start, end = self.lane[arrow.start], self.lane[arrow.end]
        top, low = self.rows[arrow.start], self.rows[arrow.end]
        begin, finish = self._proxy(number, at_start=True), self._proxy(number, at_start=False)
        between = range(top + 1, low)
        fans = sum(one.start == arrow.start for one in self.arrows) > 1
        if not between:
            return _Way(number, first=_Run(number, top, begin, finish, fans=fans))
        if self._free(end, between):
            self.passed |= {(end, row) for row in between}
            return _Way(number, first=_Run(number, top, begin, finish, fans=fans), through=end)
        if self._free(start, between):
            self.passed |= {(start, row) for row in between}
            return _Way(number, through=start, second=_Run(number, low - 1, begin, finish, first=False))
        # Beside the lane where it ends, on the side that it comes from; from its own lane, on the right.
        gutter = end if start < end else end + 1
        return _Way(
            number,
            first=_Run(number, top, begin, float(gutter), fans=True),
            down=_Run(number, gutter, float(top), float(low - 1)),
            second=_Run(number, low - 1, float(gutter), finish, first=False),
        )

    def _measured(self, ways: list[_Way]) -> Layout:
        along = [run for way in ways for run in (way.first, way.second) if run is not None and run.low != run.high]
        downs = [way.down for way in ways if way.down is not None]
        channels = _tracks(along, self.row_count)
        gutters = _tracks(downs, len(self.lanes) + 1)
        sizes = self.sizes
        lefts, at = [], sizes.left
        for lane in range(len(self.lanes)):
            at += self._gutter(gutters[lane])
            lefts.append(at)
            at += sizes.lane
        width = at + self._gutter(gutters[len(self.lanes)]) + sizes.left
        tops, bottoms, y = [], [], sizes.top
        for row in range(self.row_count):
            height = max((one.height for one in self.boxes if self.rows[one.id] == row), default=0.0)
            y += max((one.above for one in self.boxes if self.rows[one.id] == row), default=0.0)
            tops.append(y)
            bottoms.append(y + height)
            y += height + sizes.channel + sizes.track * max(channels[row] - 1, 0)
        placed = {
            one.id: Placed(
                one, lefts[self.number[one.lane]] + sizes.inset, tops[self.rows[one.id]],
                sizes.lane - 2 * sizes.inset, self.rows[one.id],
            ) for one in self.boxes
        }  # fmt: skip
        paths = {self.arrows[way.arrow]: self._path(way, placed, lefts, bottoms, gutters) for way in ways}
        lanes = {name: (lefts[number], lefts[number] + sizes.lane) for number, name in enumerate(self.lanes)}
        end = (bottoms[-1] if bottoms else y) + sizes.channel
        return Layout(width, end, lanes, placed, paths, end)

    def _gutter(self, tracks: int) -> float:
        return self.sizes.gutter + self.sizes.track * max(tracks - 1, 0)

    def _path(
        self, way: _Way, placed: Mapping[str, Placed], lefts: list[float], bottoms: list[float], gutters: list[int]
    ) -> tuple[Point, ...]:
        arrow, sizes = self.arrows[way.arrow], self.sizes
        start, end = placed[arrow.start], placed[arrow.end]
        x = start.x + start.width * sizes.axis + self.ports[way.arrow, True]
        target = end.x + end.width * sizes.axis + self.ports[way.arrow, False]
        points: list[Point] = [(x, start.bottom)]
        for run in (way.first, way.second):
            if run is None:
                continue
            y = bottoms[run.line] + sizes.channel / 2 - 1 + run.track * sizes.track
            if run.first and way.down is not None:
                gutter = way.down.line
                tracks = max(gutters[gutter], 1)
                middle = lefts[gutter] if gutter < len(lefts) else lefts[-1] + sizes.lane + self._gutter(tracks)
                goal = middle - self._gutter(tracks) / 2 + (way.down.track - (tracks - 1) / 2) * sizes.track
            else:
                goal = target
            points += [(x, y), (goal, y)]
            x = goal
        points.append((target, end.y))
        return _straightened(points)


def _tracks(runs: Sequence[_Run], lines: int) -> list[int]:
    """Give runs that overlap in one channel different tracks; how many each channel has."""
    counts = [0] * lines
    by_line: dict[int, list[_Run]] = {}
    for run in runs:
        by_line.setdefault(run.line, []).append(run)
    for line, ones in by_line.items():
        ends: list[list[tuple[float, float]]] = []
        for run in sorted(ones, key=_height):
            low, high = sorted((run.low, run.high))
            track = next(
                (n for n, taken in enumerate(ends) if all(high < one - 0.02 or low > two + 0.02 for one, two in taken)),
                len(ends),
            )
            if track == len(ends):
                ends.append([])
            ends[track].append((low, high))
            run.track = track
        counts[line] = len(ends)
    return counts


def _height(run: _Run) -> tuple[bool, float, int]:
    """What comes first is nearer to the boxes above, so that arrows do not cross.

    Of those that leave one box it is the longest; of those that come to one, the shortest.
    """
    length = abs(run.high - run.low)
    leaves = run.first and run.fans
    return (not leaves, -length if leaves else length, run.arrow)


def _straightened(points: list[Point]) -> tuple[Point, ...]:
    """Without points that lie on the way between their neighbours."""
    found: list[Point] = []
    for point in points:
        if found and _same(found[-1][0], point[0]) and _same(found[-1][1], point[1]):
            continue
        if len(found) > 1 and any(_same(found[-2][n], found[-1][n]) and _same(found[-1][n], point[n]) for n in (0, 1)):
            found.pop()
        found.append(point)
    return tuple(found)


def _same(one: float, other: float) -> bool:
    return abs(one - other) < 0.01  # noqa: PLR2004 - less than can be drawn

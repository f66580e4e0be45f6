"""The difference of two texts, line by line, in bounded time.

`difflib` needs time in proportion to how often lines repeat, so two files of a hundred kilobytes can be made that keep
it busy for hours. Here each of its steps is paid for before it is taken; when the means are used up the old text counts
as replaced by the new one, which is true, if coarse. Measured in steps and not in seconds, the same two texts always
have the same difference.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import accumulate, takewhile
from typing import Literal, NamedTuple

Opcode = tuple[str, int, int, int, int]
"""Of `SequenceMatcher.get_opcodes`: what happens to which lines of either text."""
CHEAP_STEPS = 100_000
"""Below it every line may be an anchor."""
CONTEXT = 3
"""Unchanged lines shown around a change, as everywhere."""


class Row(NamedTuple):
    """One line. ``old`` and ``new`` are its numbers in the two texts, from 1; 0 means that it is not there."""

    sign: Literal[" ", "-", "+"]
    old: int
    new: int
    text: str
    """Without its line feed."""
    ended: bool = True
    """False for a last line without a line feed."""
    left: int = 0
    """Characters of the text that were left out."""

    def shortened(self, characters: int) -> Row:
        """The row with at most so many characters of its text."""
        left = len(self.text) - characters
        return self if left <= 0 else self._replace(text=self.text[:characters], left=left)


@dataclass(slots=True)
class Means:
    """What comparisons may still cost, in steps of about 50 ns. Shared by all texts of one release."""

    steps: int

    def pay(self, steps: int) -> None:
        """Take the price of a part; raises `Exhausted` if it cannot be paid."""
        if steps > self.steps:
            raise Exhausted
        self.steps -= steps


class Exhausted(Exception):
    """The means do not suffice."""


@dataclass(frozen=True, slots=True)
class LineDiff:
    """Where two texts differ. The rows are made when they are asked for: most of a long difference is never shown."""

    groups: Sequence[Sequence[Opcode]]
    """The changed places with the lines around them; line numbers count from ``head``."""
    before: Sequence[str]
    after: Sequence[str]
    head: int = 0
    """Lines before the first of ``before`` and ``after``, the same in both texts."""
    exact: bool = True
    """False where everything between the common beginning and end counts as replaced."""

    @property
    def added(self) -> int:
        """Lines that the new text has and the old one has not."""
        return sum(stop - start for start, stop in self._added())

    @property
    def removed(self) -> int:
        """Lines that the old text has and the new one has not."""
        return sum(stop - start for group in self.groups for tag, start, stop, _, _ in group if tag != "equal")

    @property
    def rows(self) -> int:
        """How many rows there are in all hunks."""
        kept = sum(stop - start for group in self.groups for tag, start, stop, _, _ in group if tag == "equal")
        return kept + self.added + self.removed

    def hunks(self) -> Iterator[Iterator[Row]]:
        """The rows of each changed place."""
        return (self._rows(group) for group in self.groups)

    def added_blocks(self) -> Iterator[tuple[int, Sequence[str]]]:
        """Runs of added lines with their line feeds, each with the number of its first line."""
        return ((self.head + start + 1, self.after[start:stop]) for start, stop in self._added() if stop > start)

    def _added(self) -> Iterator[tuple[int, int]]:
        return ((start, stop) for group in self.groups for tag, _, _, start, stop in group if tag != "equal")

    def _rows(self, group: Sequence[Opcode]) -> Iterator[Row]:
        for tag, old_start, old_stop, new_start, new_stop in group:
            if tag == "equal":
                for old, new in zip(range(old_start, old_stop), range(new_start, new_stop), strict=True):
                    yield _row(" ", self.head + old + 1, self.head + new + 1, self.before[old])
                continue
            for old in range(old_start, old_stop):
                yield _row("-", self.head + old + 1, 0, self.before[old])
            for new in range(new_start, new_stop):
                yield _row("+", 0, self.head + new + 1, self.after[new])


class _Metered(SequenceMatcher[str]):
    """A matcher that pays for each search: for every line once, and once for each of its twins on the other side."""

    def __init__(self, old: Sequence[str], new: Sequence[str], means: Means) -> None:
        counts = Counter(new)
        # Where common lines would make it dear they are no anchors (autojunk), but still join the matches beside them.
        dear = sum(counts[line] for line in old) > CHEAP_STEPS
        super().__init__(None, old, new, autojunk=dear)
        twins: dict[str, list[int]] = self.b2j  # type: ignore[attr-defined]  # documented, and missing in the stubs
        self._prices = list(accumulate((1 + len(twins.get(line, ())) for line in old), initial=0))
        self._means = means

    def find_longest_match(self, alo: int = 0, ahi: int | None = None, blo: int = 0, bhi: int | None = None):  # type: ignore[no-untyped-def]  # noqa: ANN202  # the parent's own type
        """See `SequenceMatcher`."""
        self._means.pay(self._prices[len(self._prices) - 1 if ahi is None else ahi] - self._prices[alo])
        return super().find_longest_match(alo, ahi, blo, bhi)


def line_diff(old: str, new: str, means: Means) -> LineDiff:
    """What changed between two texts.

    Lines end with a line feed alone: what else some readers take for an end stays in its line, where it can be seen.
    """
    if old == new:
        return LineDiff((), (), ())
    before, after = _lines(old), _lines(new)
    # What both begin and end with needs no matcher, only the lines around the change.
    same_head = _common(before, after)
    same_tail = min(min(len(before), len(after)) - same_head, _common(before[::-1], after[::-1]))
    head, tail = max(0, same_head - CONTEXT), max(0, same_tail - CONTEXT)
    inner_before, inner_after = before[head : len(before) - tail], after[head : len(after) - tail]
    try:
        groups = list(_Metered(inner_before, inner_after, means).get_grouped_opcodes(CONTEXT))
    except Exhausted:
        groups = [_replaced(len(inner_before), len(inner_after), same_head - head, same_tail - tail)]
        return LineDiff(groups, inner_before, inner_after, head, exact=False)
    return LineDiff(groups, inner_before, inner_after, head)


def _replaced(old: int, new: int, head: int, tail: int) -> list[Opcode]:
    """The operations that replace everything between the common head and tail."""
    return [
        ("equal", 0, head, 0, head),
        ("replace", head, old - tail, head, new - tail),
        ("equal", old - tail, old, new - tail, new),
    ]


def _row(sign: Literal[" ", "-", "+"], old: int, new: int, line: str) -> Row:
    return Row(sign, old, new, line.removesuffix("\n"), line.endswith("\n"))


def _lines(text: str) -> list[str]:
    """The lines with their line feeds; the last one may lack it."""
    lines = [f"{line}\n" for line in text.split("\n")]
    last = lines.pop().removesuffix("\n")
    return [*lines, last] if last else lines


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    """How many lines both begin with."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))

r"""Patterns of parameters: the regular part of Python's regular expressions, matched in time linear in the value.

A pattern comes with the pipeline, a value from whoever starts a run. Python's own matcher goes back and tries again:
``(a|a)*b`` takes time that doubles with each letter, and ``\d*\d*\d*\d*x`` the fourth power of the length, so no
limit on nesting alone is enough. Here a pattern becomes a machine of at most `MOST_STATES` states that walks through
the value once, with all its possibilities at the same time (Thompson, CACM 11/6, 1968).

What is understood: letters, ``\d \w \s`` and their opposites, ``.``, classes with ranges, groups, ``|`` and
``? * + {2} {2,} {2,4}``; all of it as `re.ASCII` means it. The whole value must match, so ``^`` and ``$`` are not
needed. Nothing outside of ASCII ever matches. Since it is a machine, it can also be asked what it would ever accept.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache

LONGEST = 200
"""Characters of a pattern."""
MOST_STATES = 2000
"""After repetitions are written out."""

_ALL = frozenset(map(chr, range(128)))
_CLASSES = {
    "d": frozenset(string.digits),
    "w": frozenset(string.ascii_letters + string.digits + "_"),
    "s": frozenset(" \t\n\r\f\v"),
}
_CLASSES |= {name.upper(): _ALL - letters for name, letters in _CLASSES.items()}
_COUNT = re.compile(r"\{(\d{1,3})?(,)?(\d{1,3})?\}")

Letters = frozenset[str]


class BadPattern(ValueError):
    """A pattern that is not understood: why, for people."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern, understood."""

    text: str
    _letters: tuple[tuple[Letters, int] | None, ...] = field(repr=False)
    """By state: which letters lead on, and where to."""
    _free: tuple[tuple[int, ...], ...] = field(repr=False)
    """By state: where one gets without a letter."""
    _end: int = field(repr=False)

    def matches(self, value: str) -> bool:
        """Whether all of the value matches."""
        now = self._closed((0,))
        for letter in value:
            now = self._closed(step[1] for state in now if (step := self._letters[state]) and letter in step[0])
            if not now:
                return False
        return self._end in now

    def admits(self, letters: Iterable[str]) -> str:
        """Which of these letters can stand in a value that matches, sorted."""
        alive = self._alive()
        wanted = frozenset(letters)
        found: set[str] = set()
        for state in self._reachable() & alive:
            step = self._letters[state]
            if step is not None and step[1] in alive:
                found |= step[0] & wanted
        return "".join(sorted(found))

    def may_begin_with(self, letter: str) -> bool:
        """Whether a value that matches can begin so."""
        alive = self._alive()
        steps = (self._letters[state] for state in self._closed((0,)))
        return any(step is not None and letter in step[0] and step[1] in alive for step in steps)

    def _closed(self, states: Iterable[int]) -> set[int]:
        found: set[int] = set()
        waiting = list(states)
        while waiting:
            state = waiting.pop()
            if state not in found:
                found.add(state)
                waiting += self._free[state]
        return found

    def _next(self, state: int) -> tuple[int, ...]:
        step = self._letters[state]
        return (*self._free[state], *((step[1],) if step is not None and step[0] else ()))

    def _reachable(self) -> set[int]:
        found: set[int] = set()
        waiting = [0]
        while waiting:
            state = waiting.pop()
            if state not in found:
                found.add(state)
                waiting += self._next(state)
        return found

    def _alive(self) -> set[int]:
        """States from which the end can be reached."""
        back: list[list[int]] = [[] for _ in self._free]
        for state in range(len(self._free)):
            for target in self._next(state):
                back[target].append(state)
        found: set[int] = set()
        waiting = [self._end]
        while waiting:
            state = waiting.pop()
            if state not in found:
                found.add(state)
                waiting += back[state]
        return found


@lru_cache(maxsize=256)
def read_pattern(text: str) -> Pattern:
    """A pattern; raises `BadPattern` for what is not understood or too large."""
    if len(text) > LONGEST:
        raise BadPattern(f"it has {len(text)} characters, at most {LONGEST} are read")
    tree = _Reader(text).read()
    if tree.size > MOST_STATES:
        raise BadPattern(f"written out it has {tree.size} states, at most {MOST_STATES} are allowed")
    machine = _Machine()
    end = machine.build(tree, machine.state())
    return Pattern(text, tuple(machine.letters), tuple(map(tuple, machine.free)), end)


@dataclass(frozen=True, slots=True)
class _Node:
    kind: str
    """``letters``, ``all`` (one after the other), ``any`` (one of) or ``repeat``."""
    parts: tuple[_Node, ...] = ()
    letters: Letters = frozenset()
    least: int = 1
    most: int | None = 1
    size: int = 1
    """States that it needs, at most."""


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def read(self) -> _Node:
        tree = self._any()
        if self.at < len(self.text):
            raise BadPattern("a ')' without its '('")
        return tree

    def _peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def _take(self) -> str:
        letter = self._peek()
        if not letter:
            raise BadPattern("it ends too early")
        self.at += 1
        return letter

    def _any(self) -> _Node:
        parts = [self._all()]
        while self._peek() == "|":
            self.at += 1
            parts.append(self._all())
        if len(parts) == 1:
            return parts[0]
        return _Node("any", tuple(parts), size=sum(one.size for one in parts) + 2)

    def _all(self) -> _Node:
        parts = []
        while self._peek() not in {"", "|", ")"}:
            parts.append(self._repeated())
        return _Node("all", tuple(parts), size=sum(one.size for one in parts) + 1)

    def _repeated(self) -> _Node:
        one = self._one()
        bounds = self._bounds()
        if bounds is None:
            return one
        if self._bounds() is not None:
            raise BadPattern("one repetition after the other, like '+?' or '{2}*'")
        least, most = bounds
        if most is not None and most < least:
            raise BadPattern(f"{{{least},{most}}} counts down")
        copies = max(least + 1 if most is None else most, 1)
        return _Node("repeat", (one,), least=least, most=most, size=copies * (one.size + 2))

    def _bounds(self) -> tuple[int, int | None] | None:
        letter = self._peek()
        if letter and letter in "?*+":
            self.at += 1
            return {"?": (0, 1), "*": (0, None), "+": (1, None)}[letter]
        if letter != "{":
            return None
        found = _COUNT.match(self.text, self.at)
        if found is None or not (found[1] or found[3]):
            raise BadPattern("a '{' that counts nothing; written as a letter it is '\\{'")
        self.at = found.end()
        least = int(found[1] or 0)
        if not found[2]:
            return (least, least)
        return (least, int(found[3]) if found[3] else None)

    def _one(self) -> _Node:
        letter = self._take()
        if letter == "(":
            return self._group()
        if letter == "[":
            return _Node("letters", letters=self._class())
        if letter == ".":
            return _Node("letters", letters=_ALL - {"\n"})
        if letter == "\\":
            return _Node("letters", letters=self._escaped())
        if letter in "^$":
            raise BadPattern(f"{letter!r} is not needed: always all of the value must match")
        if letter in "?*+{":
            raise BadPattern(f"{letter!r} repeats nothing")
        return _Node("letters", letters=self._letter(letter))

    def _group(self) -> _Node:
        if self.text.startswith("?:", self.at):
            self.at += 2
        elif self._peek() == "?":
            raise BadPattern("of groups only '(…)' and '(?:…)' are understood")
        inner = self._any()
        if self._peek() != ")":
            raise BadPattern("a '(' without its ')'")
        self.at += 1
        return inner

    def _escaped(self) -> Letters:
        letter = self._take()
        if letter in _CLASSES:
            return _CLASSES[letter]
        if letter in string.ascii_letters + string.digits:
            raise BadPattern(f"'\\{letter}' is not understood")
        return self._letter(letter)

    @staticmethod
    def _letter(letter: str) -> Letters:
        if letter not in _ALL:
            raise BadPattern(f"{letter!r} is not ASCII")
        return frozenset(letter)

    def _class(self) -> Letters:
        opposite = self._peek() == "^"
        if opposite:
            self.at += 1
        found: set[str] = set()
        first = True
        while first or self._peek() != "]":
            found |= self._range()
            first = False
        self.at += 1
        return _ALL - found if opposite else frozenset(found)

    def _range(self) -> Letters:
        letter = self._take()
        low = self._escaped() if letter == "\\" else self._letter(letter)
        if self._peek() != "-" or self.text[self.at + 1 : self.at + 2] in {"]", ""}:
            return low
        self.at += 1
        letter = self._take()
        high = self._escaped() if letter == "\\" else self._letter(letter)
        if len(low) != 1 or len(high) != 1 or min(low) > min(high):
            raise BadPattern("a range in a class that leads nowhere")
        return frozenset(map(chr, range(ord(min(low)), ord(min(high)) + 1)))


class _Machine:
    def __init__(self) -> None:
        self.letters: list[tuple[Letters, int] | None] = []
        self.free: list[list[int]] = []

    def state(self) -> int:
        self.letters.append(None)
        self.free.append([])
        return len(self.free) - 1

    def build(self, node: _Node, start: int) -> int:
        """Add a node's states behind ``start``; the state in which it ends."""
        if node.kind == "letters":
            end = self.state()
            self.letters[start] = (node.letters, end)
            return end
        if node.kind == "all":
            for part in node.parts:
                start = self.build(part, self._fresh(start))
            return start
        if node.kind == "any":
            ends = [self.build(part, self._fresh(start)) for part in node.parts]
            end = self.state()
            for one in ends:
                self.free[one].append(end)
            return end
        return self._repeat(node, start)

    def _fresh(self, before: int) -> int:
        state = self.state()
        self.free[before].append(state)
        return state

    def _repeat(self, node: _Node, start: int) -> int:
        inner = node.parts[0]
        for _ in range(node.least):
            start = self.build(inner, self._fresh(start))
        if node.most is None:
            loop = self._fresh(start)
            end = self.build(inner, self._fresh(loop))
            self.free[end].append(loop)
            return loop
        ends = [start]
        for _ in range(node.most - node.least):
            start = self.build(inner, self._fresh(start))
            ends.append(start)
        end = self.state()
        for one in ends:
            self.free[one].append(end)
        return end

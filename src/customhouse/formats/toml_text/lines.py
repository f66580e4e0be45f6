"""On which line each key of a TOML text stands: `tomllib` gives values without places.

The text must have been read by `tomllib` before: what is wrong in it is found there. Paths are those of its result:
``("rule", 0, "deny-if", "age")``; elements of arrays count from 0, lines from 1.
"""

from __future__ import annotations

import re
import tomllib

Path = tuple[str | int, ...]

_BARE = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
_SCALAR = re.compile(r"[^,\]}#\n]+")
_GAP = re.compile(r"(?:[ \t\r]|#[^\n]*)*")
_WIDE_GAP = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_STRINGS = (
    ('"""', re.compile(r'"""(?:[^"\\]|\\.|"{1,2}(?!"))*"{3,5}', re.DOTALL)),
    ("'''", re.compile(r"'''(?:[^']|'{1,2}(?!'))*'{3,5}", re.DOTALL)),
    ('"', re.compile(r'"(?:[^"\\\n]|\\.)*"')),
    ("'", re.compile(r"'[^'\n]*'")),
)


class Lines:
    """Where keys stand."""

    def __init__(self, text: str) -> None:
        self._lines = _Scanner(text).scan()

    def of(self, path: Path) -> int:
        """The line of this key or element; of the nearest one that holds it, if it has no line of its own."""
        while path:
            if path in self._lines:
                return self._lines[path]
            path = path[:-1]
        return 1


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.line = 1
        self.lines: dict[Path, int] = {}
        self.latest: dict[Path, int] = {}
        """Of each array of tables, the number of its newest element."""

    def scan(self) -> dict[Path, int]:
        base: Path = ()
        while True:
            self._take(_WIDE_GAP)
            if self.at >= len(self.text):
                return self.lines
            if self.text[self.at] == "[":
                base = self._header()
            else:
                self._pair(base)

    def _header(self) -> Path:
        line = self.line
        is_array = self.text.startswith("[[", self.at)
        self.at += 2 if is_array else 1
        keys = self._keys()
        self.at += 2 if is_array else 1
        path = (*self._resolve(keys[:-1], line), keys[-1])
        if is_array:
            self._note(path, line)
            self.latest[path] = self.latest.get(path, -1) + 1
            path = (*path, self.latest[path])
        elif path in self.latest:
            path = (*path, self.latest[path])
        self._note(path, line)
        return path

    def _resolve(self, keys: list[str], line: int) -> Path:
        """The path that a header's keys name: through an array of tables they lead to its newest element."""
        path: Path = ()
        for key in keys:
            path = (*path, key)
            self._note(path, line)
            if path in self.latest:
                path = (*path, self.latest[path])
        return path

    def _pair(self, base: Path) -> None:
        line = self.line
        path = base
        for key in self._keys():
            path = (*path, key)
            self._note(path, line)
        self.at += 1  # the equals sign
        self._take(_GAP)
        self._value(path)

    def _keys(self) -> list[str]:
        keys = []
        while True:
            self._take(_GAP)
            keys.append(self._key())
            self._take(_GAP)
            if not self.text.startswith(".", self.at):
                return keys
            self.at += 1

    def _key(self) -> str:
        for quote, pattern in _STRINGS[2:]:
            if self.text.startswith(quote, self.at):
                written = self._take(pattern)
                return str(tomllib.loads(f"key = {written}")["key"])
        return self._take(_BARE)

    def _value(self, path: Path) -> None:
        if self.text[self.at] == "[":
            self._array(path)
        elif self.text[self.at] == "{":
            self._table(path)
        else:
            pattern = next((one for quote, one in _STRINGS if self.text.startswith(quote, self.at)), _SCALAR)
            self._take(pattern)

    def _array(self, path: Path) -> None:
        self.at += 1
        number = 0
        while True:
            self._take(_WIDE_GAP)
            if self.text[self.at] == "]":
                break
            self._note((*path, number), self.line)
            self._value((*path, number))
            number += 1
            self._take(_WIDE_GAP)
            if self.text[self.at] == ",":
                self.at += 1
        self.at += 1

    def _table(self, path: Path) -> None:
        self.at += 1
        while True:
            self._take(_WIDE_GAP)
            if self.text[self.at] == "}":
                break
            self._pair(path)
            self._take(_WIDE_GAP)
            if self.text[self.at] == ",":
                self.at += 1
        self.at += 1

    def _note(self, path: Path, line: int) -> None:
        self.lines.setdefault(path, line)

    def _take(self, pattern: re.Pattern[str]) -> str:
        """What matches here; the place moves behind it."""
        found = pattern.match(self.text, self.at)
        taken = found[0] if found else ""
        self.at += len(taken)
        self.line += taken.count("\n")
        return taken

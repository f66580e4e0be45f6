"""A place in a policy's text: errors are raised from it, so that each names its line and its key."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NoReturn

from customhouse.formats.policy.lines import Lines, Path
from customhouse.formats.policy.rejected import BadPolicy, shown, suggestion


@dataclass(frozen=True, slots=True)
class Place:
    """One key of the text."""

    lines: Lines
    path: Path = ()
    label: str = ""
    """What people call the nearest thing around: ``rule 'cooldown'``."""
    since: int = 0
    """How much of the path the label stands for."""

    @property
    def line(self) -> int:
        """Where it stands, counted from 1."""
        return self.lines.of(self.path)

    @property
    def key(self) -> str:
        """The path for people: ``rule 'cooldown', deny-if.age``."""
        rest = ""
        for part in self.path[self.since :]:
            if isinstance(part, int):
                rest += f"[{part}]"
            else:
                rest += f".{part}" if rest else part
        return ", ".join(one for one in (self.label, rest) if one)

    def at(self, *parts: str | int) -> Place:
        """A place inside this one."""
        return Place(self.lines, (*self.path, *parts), self.label, self.since)

    def called(self, label: str) -> Place:
        """The same place, with what people call it."""
        return Place(self.lines, self.path, label, len(self.path))

    def reject(self, why: str, accepted: str = "") -> NoReturn:
        """Refuse the policy because of what stands here."""
        raise BadPolicy(self.line, self.key, why, accepted)

    def only(self, table: Mapping[str, object], keys: Iterable[str], what: str) -> None:
        """Refuse a key that is none of these."""
        known = tuple(keys)
        for key in table:
            if key not in known:
                self.at(key).reject(f"there is no {what} {shown(key)}", suggestion(key, known))

    def text(self, value: object, example: str) -> str:
        """A text that is not empty."""
        if value is None:
            self.reject("it is missing", example)
        if not isinstance(value, str) or not value.strip():
            self.reject(f"{shown(value)} is no text", example)
        return value.strip()

    def word(self, value: object, words: Iterable[str]) -> str:
        """One of a few words."""
        known = tuple(words)
        if not isinstance(value, str):
            self.reject(f"{shown(value)} is no word", f"one of {', '.join(known)}")
        if value not in known:
            self.reject(f"{shown(value)} is not known", suggestion(value, known))
        return value

    def flag(self, value: object) -> bool:
        """True or false."""
        if not isinstance(value, bool):
            self.reject(f"{shown(value)} is neither true nor false", "true or false")
        return value

    def table(self, value: object, example: str) -> dict[str, object]:
        """A table."""
        if not isinstance(value, dict):
            self.reject(f"{shown(value)} is no table", example)
        return value

    def texts(self, value: object, example: str) -> tuple[str, ...]:
        """A text, or a list of texts that is not empty."""
        if isinstance(value, str):
            return (self.text(value, example),)
        if not isinstance(value, list) or not value:
            self.reject(f"{shown(value)} is no list of texts", example)
        return tuple(self.at(number).text(one, example) for number, one in enumerate(value))

"""A place in a text: errors are raised from it, so that each names its line and its key."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import NoReturn, Self

from customhouse.formats.toml_text.fault import shown, suggestion
from customhouse.formats.toml_text.lines import Lines, Path


@dataclass(frozen=True, slots=True)
class Place(ABC):
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

    def at(self, *parts: str | int) -> Self:
        """A place inside this one."""
        return replace(self, path=(*self.path, *parts))

    def called(self, label: str) -> Self:
        """The same place, with what people call it."""
        return replace(self, label=label, since=len(self.path))

    @abstractmethod
    def reject(self, why: str, accepted: str = "") -> NoReturn:
        """Refuse the text because of what stands here."""

    def only(self, table: Mapping[str, object], keys: Iterable[str], what: str = "key") -> None:
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

"""A place in a pipeline's text: errors are raised from it, so that each names its line and its key."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import NoReturn

from customhouse.formats.policy.lines import Lines, Path
from customhouse.formats.policy.rejected import shown, suggestion
from customhouse.terms.errors import Rejected

__all__ = ["BadPipeline", "Place", "shown", "suggestion"]

_MEANT = "did you mean "


class BadPipeline(Rejected):
    """The pipeline is refused as a whole: the line, the key, what is wrong with it, and what was probably meant."""

    def __init__(self, where: str, line: int, key: str, why: str, accepted: str = "") -> None:
        """``line`` counts from 1; ``key`` is its path as it is written, like ``step 'build', rebuild.agree``."""
        self.line = line
        self.key = key
        place = ", ".join(filter(None, (where, f"line {line}", key)))
        super().__init__("bad-pipeline", place, why, accepted)
        if accepted.startswith(_MEANT):
            self.args = (f"{place}: {why}; {accepted}",)


@dataclass(frozen=True, slots=True)
class Place:
    """One key of the text."""

    lines: Lines
    where: str
    """What the text is: a file's name, or ``pipeline``."""
    path: Path = ()
    label: str = ""
    """What people call the nearest thing around: ``step 'build'``."""
    since: int = 0
    """How much of the path the label stands for."""

    @property
    def key(self) -> str:
        """The path for people: ``step 'build', rebuild.agree``."""
        rest = ""
        for part in self.path[self.since :]:
            if isinstance(part, int):
                rest += f"[{part}]"
            else:
                rest += f".{part}" if rest else part
        return ", ".join(one for one in (self.label, rest) if one)

    def at(self, *parts: str | int) -> Place:
        """A place inside this one."""
        return replace(self, path=(*self.path, *parts))

    def called(self, label: str) -> Place:
        """The same place, with what people call it."""
        return replace(self, label=label, since=len(self.path))

    def reject(self, why: str, accepted: str = "") -> NoReturn:
        """Refuse the pipeline because of what stands here."""
        raise BadPipeline(self.where, self.lines.of(self.path), self.key, why, accepted)

    def only(self, table: Mapping[str, object], keys: Iterable[str], what: str = "key") -> None:
        """Refuse a key that is none of these."""
        known = tuple(keys)
        for key in table:
            if key not in known:
                self.at(key).reject(f"there is no {what} {shown(key)}", suggestion(key, known))

    def text(self, value: object, example: str) -> str:
        """A text that is not empty, without control characters."""
        if value is None:
            self.reject("it is missing", example)
        if not isinstance(value, str) or not value.strip():
            self.reject(f"{shown(value)} is no text", example)
        if not value.isprintable():
            self.reject(f"{shown(value)} holds a character that does not print", example)
        return value.strip()

    def argument(self, value: object, example: str) -> str:
        """An argument of a program, as it stands: it may be empty and may begin with spaces, but holds no NUL."""
        if not isinstance(value, str) or "\0" in value:
            self.reject(f"{shown(value)} is no argument", example)
        return value

    def word(self, value: object, words: Iterable[str], what: str = "") -> str:
        """One of a few words."""
        known = tuple(words)
        if not isinstance(value, str):
            self.reject(f"{shown(value)} is no word", f"one of {', '.join(known)}" if known else "")
        if value not in known:
            why = f"there is no {what} {shown(value)}" if what else f"{shown(value)} is not known"
            self.reject(why, suggestion(value, known) if known else f"declare the {what} first")
        return value

    def flag(self, value: object) -> bool:
        """True or false."""
        if not isinstance(value, bool):
            self.reject(f"{shown(value)} is neither true nor false", "true or false")
        return value

    def number(self, value: object, least: int, most: int) -> int:
        """A whole number in these bounds, both included."""
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            between = f"from {least} to {most}" if most != least else f"{least}"
            self.reject(f"{shown(value)} is no number that fits here", between)
        return value

    def table(self, value: object, example: str) -> dict[str, object]:
        """A table."""
        if not isinstance(value, dict):
            self.reject(f"{shown(value)} is no table", example)
        return value

    def list(self, value: object, example: str) -> list[object]:
        """A list, also an empty one."""
        if not isinstance(value, list):
            self.reject(f"{shown(value)} is no list", example)
        return value

    def texts(self, value: object, example: str) -> tuple[str, ...]:
        """A list of texts, each given once."""
        found: dict[str, None] = {}
        for number, one in enumerate(self.list(value, example)):
            text = self.at(number).text(one, example)
            if text in found:
                self.at(number).reject(f"{shown(text)} is given twice", "each once")
            found[text] = None
        return tuple(found)

    def words(self, value: object, known: Iterable[str], what: str) -> tuple[str, ...]:
        """A list of words, each of them known and given once."""
        names = tuple(known)
        found = self.texts(value, f'["{names[0]}"]' if names else "[]")
        for number, one in enumerate(found):
            self.at(number).word(one, names, what)
        return found

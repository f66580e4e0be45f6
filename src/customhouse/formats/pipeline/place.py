"""A place in a pipeline's text: errors are raised from it, so that each names its line and its key."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NoReturn

from customhouse.formats.toml_text import place as toml_text
from customhouse.formats.toml_text.fault import TextRejected, shown, suggestion


class BadPipeline(TextRejected):
    """The pipeline is refused as a whole: the line, the key, what is wrong with it, and what was probably meant."""

    def __init__(self, where: str, line: int, key: str, why: str, accepted: str = "") -> None:
        """``where`` is what the text is: a file's name, or ``pipeline``. The rest as `TextRejected` has it."""
        super().__init__("bad-pipeline", line, key, why, accepted, file=where)


@dataclass(frozen=True, slots=True)
class Place(toml_text.Place):
    """One key of the pipeline."""

    where: str = "pipeline"
    """What the text is: a file's name, or ``pipeline``."""

    def reject(self, why: str, accepted: str = "") -> NoReturn:
        """Refuse the pipeline because of what stands here."""
        raise BadPipeline(self.where, self.line, self.key, why, accepted)

    def text(self, value: object, example: str) -> str:
        """A text that is not empty, without control characters."""
        text = toml_text.Place.text(self, value, example)
        if not str(value).isprintable():
            self.reject(f"{shown(value)} holds a character that does not print", example)
        return text

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

    def number(self, value: object, least: int, most: int) -> int:
        """A whole number in these bounds, both included."""
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            between = f"from {least} to {most}" if most != least else f"{least}"
            self.reject(f"{shown(value)} is no number that fits here", between)
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

"""A text that cannot be used: the line, the key, what is wrong with it, and what was probably meant."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from customhouse.terms.errors import Rejected

_MEANT = "did you mean "
SHOWN = 60
"""Characters of somebody's text that an error repeats."""


class TextRejected(Rejected):
    """The text is refused as a whole."""

    def __init__(self, code: str, line: int, key: str, why: str, accepted: str = "", *, file: str = "") -> None:
        """``line`` counts from 1; ``key`` is its path as it is written, like ``rule 'cooldown', deny-if.age``."""
        self.line = line
        self.key = key
        place = ", ".join(filter(None, (file, f"line {line}", key)))
        super().__init__(code, place, why, accepted)
        if accepted.startswith(_MEANT):
            self.args = (f"{place}: {why}; {accepted}",)


def shown(value: object) -> str:
    """Somebody's value in an error: one line, not endless."""
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"


def suggestion(word: str, words: Iterable[str]) -> str:
    """What was probably meant, or all that there is to choose from."""
    known = {one.lower(): one for one in sorted(words)}
    close = get_close_matches(word.lower(), known, n=1, cutoff=0.6)
    return f"{_MEANT}'{known[close[0]]}'?" if close else f"one of {', '.join(known.values())}"

"""A place in a policy's text: errors are raised from it, so that each names its line and its key."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NoReturn

from customhouse.formats.policy.rejected import BadPolicy
from customhouse.formats.toml_text import place as toml_text
from customhouse.formats.toml_text.fault import shown, suggestion


@dataclass(frozen=True, slots=True)
class Place(toml_text.Place):
    """One key of the policy."""

    def reject(self, why: str, accepted: str = "") -> NoReturn:
        """Refuse the policy because of what stands here."""
        raise BadPolicy(self.line, self.key, why, accepted)

    def word(self, value: object, words: Iterable[str]) -> str:
        """One of a few words."""
        known = tuple(words)
        if not isinstance(value, str):
            self.reject(f"{shown(value)} is no word", f"one of {', '.join(known)}")
        if value not in known:
            self.reject(f"{shown(value)} is not known", suggestion(value, known))
        return value

    def texts(self, value: object, example: str) -> tuple[str, ...]:
        """A text, or a list of texts that is not empty."""
        if isinstance(value, str):
            return (self.text(value, example),)
        if not isinstance(value, list) or not value:
            self.reject(f"{shown(value)} is no list of texts", example)
        return tuple(self.at(number).text(one, example) for number, one in enumerate(value))

"""How severe: four words in order, and a fifth for "nobody has said"."""

from __future__ import annotations

import re
from dataclasses import dataclass

from customhouse.formats.policy.conditions.values import COMPARE
from customhouse.formats.policy.place import Place
from customhouse.formats.toml_text.fault import shown, suggestion

ORDER = ("low", "medium", "high", "critical")
UNKNOWN = "unknown"
EXAMPLE = '">= high"'
_COMPARED = re.compile(r"(<=|>=|<|>)\s*(\S+)")


@dataclass(frozen=True, slots=True)
class Severities:
    """Those that are meant."""

    words: frozenset[str]

    def meant(self, severity: str) -> bool | None:
        """Whether this one is; None if nobody has said how severe it is."""
        if severity in self.words:
            return True
        return None if severity not in ORDER else False


def read_severities(value: object, place: Place) -> Severities:
    """``">= high"``, ``"high"``, or a list of words."""
    found: set[str] = set()
    for number, text in enumerate(place.texts(value, EXAMPLE)):
        here = place.at(number) if isinstance(value, list) else place
        compared = _COMPARED.fullmatch(text)
        word = compared[2] if compared else text
        if word not in (ORDER if compared else (*ORDER, UNKNOWN)):
            here.reject(f"{shown(word)} is no severity", suggestion(word, ORDER))
        if compared is None:
            found.add(word)
            continue
        limit = ORDER.index(word)
        meant = {one for rank, one in enumerate(ORDER) if COMPARE[compared[1]](rank, limit)}
        if not meant:
            here.reject(f"{shown(text)} is never so", f"the severities are {', '.join(ORDER)}")
        found |= meant
    return Severities(frozenset(found))

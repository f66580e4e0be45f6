"""Who acts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Identity:
    """Somebody as the ledger names him: a kind, an id that never changes and the name he had at the time."""

    kind: Literal["user", "operator", "system", "anonymous"]
    id: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}"


SYSTEM = Identity("system", "system", "customhouse")
ANONYMOUS = Identity("anonymous", "", "somebody")
OPERATOR = Identity("operator", "cli", "operator")

"""Whose a name is, as the mirror asks it. The table `name` is the catalog's; a floor above answers from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from sqlalchemy.engine import Connection

from customhouse.ledger.tx import Tx


@dataclass(frozen=True, slots=True)
class Owner:
    """Who supplies a project."""

    state: Literal["free", "ours", "kept", "upstream"]
    """``ours``: hosted, deleted, private, prohibited or waiting for its first release here. ``kept``: in a namespace of
    ours, or an internal name of the settings. Of neither is an upstream ever asked."""
    upstream: str = ""
    """Which one, of the state ``upstream``."""


class Names(Protocol):
    """Small questions about the names of this index."""

    def owner(self, sql: Connection, normalized: str) -> Owner:
        """Who supplies the project of this name."""
        ...

    def take(self, tx: Tx, normalized: str, upstream: str) -> bool:
        """Write down that the upstream has the name, unless it is somebody else's: then False."""
        ...

"""What the mirror is told of names. They are known here before any upstream is asked, so that none of ours leaks."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.catalog.namespaces import grants_covering
from customhouse.catalog.tables import name
from customhouse.infra.db import insert_new
from customhouse.ledger.tx import Tx
from customhouse.mirror.names import Owner
from customhouse.terms.names import ProjectName, normalize

UPSTREAM: Literal["upstream"] = "upstream"
_ROW = sa.select(name.c.state, name.c.upstream).where(name.c.normalized == sa.bindparam("wanted"))
_FREE = Owner("free")
_OURS = Owner("ours")
_KEPT = Owner("kept")


class KnownNames:
    """The table `name`, the namespaces granted here, and the settings' internal names."""

    def __init__(self, internal_names: Sequence[str] = ()) -> None:
        self._internal = tuple(_pattern(one) for one in internal_names)

    def owner(self, sql: Connection, normalized: str) -> Owner:
        """Who supplies the project of this name.

        What this index has in any state is ours. A name in a namespace granted here, or an internal one, is kept, even
        if an upstream had it before the namespace was granted.
        """
        row = sql.execute(_ROW, {"wanted": normalized}).one_or_none()
        if row is not None and row.state != UPSTREAM:
            return _OURS
        if self.is_kept(sql, normalized):
            return _KEPT
        return _FREE if row is None else Owner(UPSTREAM, row.upstream or "")

    def is_kept(self, sql: Connection, normalized: str) -> bool:
        """Whether no upstream is to hear of this name, whoever has it: internal, or in a namespace granted here."""
        return self.is_internal(normalized) or bool(grants_covering(sql, normalized))

    def is_internal(self, normalized: str) -> bool:
        """Whether the settings say that no upstream is to hear of this name."""
        return any(fnmatchcase(normalized, pattern) for pattern in self._internal)

    def take(self, tx: Tx, normalized: str, upstream: str) -> bool:
        """Write down that the upstream has the name, unless it is somebody else's."""
        if self.owner(tx.sql, normalized).state in ("ours", "kept"):
            return False
        wanted = ProjectName.parse(normalized)
        made = insert_new(
            tx.sql, name, normalized=normalized, ultranormalized=wanted.ultranormalized, state=UPSTREAM,
            claimed_at=tx.now(), reason="", upstream=upstream,
        )  # fmt: skip
        if made is not None:
            return True
        mine = sa.or_(name.c.upstream == upstream, name.c.upstream.is_(None))
        held = name.update().where(name.c.normalized == normalized, name.c.state == UPSTREAM, mine)
        return bool(tx.sql.execute(held.values(upstream=upstream)).rowcount)


def _pattern(text: str) -> str:
    """A pattern as names are compared; ``Acme_*`` means ``acme-*``."""
    return normalize(text.strip())

"""Upstreams as far as they are known here: for those for whom nobody else is asked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from customhouse.infra.db import Database
from customhouse.mirror.model import MirroredProject
from customhouse.mirror.queries import mirrored_project


@dataclass(frozen=True, slots=True)
class OnlyHere:
    """What upstreams have said before (`views.chain.Pulls`). Asks nobody."""

    database: Database

    def project(
        self, normalized: str, upstreams: tuple[str, ...], *, within: timedelta
    ) -> MirroredProject | None:  # fmt: skip
        """The project as it was when it was last asked for, however long ago."""
        del within
        with self.database.read(snapshot=True) as sql:
            found = mirrored_project(sql, normalized)
        return found if found is not None and found.upstream in upstreams and found.removed_at is None else None

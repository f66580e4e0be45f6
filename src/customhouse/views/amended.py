"""What owners and operators have said of releases afterwards, as a page of a view says it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from customhouse.index.amending.queries import counting_for, with_amendments
from customhouse.infra.db import Database
from customhouse.views.model import Offered


class Source(Protocol):
    """Whatever can say what there is of a project."""

    def project(self, normalized: str) -> Offered | None:
        """What there is, or None."""
        ...


@dataclass(frozen=True, slots=True)
class Amended:
    """Adds the signed records to the page, and takes nothing away: files and their metadata stay as they are."""

    source: Source
    database: Database
    view: str
    as_of: datetime | None = None
    """Only what had been said by then."""

    def project(self, normalized: str) -> Offered | None:
        """The project with ``_customhouse.amendments``: its owners' word if it is hosted here, and this view's."""
        offered = self.source.project(normalized)
        if offered is None:
            return None
        with self.database.read() as sql:
            told = counting_for(sql, normalized, self.view)
        told = [one for one in told if self.as_of is None or one.record.at <= self.as_of]
        if not told:
            return offered
        count = f"{len(told)} {'amendment counts' if len(told) == 1 else 'amendments count'}"
        return replace(
            offered,
            page=with_amendments(offered.page, told),
            whole=with_amendments(offered.whole, told),
            remarks=(*offered.remarks, f"{count} for it here; files and metadata stay as they are."),
        )

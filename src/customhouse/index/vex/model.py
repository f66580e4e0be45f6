"""What a project says of a vulnerability, between its row and a statement of OpenVEX; pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from customhouse.formats.vex.model import Document, Justification, Product, Reopening, Statement, Status

PER_PROJECT = 500


@dataclass(frozen=True, slots=True)
class Stated:
    """One statement of a project."""

    id: str
    project: str
    """The normalised name."""
    display: str
    specifier: str
    part: str
    part_specifier: str
    vulnerability: str
    status: str
    justification: str
    impact: str
    action: str
    reason: str
    version: int
    made_at: datetime
    changed_at: datetime
    expires: date | None
    withdrawn_at: datetime | None

    @property
    def what(self) -> str:
        """Which releases, and which package inside them, in words."""
        own = f"{self.project}{self.specifier}" if self.specifier else f"every release of {self.project}"
        return f"{own}, as to {self.part}{self.part_specifier}" if self.part else own

    @property
    def status_words(self) -> str:
        """``not affected``."""
        return self.status.replace("_", " ")

    def holds(self, today: date) -> bool:
        """Whether it still counts."""
        return self.withdrawn_at is None and (self.expires is None or today <= self.expires)


def statement_of(one: Stated, site: str, aliases: Iterable[str] = ()) -> Statement:
    """The same in the words of OpenVEX. A project of this index answers for its own statements."""
    parts = (Product(one.part, one.part_specifier),) if one.part else ()
    return Statement(
        id=f"{site}/project/{one.project}/vex/#{one.id}",
        vulnerability=one.vulnerability,
        aliases=tuple(name for name in sorted(set(aliases)) if name != one.vulnerability),
        products=(Product(one.project, one.specifier, parts=parts),),
        status=Status(one.status),
        timestamp=one.made_at,
        updated=one.changed_at if one.changed_at != one.made_at else None,
        justification=Justification(one.justification) if one.justification else None,
        impact=one.impact,
        action=one.action,
        reason=one.reason,
        owner=f"the maintainers of {one.display}",
        expires=one.expires,
        reopening=Reopening(),
        supplier=one.display,
        version=one.version,
    )


def document_of(identifier: str, author: str, statements: Sequence[Statement], at: datetime) -> Document:
    """All of them as one document; it is as new as its newest statement."""
    newest = max((one.since for one in statements), default=at)
    oldest = min((one.timestamp for one in statements), default=at)
    return Document(
        identifier, author, oldest, tuple(statements), version=max(1, sum(one.version for one in statements)),
        updated=newest if newest != oldest else None, role="Package index",
    )  # fmt: skip

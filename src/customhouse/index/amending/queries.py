"""Reading what was said of releases afterwards."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.catalog import queries, rights
from customhouse.catalog.tables import project
from customhouse.formats.amendment import Amendment, Signed, Withdrawal, envelope, read_record
from customhouse.formats.metadata import parse_stored_metadata
from customhouse.formats.simple import SimplePage
from customhouse.index.amending.released import Released
from customhouse.index.amending.tables import amended_release, amendment
from customhouse.terms.errors import Broken

MOST_TOLD = 1000
"""How many records, the newest, one answer holds."""
_HOSTED = (
    sa.select(project.c.normalized)
    .where(project.c.normalized == amendment.c.project, project.c.deleted_at.is_(None))
    .exists()
)
_PUBLIC = (
    sa.select(project.c.normalized)
    .where(
        project.c.normalized == amendment.c.project, project.c.deleted_at.is_(None), project.c.visibility == "public"
    )
    .exists()
)
_PRIVATE = (
    sa.select(project.c.normalized)
    .where(project.c.normalized == amendment.c.project, project.c.visibility == "private")
    .exists()
)
_ORDER = (amendment.c.made_at, amendment.c.id)
_THE_VIEW: sa.BindParameter[str] = sa.bindparam("the_view")
# Made once, because every rendering asks: building a statement costs more than running it.
_COUNTING_FOR = (
    sa.select(amendment)
    .where(
        amendment.c.project == sa.bindparam("of_project"),
        amendment.c.withdrawn_at.is_(None),
        sa.or_(
            sa.and_(amendment.c.view == "", _HOSTED),
            sa.and_(amendment.c.view == _THE_VIEW, amendment.c.view != ""),
        ),
    )
    .order_by(*_ORDER)
)


@dataclass(frozen=True, slots=True)
class Told:
    """One amendment as it is kept."""

    signed: Signed
    account_id: int | None
    withdrawal: Signed | None = None
    withdrawn_at: datetime | None = None

    @property
    def record(self) -> Amendment:
        """What it says."""
        if not isinstance(self.signed.record, Amendment):
            raise Broken("A row of amendments holds the record of a withdrawal.")
        return self.signed.record


def counting_for(sql: Connection, normalized: str, view: str = "") -> list[Told]:
    """What counts for one project, in a view too; an owner's word only while the project is hosted here."""
    return [_told(row) for row in sql.execute(_COUNTING_FOR, {"of_project": normalized, "the_view": view})]


def counting_in(sql: Connection, view: str, names: Collection[str] | None = None) -> list[Told]:
    """What counts in a view, for everything or for some projects: never anything of a private project."""
    scope = sa.or_(sa.and_(amendment.c.view == "", _PUBLIC), sa.and_(_of_view(view), ~_PRIVATE))
    query = sa.select(amendment).where(amendment.c.withdrawn_at.is_(None), scope)
    if names is not None:
        query = query.where(amendment.c.project.in_(sorted(names)))
    return [_told(row) for row in sql.execute(query.order_by(amendment.c.project, *_ORDER))]


def all_of(sql: Connection, normalized: str, view: str = "", *, only_view: bool = False) -> list[Told]:
    """Everything that was ever said of a project, the newest first, with what was withdrawn; at most `MOST_TOLD`."""
    scope = _of_view(view) if only_view else sa.or_(amendment.c.view == "", _of_view(view))
    query = sa.select(amendment).where(amendment.c.project == normalized, scope)
    return [_told(row) for row in sql.execute(query.order_by(*(one.desc() for one in _ORDER)).limit(MOST_TOLD))]


def all_in(sql: Connection, view: str) -> list[Told]:
    """All that was ever said in a view alone, but of private projects: the newest first, at most `MOST_TOLD`."""
    query = sa.select(amendment).where(_of_view(view), ~_PRIVATE).order_by(*(one.desc() for one in _ORDER))
    return [_told(row) for row in sql.execute(query.limit(MOST_TOLD))]


def everything(sql: Connection) -> list[Told]:
    """Every row, for those who run the index."""
    return [_told(row) for row in sql.execute(sa.select(amendment).order_by(*_ORDER))]


def find(sql: Connection, amendment_id: str) -> Told | None:
    """One amendment."""
    row = sql.execute(sa.select(amendment).where(amendment.c.id == amendment_id)).one_or_none()
    return _told(row) if row is not None else None


def hosted_releases(sql: Connection, project_id: int) -> list[Released]:
    """What the released versions of a hosted project require; those that are deleted are not among them."""
    found = []
    for version in queries.versions_of(sql, project_id):
        texts = [text for _name, _kind, text in queries.release_metadata(sql, project_id, version)]
        if texts:
            # The files of one release never contradict each other here: uploads are held to that.
            read = parse_stored_metadata(texts[0])
            found.append(Released(version, read.requires_dist, read.requires_python, read.provides_extra))
    return found


def amended_releases(sql: Connection, ids: Collection[str]) -> dict[tuple[str, str], Released]:
    """What the releases of these amendments require, by amendment and version."""
    rows = sql.execute(sa.select(amended_release).where(amended_release.c.amendment_id.in_(sorted(ids))))
    return {
        (row.amendment_id, row.version): Released(
            row.version, tuple(row.requires_dist), row.requires_python, tuple(row.provides_extra)
        )
        for row in rows
    }


def reach_beyond(sql: Connection, told: Collection[Told]) -> frozenset[str]:
    """The ids of amendments by somebody who decides about the other project too, so that all may be held to them.

    Operators decide about a whole view. An owner decides about others' environments only as far as he owns what he
    binds: he could yank it.
    """
    found = set()
    for one in told:
        if one.record.role == "operator":
            found.add(one.record.id)
            continue
        other = queries.find_project(sql, one.record.requires)
        if other is None or other.deleted_at is not None:
            continue
        if (one.account_id, "owner") in rights.people_of(sql, other.id):
            found.add(one.record.id)
    return frozenset(found)


def with_amendments(page: SimplePage, told: Collection[Told]) -> SimplePage:
    """The page that says them under ``_customhouse.amendments``: the signed records, the oldest first."""
    if not told:
        return page
    return replace(page, signals={**page.signals, "amendments": [envelope(one.signed) for one in told]})


def _of_view(view: str) -> Any:
    return sa.and_(amendment.c.view == view, amendment.c.view != "")


def _told(row: Any) -> Told:
    withdrawal = None
    if row.withdrawn_at is not None:
        record = read_record(json.loads(row.withdrawal), f"amendment {row.id}", own=True)
        withdrawal = Signed(record, row.withdrawal_key, row.withdrawal_signature)
        if not isinstance(record, Withdrawal):
            raise Broken(f"The end of amendment {row.id} is no withdrawal.")
    signed = Signed(read_record(json.loads(row.record), f"amendment {row.id}", own=True), row.key, row.signature)
    return Told(signed, row.account_id, withdrawal, row.withdrawn_at)

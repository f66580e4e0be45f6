"""How far a bad file has got: who fetched it in the time that is kept.

Known are only the accounts behind API tokens that were sent along, and those who were let in to a private project.
Everybody else is a keyed hash of his network, another one each day: they can be counted day by day, and one can ask
whether a certain address is among them. Nobody's address can be found out.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.accounts.tables import account, api_token
from customhouse.catalog import queries
from customhouse.catalog.downloads.tables import fetched
from customhouse.catalog.model import File, Project
from customhouse.catalog.tables import file, project
from customhouse.index.blast.tables import fetcher_told
from customhouse.infra.client_hash import ClientHashes
from customhouse.terms.errors import Refused
from customhouse.terms.names import normalize
from customhouse.terms.versions import version_of

_OF_ACCOUNT = "account:"

_THESE = fetched.c.file_id.in_(sa.bindparam("files", expanding=True))
_BY_DAY = (
    sa.select(
        fetched.c.day,
        sa.func.count(sa.distinct(fetched.c.client)).label("networks"),
        sa.cast(sa.func.sum(fetched.c.times), sa.BigInteger).label("times"),
    )
    .where(_THESE)
    .group_by(fetched.c.day)
    .order_by(fetched.c.day)
)
_KNOWN = (
    sa.select(
        account.c.id, account.c.name, account.c.frozen_at,
        sa.func.min(fetched.c.day).label("first"), sa.func.max(fetched.c.day).label("last"),
        sa.cast(sa.func.sum(fetched.c.times), sa.BigInteger).label("times"),
        sa.func.count(sa.distinct(api_token.c.id)).label("tokens"),
    )
    .select_from(fetched.outerjoin(api_token, api_token.c.id == fetched.c.who))
    .join(
        account,
        sa.or_(
            account.c.id == api_token.c.account_id,
            fetched.c.who == sa.literal(_OF_ACCOUNT).concat(sa.cast(account.c.id, sa.String)),
        ),
    )
    .where(_THESE, fetched.c.who != "")
    .group_by(account.c.id, account.c.name, account.c.frozen_at)
    .order_by(account.c.name)
)  # fmt: skip
_TOKENS = (
    sa.select(api_token.c.account_id, api_token.c.id, api_token.c.note, api_token.c.revoked_at)
    .where(api_token.c.id.in_(sa.select(fetched.c.who).where(_THESE)))
    .order_by(api_token.c.id)
)
_TOLD = sa.select(fetcher_told.c.account_id, sa.func.count().label("files")).where(
    fetcher_told.c.file_id.in_(sa.bindparam("files", expanding=True))
).group_by(fetcher_told.c.account_id)  # fmt: skip
_UNNAMED = sa.select(sa.cast(sa.func.coalesce(sa.func.sum(fetched.c.times), 0), sa.BigInteger)).where(
    _THESE, fetched.c.who == ""
)
_CLIENTS = sa.select(fetched.c.day).where(
    _THESE, fetched.c.day == sa.bindparam("day", type_=sa.Date), fetched.c.client == sa.bindparam("client")
).limit(1)  # fmt: skip
_BY_NAME = (
    sa.select(project.c.normalized, file.c.filename)
    .join(project, project.c.id == file.c.project_id)
    .where(file.c.filename == sa.bindparam("filename"))
)


@dataclass(frozen=True, slots=True)
class Subject:
    """Bad files of one project: those that are held back, or that somebody has named."""

    project: Project
    files: Sequence[File]

    @property
    def ids(self) -> list[int]:
        """Of the files."""
        return [one.id for one in self.files]

    @property
    def names(self) -> tuple[str, ...]:
        """Of the files."""
        return tuple(one.filename for one in self.files)


@dataclass(frozen=True, slots=True)
class Day:
    """How often they were fetched on a day, and from how many networks."""

    day: date
    networks: int
    times: int


@dataclass(frozen=True, slots=True)
class Fetcher:
    """An account that fetched some of them."""

    account_id: int
    name: str
    frozen: bool
    first: date
    last: date
    times: int
    tokens: Sequence[tuple[str, str, bool]]
    """Id, note, and whether it is revoked."""
    told: bool


@dataclass(frozen=True, slots=True)
class Blast:
    """How far bad files have got, as far as it is kept."""

    days: Sequence[Day]
    known: Sequence[Fetcher]
    unnamed: int
    """Fetches of whom nothing is known but a network."""

    @property
    def times(self) -> int:
        """All fetches."""
        return sum(one.times for one in self.days)


def held_files(found: Project, files: Sequence[File]) -> list[File]:
    """The files of a project that are quarantined, with it or by themselves."""
    if found.status == "quarantined":
        return list(files)
    return [one for one in files if one.quarantined_at is not None]


def find_subject(sql: Connection, text: str, version: str = "") -> Subject:
    """The file of this name, or what is held back of the project of this name; raises `Refused` if there is nothing.

    A version narrows it to that release, held back or not.
    """
    row = sql.execute(_BY_NAME, {"filename": text}).one_or_none()
    found = queries.find_project(sql, row.normalized if row is not None else normalize(text))
    if found is None:
        raise Refused("unknown-project", f"There is neither a file nor a project {text[:200]!r} here.", status=404)
    files = queries.files_of(sql, found.id)
    if row is not None:
        return Subject(found, [one for one in files if one.filename == text])
    if version:
        files = [one for one in files if version_of(one.version) == version_of(version)]
    chosen = files if version else held_files(found, files)
    if not chosen:
        what = f"no version {version[:100]!r}" if version else "nothing that is quarantined"
        raise Refused("nothing-held", f"{found.display} has {what}.", "Name a file, or a version of it.", status=404)
    return Subject(found, chosen)


def blast_of(sql: Connection, subject: Subject) -> Blast:
    """Who fetched these files, as far as it is kept."""
    these = {"files": subject.ids}
    days = [Day(*row) for row in sql.execute(_BY_DAY, these)]
    told = {row.account_id: row.files for row in sql.execute(_TOLD, these)}
    tokens: dict[int, list[tuple[str, str, bool]]] = {}
    for row in sql.execute(_TOKENS, these):
        tokens.setdefault(row.account_id, []).append((row.id, row.note, row.revoked_at is not None))
    known = [
        Fetcher(
            row.id, row.name, row.frozen_at is not None, row.first, row.last, row.times, tokens.get(row.id, ()),
            row.id in told,
        )
        for row in sql.execute(_KNOWN, these)
    ]  # fmt: skip
    return Blast(days, known, sql.execute(_UNNAMED, these).scalar_one())


def days_of(sql: Connection, subject: Subject, secret: bytes, address: str) -> list[date]:
    """The days on which the network of an address fetched any of these files."""
    hashes = ClientHashes(secret)
    days = [one.day for one in (Day(*row) for row in sql.execute(_BY_DAY, {"files": subject.ids}))]
    return [day for day in days if _is_among(sql, subject.ids, day, hashes.of(address, day))]


def _is_among(sql: Connection, files: Collection[int], day: date, client: bytes) -> bool:
    return sql.execute(_CLIENTS, {"files": list(files), "day": day, "client": client}).first() is not None


def began(now: datetime, days: int) -> date:
    """The first day of which it is kept, today if nothing is."""
    return date.fromordinal(now.date().toordinal() - max(days - 1, 0))

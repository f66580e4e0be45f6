"""Trusted publishers as rows: finding those that a token could be, and those of a project or an account."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.terms.errors import Refused
from customhouse.terms.identity import Identity
from customhouse.trust.issuers import Kind
from customhouse.trust.providers.provider import attests_only
from customhouse.trust.tables import trusted_publisher

_COLUMNS = [column for column in trusted_publisher.c if column.name not in ("key", "place", "pending_ultranormalized")]
# Made once: building a statement costs more than running it.
_ALL = sa.select(*_COLUMNS).where(trusted_publisher.c.removed_at.is_(None)).order_by(trusted_publisher.c.id)
_AT = _ALL.where(
    trusted_publisher.c.issuer == sa.bindparam("issuer"), trusted_publisher.c.place == sa.bindparam("place")
)
# Files that are written meanwhile refer to these rows and need not wait.
_LOCK_AT = _AT.with_for_update(key_share=True)
_OF_PROJECT = _ALL.where(trusted_publisher.c.project_id == sa.bindparam("project"))
_PENDING_OF = _ALL.where(
    trusted_publisher.c.project_id.is_(None), trusted_publisher.c.pending_by == sa.bindparam("account")
)
_PENDING_LIKE = _ALL.where(
    trusted_publisher.c.project_id.is_(None), trusted_publisher.c.pending_ultranormalized == sa.bindparam("shape")
)
_ONE = sa.select(*_COLUMNS).where(trusted_publisher.c.id == sa.bindparam("publisher"))
_LOCK_ONE = _ONE.with_for_update(key_share=True)


@dataclass(frozen=True, slots=True)
class TrustedPublisher:
    """One publisher of one project, or one that waits for its project to come to be."""

    id: int
    project_id: int | None
    """None: it is pending."""
    pending_name: str
    pending_normalized: str
    pending_by: int | None
    """The account that will own the project."""
    organization_id: int | None
    """Or the organization that will hold it."""
    kind: Kind
    issuer: str
    settings: Mapping[str, str]
    rules: Mapping[str, str]
    learned: Mapping[str, str]
    """Ids that were seen at its first use; empty before."""
    title: str
    stages_only: bool
    created_at: datetime
    created_by: int | None
    used_at: datetime | None
    expires_at: datetime | None
    """Of a pending one."""
    removed_at: datetime | None
    alarm: Mapping[str, Any] | None
    """The last token that its owners had to hear of: ``at``, ``code``, ``why``, ``ids``."""
    warned_at: datetime | None
    refusals: Mapping[str, str] | None = None
    """When a refused token was last noted, by the code: moments in ISO 8601."""

    @property
    def pending(self) -> bool:
        """Whether its project does not exist yet."""
        return self.project_id is None

    @property
    def attests_only(self) -> bool:
        """Whether it is a builder: it gets no token, and its provenance of what other publishers send is taken."""
        return attests_only(self.rules)

    @property
    def may(self) -> str:
        """What it may do with a project, before its name: ``publish into``."""
        return may(self.rules)

    @property
    def identity(self) -> Identity:
        """The publisher as the ledger names it."""
        return Identity("publisher", str(self.id), self.title)

    def expired(self, now: datetime) -> bool:
        """Whether it has waited too long."""
        return self.expires_at is not None and self.expires_at <= now


def publishers_at(sql: Connection, issuer: str, place: str, *, lock: bool = False) -> list[TrustedPublisher]:
    """All publishers that build at this place in the order of their ids, those too that are pending."""
    return _read(sql, _LOCK_AT if lock else _AT, issuer=issuer, place=place)


def publishers_of(sql: Connection, project_id: int) -> list[TrustedPublisher]:
    """The publishers of a project, the oldest first."""
    return _read(sql, _OF_PROJECT, project=project_id)


def senders_of(sql: Connection, project_id: int) -> list[TrustedPublisher]:
    """Those of a project that send files: all but its builders."""
    return [one for one in publishers_of(sql, project_id) if not one.attests_only]


def builders_of(sql: Connection, project_id: int) -> list[TrustedPublisher]:
    """Those of a project that only say how its files were built."""
    return [one for one in publishers_of(sql, project_id) if one.attests_only]


def pending_of(sql: Connection, account_id: int) -> list[TrustedPublisher]:
    """The pending publishers that an account has registered."""
    return _read(sql, _PENDING_OF, account=account_id)


def pending_like(sql: Connection, ultranormalized: str) -> list[TrustedPublisher]:
    """The pending publishers whose name is this one, or could be confused with it."""
    return _read(sql, _PENDING_LIKE, shape=ultranormalized)


def all_pending(sql: Connection) -> list[TrustedPublisher]:
    """Every pending publisher."""
    return _read(sql, _ALL.where(trusted_publisher.c.project_id.is_(None)))


def find_publisher(sql: Connection, publisher_id: int, *, lock: bool = False) -> TrustedPublisher:
    """One publisher, removed or not; raises `Refused` (404)."""
    found = _read(sql, _LOCK_ONE if lock else _ONE, publisher=publisher_id)
    if not found:
        raise unknown_publisher()
    return found[0]


def unknown_publisher() -> Refused:
    """There is no such publisher, or it is none of who asks."""
    return Refused("unknown-publisher", "There is no such trusted publisher here.", status=404)


def may(rules: Mapping[str, str]) -> str:
    """What a publisher with these rules may do with a project, before its name."""
    return "attest what others publish into" if attests_only(rules) else "publish into"


def key_of(whom: str, kind: str, issuer: str, settings: Mapping[str, str]) -> str:
    """What no two open rows share: for whom it is, and a hash of what it is."""
    text = json.dumps([kind, issuer, settings], sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return f"{whom}:{sha256(text.encode()).hexdigest()}"


def for_project(project_id: int) -> str:
    """For whom a publisher is that a project has."""
    return f"project:{project_id}"


def for_pending(account_id: int, normalized: str) -> str:
    """For whom one is that waits."""
    return f"pending:{account_id}:{normalized}"


def _read(sql: Connection, statement: sa.Select[Any], **values: object) -> list[TrustedPublisher]:
    rows: Sequence[Any] = sql.execute(statement, values).all()
    return [TrustedPublisher(**row._mapping) for row in rows]  # noqa: SLF001 - a public name of SQLAlchemy, despite its spelling

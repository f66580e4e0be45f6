"""Reads of disclosure cases. Every function takes an open connection and names what it returns."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.advisories.disclosure.model import OVER, Audience, Case, Member
from customhouse.advisories.disclosure.tables import (
    disclosure_attachment,
    disclosure_case,
    disclosure_credit,
    disclosure_letter,
    disclosure_member,
    disclosure_message,
    security_policy,
)
from customhouse.advisories.tables import advisory

_CASE = [disclosure_case.c[name] for name in Case.__slots__]
_MEMBER = [disclosure_member.c[name] for name in Member.__slots__]
_OF_CASE = disclosure_member.c.case_id == sa.bindparam("case")
_IN_CASE = (
    sa.select(sa.literal(1))
    .select_from(disclosure_member.join(disclosure_case, disclosure_case.c.id == disclosure_member.c.case_id))
    .where(
        disclosure_case.c.public_id == sa.bindparam("case"),
        disclosure_member.c.account_id == sa.bindparam("account"),
        disclosure_member.c.left_at.is_(None),
        sa.or_(disclosure_member.c.role != "downstream", disclosure_member.c.agreed_at.is_not(None)),
    )
    .limit(1)
)


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that came with a message. Its name and type are a stranger's words."""

    id: int
    message_id: int
    filename: str
    content_type: str
    size_bytes: int
    digest: str


@dataclass(frozen=True, slots=True)
class Message:
    """What somebody said in a case."""

    id: int
    member_id: int | None
    author: str
    audience: Audience
    via: str
    at: datetime
    text: str
    attachments: tuple[Attachment, ...] = ()


@dataclass(frozen=True, slots=True)
class Credit:
    """Somebody who is thanked."""

    id: int
    name: str
    kind: str


def find_case(sql: Connection, case_id: int, *, lock: bool = False) -> Case | None:
    """The case of that number; ``lock`` keeps rivals waiting until commit."""
    return _one_case(sql, disclosure_case.c.id == case_id, lock=lock)


def case_by_public_id(sql: Connection, public_id: str, *, lock: bool = False) -> Case | None:
    """The case that an address names."""
    return _one_case(sql, disclosure_case.c.public_id == public_id, lock=lock)


def case_of_cve(sql: Connection, cve_id: str) -> Case | None:
    """The case that has that CVE id."""
    return _one_case(sql, disclosure_case.c.cve_id == cve_id)


def published_case(sql: Connection, advisory_id: str) -> Case | None:
    """The case that an advisory came out of, if it is public in its own right."""
    case = _one_case(sql, disclosure_case.c.advisory_id == advisory_id[:60])
    if case is None or case.secret:
        return None
    told = sql.execute(sa.select(advisory.c.id).where(advisory.c.id == case.advisory_id)).first() is not None
    return case if told else None


def open_cases(sql: Connection) -> list[Case]:
    """Every case that is not over, the oldest first."""
    wanted = disclosure_case.c.state.not_in(sorted(OVER))
    return [Case(*row) for row in sql.execute(sa.select(*_CASE).where(wanted).order_by(disclosure_case.c.id))]


def cases_over(sql: Connection, *, limit: int) -> list[Case]:
    """The cases that ended last."""
    wanted = disclosure_case.c.state.in_(sorted(OVER))
    rows = sql.execute(sa.select(*_CASE).where(wanted).order_by(disclosure_case.c.id.desc()).limit(limit))
    return [Case(*row) for row in rows]


def cases_of_account(sql: Connection, account_id: int) -> list[tuple[Case, Member]]:
    """The cases that somebody belongs to, the newest first."""
    rows = sql.execute(
        sa.select(*_CASE, *_MEMBER)
        .join(disclosure_member, disclosure_member.c.case_id == disclosure_case.c.id)
        .where(disclosure_member.c.account_id == account_id, disclosure_member.c.left_at.is_(None))
        .order_by(disclosure_case.c.id.desc(), disclosure_member.c.id)
    ).all()
    parts = len(_CASE)
    return [(Case(*row[:parts]), Member(*row[parts:])) for row in rows]


def members_of(sql: Connection, case_id: int) -> list[Member]:
    """Everybody who belongs to a case, the first one first."""
    rows = sql.execute(
        sa.select(*_MEMBER).where(_OF_CASE, disclosure_member.c.left_at.is_(None)).order_by(disclosure_member.c.id),
        {"case": case_id},
    )
    return [Member(*row) for row in rows]


def find_member(sql: Connection, member_id: int) -> Member | None:
    """The member of that number, somebody who has left too."""
    row = sql.execute(sa.select(*_MEMBER).where(disclosure_member.c.id == member_id)).one_or_none()
    return Member(*row) if row is not None else None


def member_by_public_id(sql: Connection, public_id: str) -> Member | None:
    """The member whose link it is, unless he has left."""
    row = sql.execute(
        sa.select(*_MEMBER).where(disclosure_member.c.public_id == public_id, disclosure_member.c.left_at.is_(None))
    ).one_or_none()
    return Member(*row) if row is not None else None


def member_of_account(sql: Connection, case_id: int, account_id: int) -> Member | None:
    """What somebody is in a case; of several the one who works on it."""
    found = [one for one in members_of(sql, case_id) if one.account_id == account_id]
    return min(found, key=lambda one: (not one.handles, one.id), default=None)


def there_is_case(sql: Connection, public_id: str) -> bool:
    """Whether this index has a case of that id."""
    known = sa.select(disclosure_case.c.id).where(disclosure_case.c.public_id == public_id)
    return sql.execute(known).first() is not None


def is_in_case(sql: Connection, public_id: str, account_id: int | None) -> bool:
    """Whether somebody belongs to a case and may know what it is about."""
    if account_id is None:
        return False
    return sql.execute(_IN_CASE, {"case": public_id, "account": account_id}).first() is not None


def messages_of(sql: Connection, case_id: int) -> list[Message]:
    """What was said in a case, in order."""
    m = disclosure_message.c
    rows = sql.execute(
        sa.select(m.id, m.member_id, m.author, m.audience, m.via, m.at, m.text)
        .where(m.case_id == case_id)
        .order_by(m.id)
    ).all()
    attached = attachments_of(sql, [row.id for row in rows])
    return [Message(*row, tuple(one for one in attached if one.message_id == row.id)) for row in rows]


def attachments_of(sql: Connection, message_ids: Collection[int]) -> list[Attachment]:
    """What came with these messages."""
    a = disclosure_attachment.c
    rows = sql.execute(
        sa.select(a.id, a.message_id, a.filename, a.content_type, a.size_bytes, a.digest)
        .where(a.message_id.in_(message_ids))
        .order_by(a.id)
    )
    return [Attachment(*row) for row in rows]


def attached_digests(sql: Connection, digests: Collection[str]) -> set[str]:
    """Which of these objects in the store a message needs."""
    wanted = disclosure_attachment.c.digest
    return set(sql.execute(sa.select(wanted).where(wanted.in_(digests))).scalars())


def credits_of(sql: Connection, case_id: int) -> list[Credit]:
    """Who is thanked, in the order in which they were named."""
    c = disclosure_credit.c
    rows = sql.execute(sa.select(c.id, c.name, c.kind).where(c.case_id == case_id).order_by(c.id))
    return [Credit(*row) for row in rows]


def member_of_letter(sql: Connection, message_ids: Collection[str]) -> Member | None:
    """Whom the letters of ours went to that these Message-IDs are of; the last one counts."""
    for message_id in reversed(list(message_ids)):
        member_id = sql.execute(
            sa.select(disclosure_letter.c.member_id).where(disclosure_letter.c.message_id == message_id)
        ).scalar()
        if member_id is not None:
            return find_member(sql, member_id)
    return None


def was_taken(sql: Connection, mail_key: str) -> bool:
    """Whether this very letter has come before."""
    wanted = sa.select(disclosure_message.c.id).where(disclosure_message.c.mail_key == mail_key)
    return sql.execute(wanted).first() is not None


def policy_of(sql: Connection, project_id: int) -> str:
    """What a project says of how to report vulnerabilities; empty if nothing."""
    wanted = sa.select(security_policy.c.text).where(security_policy.c.project_id == project_id)
    return sql.execute(wanted).scalar() or ""


def busy_with(sql: Connection, account_ids: Collection[int]) -> dict[int, int]:
    """How many open cases each of these coordinates."""
    rows = sql.execute(
        sa.select(disclosure_member.c.account_id, sa.func.count())
        .join(disclosure_case, disclosure_case.c.id == disclosure_member.c.case_id)
        .where(
            disclosure_member.c.role == "coordinator", disclosure_member.c.left_at.is_(None),
            disclosure_member.c.account_id.in_(account_ids), disclosure_case.c.state.not_in(sorted(OVER)),
        )
        .group_by(disclosure_member.c.account_id)
    )  # fmt: skip
    return {account_id: count for account_id, count in rows if account_id is not None}


def _one_case(sql: Connection, wanted: sa.ColumnElement[bool], *, lock: bool = False) -> Case | None:
    query = sa.select(*_CASE).where(wanted)
    row = sql.execute(query.with_for_update() if lock else query).one_or_none()
    return Case(*row) if row is not None else None

"""What is known of who sends a release and of what the project has published before: few statements, no rules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.accounts.tables import account
from customhouse.catalog.staged_tables import release_rule, upload_file, upload_session
from customhouse.catalog.tables import critical_mark, file, project, release
from customhouse.index.approving.holds import BURST_WINDOW, STARTUP_SIGNALS, Facts
from customhouse.trust.continuity import Continuity
from customhouse.trust.tables import trusted_publisher

LATEST_FILES = 2000
"""So many files of earlier releases are asked which startup files they have."""


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sends a file: an account, or a trusted publisher."""

    account_id: int | None
    publisher_id: int | None

    @property
    def known(self) -> bool:
        """Whether it is anybody that can be looked up."""
        return self.account_id is not None or self.publisher_id is not None


@dataclass(frozen=True, slots=True)
class Asked:
    """What a project asks of every upload, by one statement."""

    is_critical: bool
    approvals: int
    minimum_age: timedelta
    stages_only: bool
    """Whether the publisher that sends it may only stage."""


# Made once: building a statement costs more than running it, and every upload asks the first one.
_STAGES_ONLY = (
    sa.select(trusted_publisher.c.stages_only)
    .where(trusted_publisher.c.id == sa.bindparam("publisher", type_=sa.BigInteger))
    .scalar_subquery()
)
_ASKED = (
    sa.select(
        critical_mark.c.normalized.is_not(None), release_rule.c.approvals, release_rule.c.minimum_age_seconds,
        _STAGES_ONLY,
    )
    .select_from(
        project.outerjoin(critical_mark, critical_mark.c.normalized == project.c.normalized).outerjoin(
            release_rule, release_rule.c.project_id == project.c.id
        )
    )
    .where(project.c.id == sa.bindparam("project"))
)  # fmt: skip
_ASKED_OF_NEW = sa.select(_STAGES_ONLY)
# What is quarantined or deleted vouches for nobody: it may be what the thief did last time.
_GOOD = sa.and_(file.c.deleted_at.is_(None), release.c.deleted_at.is_(None), release.c.quarantined_at.is_(None))
_LAST_UPLOAD = sa.select(sa.func.max(file.c.uploaded_at)).where(file.c.project_id == sa.bindparam("project"))
_KNOWN = (
    sa.select(sa.literal(1))
    .select_from(file.join(release, release.c.id == file.c.release_id))
    .where(
        file.c.project_id == sa.bindparam("project"),
        sa.or_(
            file.c.uploader_id == sa.bindparam("account", type_=sa.BigInteger),
            file.c.publisher_id == sa.bindparam("publisher", type_=sa.BigInteger),
        ),
        _GOOD,
    )
    .limit(1)
)
_EARLIER_SIGNALS = (
    sa.select(release.c.version, file.c.signals)
    .select_from(file.join(release, release.c.id == file.c.release_id))
    .where(file.c.project_id == sa.bindparam("project"), _GOOD)
    .order_by(file.c.uploaded_at.desc())
    .limit(LATEST_FILES)
)
_OF_ACCOUNT_OF_LATE = sa.union(
    sa.select(project.c.normalized)
    .join(file, file.c.project_id == project.c.id)
    .where(
        file.c.uploader_id == sa.bindparam("account"),
        file.c.uploaded_at >= sa.bindparam("since", type_=file.c.uploaded_at.type),
    ),
    sa.select(upload_session.c.normalized)
    .join(upload_file, upload_file.c.session_id == upload_session.c.id)
    .where(
        upload_file.c.account_id == sa.bindparam("account"),
        upload_file.c.created_at >= sa.bindparam("since", type_=upload_file.c.created_at.type),
    ),
)
_PUBLISHER = sa.select(trusted_publisher.c.kind, trusted_publisher.c.issuer, trusted_publisher.c.settings).where(
    trusted_publisher.c.id == sa.bindparam("publisher")
)
# What was sent counts, not who has asked for a token: anybody may name any place as a publisher of his.
_OF_ISSUER = (
    trusted_publisher.c.kind == sa.bindparam("kind"),
    trusted_publisher.c.issuer == sa.bindparam("issuer"),
)
_PUBLISHERS_OF_LATE = sa.union_all(
    sa.select(project.c.normalized, trusted_publisher.c.settings)
    .join(file, file.c.project_id == project.c.id)
    .join(trusted_publisher, trusted_publisher.c.id == file.c.publisher_id)
    .where(*_OF_ISSUER, file.c.uploaded_at >= sa.bindparam("since", type_=file.c.uploaded_at.type)),
    sa.select(upload_session.c.normalized, trusted_publisher.c.settings)
    .join(upload_file, upload_file.c.session_id == upload_session.c.id)
    .join(trusted_publisher, trusted_publisher.c.id == upload_file.c.publisher_id)
    .where(*_OF_ISSUER, upload_file.c.created_at >= sa.bindparam("since", type_=upload_file.c.created_at.type)),
)


def asked_of(sql: Connection, project_id: int | None, sender: Sender) -> Asked:
    """What every upload asks; one statement, and none for an account that makes a new project."""
    publisher = {"publisher": sender.publisher_id}
    if project_id is None:
        stages = sql.execute(_ASKED_OF_NEW, publisher).scalar() if sender.publisher_id is not None else False
        return Asked(is_critical=False, approvals=0, minimum_age=timedelta(0), stages_only=bool(stages))
    critical, approvals, age_seconds, stages = sql.execute(_ASKED, {"project": project_id, **publisher}).one()
    return Asked(bool(critical), approvals or 0, timedelta(seconds=age_seconds or 0), bool(stages))


def facts_of(
    sql: Connection, project_id: int, normalized: str, sender: Sender, startup_files: tuple[str, ...], now: datetime,
    continuity: Continuity | None = None,
) -> Facts:  # fmt: skip
    """What the holds on a critical project look at; four or five statements."""
    ids = {"project": project_id, "account": sender.account_id, "publisher": sender.publisher_id}
    return Facts(
        now=now,
        last_upload=sql.execute(_LAST_UPLOAD, {"project": project_id}).scalar(),
        who=_named(sql, sender),
        is_known=sql.execute(_KNOWN, ids).first() is not None,
        startup_files=startup_files,
        earlier_startup_files=_earlier_startup_files(sql, project_id) if startup_files else (),
        projects_of_late=len(_projects_of_late(sql, sender, now - BURST_WINDOW) - {normalized}),
        continuity=continuity,
    )


def startup_files_of(signals: Iterable[Mapping[str, str]], version: str) -> frozenset[str]:
    """Members that run whenever Python starts. Tools write the version into some of their names, which is no news."""
    return frozenset(
        one["where"].replace(version, "VERSION") for one in signals if one["code"] in STARTUP_SIGNALS and version
    )


def _earlier_startup_files(sql: Connection, project_id: int) -> frozenset[str]:
    rows = sql.execute(_EARLIER_SIGNALS, {"project": project_id})
    return frozenset(name for version, signals in rows for name in startup_files_of(signals, version))


def _projects_of_late(sql: Connection, sender: Sender, since: datetime) -> frozenset[str]:
    """Into which projects somebody has sent files lately. Publishers with one owner at one issuer are one identity."""
    if sender.account_id is not None:
        return frozenset(sql.execute(_OF_ACCOUNT_OF_LATE, {"account": sender.account_id, "since": since}).scalars())
    mine = sql.execute(_PUBLISHER, {"publisher": sender.publisher_id}).one_or_none()
    if mine is None:
        return frozenset()
    rows = sql.execute(_PUBLISHERS_OF_LATE, {"kind": mine.kind, "issuer": mine.issuer, "since": since})
    return frozenset(row.normalized for row in rows if owner_of(row.settings) == owner_of(mine.settings))


def owner_of(settings: Mapping[str, Any]) -> str:
    """Whose machines a publisher's are, as far as its settings say; all of them if they do not tell."""
    for name in ("owner", "repository_owner", "namespace", "organization", "email"):
        if settings.get(name):
            return str(settings[name]).casefold()
    return ""


def _named(sql: Connection, sender: Sender) -> str:
    if sender.account_id is not None:
        return str(sql.execute(sa.select(account.c.name).where(account.c.id == sender.account_id)).scalar_one())
    return "This publisher"

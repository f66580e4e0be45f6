"""Beginning a release that is to appear as a whole: one session for each name and version."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa
from packaging.utils import canonicalize_version

from customhouse.catalog import queries
from customhouse.catalog.model import Project, may_add_file, may_spell
from customhouse.catalog.organizations import find_organization, role_in
from customhouse.catalog.rights import MANAGING
from customhouse.catalog.staged import ONGOING, Session, find_session, ongoing_sessions
from customhouse.catalog.staged_events import SessionOpened, told
from customhouse.catalog.staged_tables import upload_session
from customhouse.index import names
from customhouse.index.embargo import may_know
from customhouse.index.founders import Founder, founder_of
from customhouse.index.may_publish import refuse_unless_ready
from customhouse.index.names import Claim
from customhouse.index.publication import check_right, look_again, refuse_if
from customhouse.index.publisher import Publisher
from customhouse.index.staging.end import end_session
from customhouse.index.staging.policy import (
    MOST_SESSIONS_A_DAY,
    MOST_SESSIONS_OF_PROJECT,
    MOST_SESSIONS_OF_SENDER,
    Policy,
)
from customhouse.index.staging.rights import as_stager, may_stage
from customhouse.ledger.tx import Tx
from customhouse.terms.encode import new_id
from customhouse.terms.errors import Refused
from customhouse.terms.identity import Actor, Identity
from customhouse.terms.names import ProjectName

STAGE_BYTES = 32
A_DAY = timedelta(days=1)


class SessionExists(Refused):
    """There is a session for this name and version already (409), and who asks may use it."""

    def __init__(self, session: Session) -> None:
        self.session_id = session.id
        super().__init__(
            "session-exists",
            f"A release {session.version} of {session.display!r} is being made already.",
            "Use that session, or cancel it.",
            status=409,
        )


@dataclass(frozen=True, slots=True)
class OpenSession:
    """A wish for a session."""

    name: ProjectName
    version: str
    """Canonical (PEP 440)."""
    by: Actor
    policy: Policy
    organization: str = ""
    """That is to hold a new project."""
    protocol: str = "2.0"
    embargo: str = ""
    """The disclosure case that alone may know of it, by its public id."""


def open_session(command: OpenSession, tx: Tx) -> Session:
    """Begin a release. The first one of a new project keeps its name until it is published or canceled.

    Raises `SessionExists` for whoever may act on the one that is there.
    """
    wanted, version, now = command.name, command.version, tx.now()
    refuse_if(may_stage(command.by, wanted.normalized, version))
    by = as_stager(command.by)
    project = queries.find_project(tx.sql, wanted.normalized, lock=True)
    organization_id = None
    if project is not None:
        _check_project(tx, project, command, by)
    else:
        organization_id = _keep_name(tx, command, by)
    existing = _holding(tx, command)
    if existing is not None and (existing.expires_at > now or existing.state == "processing"):
        refuse_if(may_spell(version, existing.version, status=_status(command)))
        raise SessionExists(existing)
    if existing is not None:
        end_session(tx, existing, project, by.identity, why="expired", keep_name=True)
    _refuse_too_many(tx, wanted, by)
    session = _insert(tx, command, project, organization_id)
    opened = SessionOpened(
        by.identity, wanted.normalized, version=version, session=session.id, protocol=command.protocol,
        token_id=by.token_id,
    )  # fmt: skip
    tx.record(told(session, opened))
    tx.serialize()
    if project is not None:
        look_again(tx, project, wanted, by)
    return session


def _holding(tx: Tx, command: OpenSession) -> Session | None:
    """The session that holds the version; one that holds it spelled otherwise only as long as it has time.

    One under embargo holds it only for those who may know of it: they mean that one, and others run into nothing.
    """
    version = command.version
    every = ongoing_sessions(tx.sql, command.name.normalized, embargoed=True)
    ongoing = sorted(
        (one for one in every if one.embargo in ("", command.embargo) or may_know(tx.sql, one, command.by)),
        key=lambda one: not one.embargo,
    )
    if (exact := next((one for one in ongoing if one.version == version), None)) is not None:
        return exact
    same = canonicalize_version(version)
    equal = (one for one in ongoing if canonicalize_version(one.version) == same)
    return next((one for one in equal if one.expires_at > tx.now() or one.state == "processing"), None)


def _status(command: OpenSession) -> int:
    """Clients of the legacy upload take 409 for a file that they may skip."""
    return 400 if command.protocol == "legacy" else 409


def _check_project(tx: Tx, project: Project, command: OpenSession, by: Actor) -> None:
    check_right(tx.sql, project, command.name, by)
    refuse_unless_ready(tx.sql, Publisher(by, project, tx.now(), command.policy.site))
    found = queries.find_equal_release(tx.sql, project.id, command.version)
    if found is not None:
        refuse_if(may_spell(command.version, found.version, status=_status(command)))
        refuse_if(may_add_file(found, command.policy.open_for, tx.now()))


def _keep_name(tx: Tx, command: OpenSession, by: Actor) -> int | None:
    founder = founder_of(tx.sql, by, command.name.normalized, tx.now())
    if founder is None:
        # A machine makes no new names but those that it was registered for; it hears of none whether it is free.
        raise names.name_reserved(command.name)
    wished = _wished_holder(tx, command, founder)
    acting = by if by.account_id is not None else Actor(
        Identity("user", str(founder.account_id), ""), founder.account_id, scope=by.scope
    )  # fmt: skip
    claim = Claim(command.name, acting, organization_id=wished)
    return names.keep_name(claim, tx)


def _wished_holder(tx: Tx, command: OpenSession, founder: Founder) -> int | None:
    if not command.organization:
        return founder.organization_id
    if role_in(tx.sql, command.organization, founder.account_id) not in MANAGING:
        raise Refused(
            "not-a-manager", f"You manage no organization {command.organization[:50]!r}.", "Ask one of its owners."
        )
    return find_organization(tx.sql, command.organization).id


def _refuse_too_many(tx: Tx, wanted: ProjectName, by: Actor) -> None:
    table = upload_session.c
    sender = table.account_id == by.account_id if by.account_id is not None else table.publisher_id == by.publisher_id
    ongoing = table.state.in_(ONGOING)
    for counted, most, sentence in (
        # What is under embargo shows in no number that others run into.
        (
            (table.normalized == wanted.normalized, table.embargo == "", ongoing),
            MOST_SESSIONS_OF_PROJECT,
            "of this project are being made",
        ),
        ((sender, ongoing), MOST_SESSIONS_OF_SENDER, "of yours are being made"),
        ((sender, table.created_at > tx.now() - A_DAY), MOST_SESSIONS_A_DAY, "of yours were begun within a day"),
    ):
        query = sa.select(sa.func.count()).select_from(upload_session).where(*counted)
        if tx.sql.execute(query).scalar_one() >= most:
            raise Refused(
                "too-many-sessions", f"{most} releases {sentence} already.", "Publish or cancel some, or wait.",
                status=409,
            )  # fmt: skip


def _insert(tx: Tx, command: OpenSession, project: Project | None, organization_id: int | None) -> Session:
    now, by, session_id = tx.now(), command.by, new_id()
    tx.sql.execute(
        upload_session.insert(),
        {
            "id": session_id,
            "stage": secrets.token_hex(STAGE_BYTES),
            "normalized": command.name.normalized,
            "display": project.display if project is not None else command.name.display,
            "version": command.version,
            "project_id": project.id if project is not None else None,
            "organization_id": organization_id,
            "account_id": by.account_id,
            "publisher_id": by.publisher_id,
            "protocol": command.protocol,
            "embargo": command.embargo,
            "state": "open",
            "reasons": [],
            "notices": [],
            "created_at": now,
            "changed_at": now,
            # The protocol speaks in whole seconds, and says never less than there is.
            "expires_at": (now + command.policy.life).replace(microsecond=0),
        },
    )
    session = find_session(tx.sql, session_id)
    if session is None:
        raise LookupError("a row that was written just now")
    return session

"""Who may act on a release that is being made: looked up for every request, never bound to who began it (PEP 694)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Literal

from sqlalchemy.engine import Connection

from customhouse.catalog import queries
from customhouse.catalog.model import Project, may_upload
from customhouse.catalog.staged import Session, find_session
from customhouse.index import names
from customhouse.index.embargo import may_know
from customhouse.index.founders import founds
from customhouse.index.publication import refuse_if, role_here
from customhouse.ledger.tx import Tx
from customhouse.terms.errors import Refused
from customhouse.terms.identity import Actor

Wish = Literal["stage", "cancel"]


def no_session() -> Refused:
    """What everybody hears of a session that is not there, and whoever may not act on one that is."""
    return Refused(
        "no-such-session",
        "There is no release being made at this address, or none that you may act on.",
        "Make a session for a project that you may upload to.",
    )


def may_stage(by: Actor, normalized: str | None = None, version: str | None = None) -> Refused | None:
    """Whether a token is for making releases ready: one that may upload may stage too."""
    refusal = by.scope.refusal("stage", normalized, version)
    return None if by.scope.refusal("upload", normalized, version) is None else refusal


def as_stager(by: Actor) -> Actor:
    """The same, for rules that ask about uploads, once it is known that he may stage."""
    return replace(by, scope=replace(by.scope, actions=None))


def refuse_unless_may(
    sql: Connection, session: Session, project: Project | None, by: Actor, wish: Wish, now: datetime
) -> None:
    """Raise `Refused` unless he may do that with the session now.

    What depends on the session alone is told by one sentence, so that strangers do not learn which sessions there are.
    An operator in person may cancel every session.
    """
    refuse_if(may_stage(by))
    if wish == "cancel" and by.operator and not by.token_id:
        return
    if may_stage(by, session.normalized, session.version) is not None or not may_know(sql, session, by):
        raise no_session()
    if project is None:
        if not founds(sql, session, by, now):
            raise no_session()
        return
    role = role_here(sql, project, by)
    if role is None:
        raise no_session()
    refuse_if(may_upload(project, role) if wish != "cancel" else None)


def subject(tx: Tx, session_id: str | None, by: Actor | None, wish: Wish = "stage") -> tuple[Session, Project | None]:
    """The session of that id and its project, both locked; by None: this index itself."""
    seen = find_session(tx.sql, session_id) if session_id is not None else None
    if seen is None:
        if by is not None:
            refuse_if(may_stage(by))
        raise no_session()
    session, project = lock_session(tx, seen)
    if session is None:
        raise no_session()
    if by is not None:
        refuse_unless_may(tx.sql, session, project, by, wish, tx.now())
    return session, project


def lock_session(tx: Tx, seen: Session) -> tuple[Session | None, Project | None]:
    """A session and its project as they are now, the project locked first.

    Where there is none, the name that is kept for it stands for it: whoever makes the project holds the name, and then
    wants all sessions of it. By the time that the name is ours, the project may be there.
    """
    project = queries.find_project(tx.sql, seen.normalized, lock=True)
    if project is None:
        names.lock_kept(tx.sql, seen.normalized)
        project = queries.find_project(tx.sql, seen.normalized, lock=True)
    return find_session(tx.sql, seen.id, lock=True), project


def look_at(sql: Connection, session_id: str | None, by: Actor, now: datetime) -> Session:
    """The session for somebody who may know of it."""
    refuse_if(may_stage(by))
    session = find_session(sql, session_id) if session_id is not None else None
    if session is None:
        raise no_session()
    project = queries.find_project(sql, session.normalized)
    refuse_unless_may(sql, session, project, by, "stage" if session.ongoing else "cancel", now)
    return session


def refuse_unless_editable(session: Session, now: datetime) -> None:
    """A session takes changes while it is open, or after a publication that failed, and its time is not over."""
    if session.state not in ("open", "error"):
        raise Refused(
            "session-closed", f"This session is {session.state} and takes no changes.", "Make a new one.", status=409
        )
    if session.expires_at <= now:
        raise Refused("session-expired", "The time of this session is over.", "Make a new one.", status=409)

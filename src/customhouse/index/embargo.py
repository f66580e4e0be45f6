"""Who may know that a release is being made: of one under embargo, only those who are in its disclosure case."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.advisories.disclosure.queries import is_in_case
from customhouse.catalog.staged import ONGOING, Session
from customhouse.catalog.staged_tables import upload_session
from customhouse.terms.errors import Refused
from customhouse.terms.identity import Actor
from customhouse.terms.versions import version_of

_EMBARGOED = sa.select(upload_session.c.embargo, upload_session.c.version).where(
    upload_session.c.normalized == sa.bindparam("normalized"), upload_session.c.state.in_(ONGOING),
    upload_session.c.embargo != "",
)  # fmt: skip


def may_know(sql: Connection, session: Session, by: Actor) -> bool:
    """Everybody who has a right there, or a person who is in the case.

    No trusted publisher is in one: whoever can start its builds, or read their logs, would know.
    """
    return not session.embargo or is_in_case(sql, session.embargo, by.account_id)


def is_under_embargo(sql: Connection, normalized: str, version: str, by: Actor) -> bool:
    """Whether a release of that version, however it is spelled, is under embargo, as far as he may know of it."""
    if by.account_id is None:
        return False
    rows = sql.execute(_EMBARGOED, {"normalized": normalized}).all()
    wanted = version_of(version)
    return any(version_of(row.version) == wanted and is_in_case(sql, row.embargo, by.account_id) for row in rows)


def refuse_beside_embargo(sql: Connection, normalized: str, version: str, by: Actor) -> None:
    """Keep somebody who is in a case from publishing its fix by the usual command, and ending the embargo by that.

    Whoever is in no case runs into nothing, and learns nothing.
    """
    if is_under_embargo(sql, normalized, version, by):
        raise Refused(
            "under-embargo", f"{version} is under embargo: it appears together with its advisory.",
            "Send it with `customhouse publish --stage`, or publish another version.", status=409,
        )  # fmt: skip

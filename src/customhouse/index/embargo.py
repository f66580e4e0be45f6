"""Who may know that a release is being made: of one under embargo, only those who are in its disclosure case."""

from __future__ import annotations

from sqlalchemy.engine import Connection

from customhouse.advisories.disclosure.queries import is_in_case
from customhouse.catalog.staged import Session
from customhouse.terms.identity import Actor


def may_know(sql: Connection, session: Session, by: Actor) -> bool:
    """Everybody who has a right there, or a person who is in the case.

    No trusted publisher is in one: whoever can start its builds, or read their logs, would know.
    """
    return not session.embargo or is_in_case(sql, session.embargo, by.account_id)

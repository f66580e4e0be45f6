"""A forgotten password: whether a link to a new one may be sent. Whoever asks hears the same always (A3, A31, A32)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa

from customhouse.accounts.links import MakePasswordLink, make_password_link
from customhouse.accounts.lost_address import hold_back
from customhouse.accounts.registration_events import BreachedSignIn, ResetAsked, ResetWithheld
from customhouse.accounts.tables import account
from customhouse.accounts.users import User
from customhouse.catalog import protection
from customhouse.ledger.tx import Tx
from customhouse.terms.identity import ANONYMOUS

JOB = "reset-password"


@dataclass(frozen=True, slots=True)
class NoteReset:
    """Somebody asks for a link to a new password. ``account_id`` is None if nobody has that name or address."""

    account_id: int | None
    network: str
    over_limit: bool
    """Whether the account, or the name that nobody has, has been asked about too often today."""


@dataclass(frozen=True, slots=True)
class AskReset:
    """Somebody's wish for a link to a new password, for an account that there is."""

    user: User
    network: str
    life: timedelta
    blocked_for: timedelta
    """How long after a change of address an owner of critical projects gets no link."""
    over_limit: bool = False
    """Whether this account has had its letters for today."""
    breached: bool = False
    """Whether it is asked for because somebody signed in with a password that others know."""


def note_reset(command: NoteReset, tx: Tx) -> None:
    """Note the wish and leave it to a job: so it takes as long for nobody as for somebody, whatever comes of it."""
    tx.record(ResetAsked(ANONYMOUS, None, network=command.network))
    arguments = {"account_id": command.account_id, "network": command.network, "over_limit": command.over_limit}
    tx.later(JOB, arguments)


def ask_reset(command: AskReset, tx: Tx) -> bool:
    """Send the link to the account's own address, never to one that was typed; whether one is on its way.

    None is sent to a frozen account; to an address whose domain is lost; to an address that the owner of a critical
    project has taken a few days ago, because whoever took it may not be the owner; or to one that has had too many.
    Second factors, API tokens and the office of the account are no matter: a link changes none of them.
    """
    user = command.user
    if command.breached:
        tx.record(BreachedSignIn(ANONYMOUS, None, user_id=str(user.id), network=command.network))
    why = _withheld(command, user, tx)
    if why:
        tx.record(ResetWithheld(ANONYMOUS, None, user_id=str(user.id), why=why))
        return False
    if hold_back(tx, user.id):
        return False
    make_password_link(MakePasswordLink(user, command.life, ANONYMOUS), tx)
    return True


def _withheld(command: AskReset, user: User, tx: Tx) -> str:
    if command.over_limit:
        return "limit"
    row = tx.sql.execute(
        sa.select(account.c.frozen_at, account.c.email_changed_at).where(account.c.id == user.id)
    ).one()
    if row.frozen_at is not None:
        return "frozen"
    fresh = row.email_changed_at is not None and tx.now() - row.email_changed_at < command.blocked_for
    if fresh and any(one.critical for one in protection.protected_projects_of(tx.sql, user.id)):
        return "changed"
    return ""

"""Candidates: a policy on a view for an hour, at an address that nobody can guess.

A row holds the policy, so that every web worker answers the same; whatever it leads to is computed when it is asked and
stored nowhere. What somebody tries is nobody's business: it leaves no event.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.formats.policy.read import Policy, read_policy
from customhouse.infra.db import Database
from customhouse.terms.errors import Refused, Rejected
from customhouse.views.simulate.tables import view_candidate

LIFE = timedelta(hours=1)
MOST_PER_ACCOUNT = 50
MOST_POLICY = 200_000
MOST_SPARED = 60
_TOKEN = re.compile(r"[A-Za-z0-9_-]{32}")
_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*", re.ASCII)
EVERYTHING = "*"
_T = view_candidate.c


class Made(NamedTuple):
    """A new candidate; the secret is in this answer alone."""

    token: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Tried:
    """A candidate that is there, as an address names it."""

    id: str
    view: str
    account_id: int
    policy: Policy
    as_of: datetime | None
    expires_at: datetime
    spared: frozenset[str] = frozenset()
    """Projects that are let through whatever the policy says."""
    everything: bool = False
    """Whether all of them are."""

    def spares(self, name: str) -> bool:
        """Whether a project is let through whatever the policy says."""
        return self.everything or name in self.spared


def make_candidate(
    database: Database, *, view: str, account_id: int, policy: str, as_of: datetime | None, now: datetime,
    internal: Sequence[str] = (),
) -> Made:  # fmt: skip
    """Keep a policy for an hour. Raises `Rejected` for one that cannot be read, `Refused` if somebody has too many.

    ``internal``: the setting `internal_names`, as for a view's own policy.
    """
    if len(policy) > MOST_POLICY:
        raise Rejected("policy-too-long", "policy", f"{len(policy)} characters", f"at most {MOST_POLICY}")
    read_policy(policy, now=now, internal=internal)
    if as_of is not None and as_of > now:
        raise Rejected("bad-moment", "as_of", "it lies in the future", "a day that has been")
    token = secrets.token_urlsafe(24)
    with database.write() as sql:
        sql.execute(view_candidate.delete().where(_T.expires_at <= now))
        alive = sql.execute(sa.select(sa.func.count()).where(_T.account_id == account_id)).scalar_one()
        if alive >= MOST_PER_ACCOUNT:
            raise Refused(
                "too-many-candidates", f"You are trying {alive} policies at once.",
                "End some of them, or wait: each ends after an hour.", status=429,
            )  # fmt: skip
        expires = now + LIFE
        sql.execute(
            view_candidate.insert().values(
                id=_digest(token), view=view, account_id=account_id, policy=policy, as_of=as_of, made_at=now,
                expires_at=expires,
            )
        )  # fmt: skip
    return Made(token, expires)


def find_candidate(sql: Connection, address: str, now: datetime, internal: Sequence[str] = ()) -> Tried:
    """What ``TOKEN``, ``TOKEN.NAME.NAME`` or ``TOKEN.*`` stands for.

    Raises `Refused` (404), the same for each that is none, that has ended, and that never was.
    """
    token, *names = address.split(".")
    everything = names == [EVERYTHING]
    well = _TOKEN.fullmatch(token) and len(names) <= MOST_SPARED
    if not well or not (everything or all(_NAME.fullmatch(name) for name in names)):
        raise nothing()
    row = sql.execute(sa.select(view_candidate).where(_T.id == _digest(token), _T.expires_at > now)).one_or_none()
    if row is None:
        raise nothing()
    spared = frozenset() if everything else frozenset(names)
    # What was accepted an hour ago is read as of then: an exception may have ended since.
    policy = read_policy(row.policy, now=row.made_at, internal=internal)
    return Tried(row.id, row.view, row.account_id, policy, row.as_of, row.expires_at, spared, everything)


def end_candidate(database: Database, token: str) -> None:
    """Forget a candidate; harmless if it is gone."""
    with database.write() as sql:
        sql.execute(view_candidate.delete().where(_T.id == _digest(token)))


def forget_expired(sql: Connection, now: datetime) -> None:
    """Forget those that have ended."""
    sql.execute(view_candidate.delete().where(_T.expires_at <= now))


def nothing() -> Refused:
    """What every address hears that leads nowhere."""
    return Refused("no-such-candidate", "There is no such candidate, or it has ended: each lives an hour.", status=404)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()

"""Who may see a run, whose actor somebody is, and who is one person although he has two accounts.

Nothing of it is copied into the run: it is computed from accounts, roles and disclosure cases of the moment, so whoever
has left the project, or the case of a run under embargo, decides nothing any more.

Two accounts are one person if they have the same mailbox (whatever its case and what stands behind a ``+``), or if an
actor of the pipeline names them together. A security key or a linked login belongs to one account by the tables'
own rule, and the room compares keys once more where decisions meet (`decide.py`). What we cannot see: two mailboxes,
two keys and two names of one human who hides it. Only people who know each other can say that.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.accounts.tables import account, linked_identity
from customhouse.advisories.disclosure.queries import is_in_case, there_is_case
from customhouse.catalog import rights
from customhouse.formats.pipeline.model import Actor as PipelineActor
from customhouse.formats.pipeline.model import Pipeline
from customhouse.release.standing import case_named
from customhouse.release.state import State
from customhouse.terms.errors import Refused
from customhouse.terms.identity import Actor

_USER = "user:"
_OIDC = "oidc:"


@dataclass(frozen=True, slots=True)
class Human:
    """An account that a pipeline's actor names."""

    account_id: int
    name: str
    mailbox: str
    """In one spelling; empty where the account has none."""


def unknown_run() -> Refused:
    """The same for what never was and for what is none of his business."""
    return Refused("unknown-run", "There is no such release run, or it is not yours.", status=404)


def mailbox(address: str) -> str:
    """One spelling of where letters arrive: RFC 5233 calls what stands behind the ``+`` a detail."""
    local, at, domain = address.strip().lower().rpartition("@")
    return f"{local.partition('+')[0]}@{domain}" if at else ""


def actors_of(sql: Connection, pipeline: Pipeline, account_id: int) -> tuple[PipelineActor, ...]:
    """The actors of a pipeline that this account is: by its name, or by a login that is linked with it."""
    mine = _identities(sql, account_id)
    return tuple(
        one for one in pipeline.actors if not one.machine and any(_spelled(text) in mine for text in one.identities)
    )


def identity_for(sql: Connection, actor: PipelineActor, account_id: int) -> str:
    """By which of the actor's identities an account is he, as the pipeline spells it; empty if by none."""
    mine = _identities(sql, account_id)
    return next((text for text in actor.identities if _spelled(text) in mine), "")


def person_of(sql: Connection, pipeline: Pipeline, account_id: int) -> str:
    """By which a person is told from every other in a run: ``user:NAME`` of his oldest account that the run knows."""
    humans = {one.account_id: one for one in _humans(sql, pipeline, account_id)}
    if account_id not in humans:
        raise unknown_run()
    same, todo = {account_id}, [account_id]
    while todo:
        one = humans[todo.pop()]
        for other in humans.values():
            if other.account_id not in same and _are_one(sql, pipeline, one, other):
                same.add(other.account_id)
                todo.append(other.account_id)
    return f"{_USER}{humans[min(same)].name}"


def may_see(sql: Connection, state: State, project_id: int, by: Actor, *, opened_by: int) -> bool:
    """Whether he is a member: one of the project's people now; under embargo only who is named in it, or has opened it.

    Of those who are named, whoever is not in its disclosure case is none. Machines are members by having joined, which
    their token shows.
    """
    if by.account_id is None:
        return False
    if rights.role_of(sql, project_id, by.account_id) is None or not is_inside(sql, state, by.account_id):
        return False
    named = by.account_id == opened_by or bool(actors_of(sql, state.pipeline, by.account_id))
    return named or not state.pipeline.embargoed


def is_inside(sql: Connection, state: State, account_id: int) -> bool:
    """Whether the embargo lets him in: he is in its disclosure case, if that is one of this index, or it is over."""
    if not state.pipeline.embargoed or state.published_at is not None:
        return True
    case = case_named(state.pipeline, state.places)
    return not case or is_in_case(sql, case, account_id) or not there_is_case(sql, case)


def may_act(sql: Connection, state: State, project_id: int, account_id: int) -> bool:
    """Whether an account has a role in the project now, is in the case of an embargo, and neither frozen nor closed."""
    able = sa.select(account.c.id).where(
        account.c.id == account_id, account.c.frozen_at.is_(None), account.c.closed_at.is_(None)
    )
    there = sql.execute(able).first() is not None and rights.role_of(sql, project_id, account_id) is not None
    return there and is_inside(sql, state, account_id)


def who_left(sql: Connection, state: State, project_id: int, names: Iterable[str]) -> list[str]:
    """Those among these accounts who have no role in the project any more, or left its case, or cannot act now."""
    wanted = {name.lower(): name for name in names}
    rows = sql.execute(
        sa.select(account.c.id, account.c.normalized).where(
            account.c.normalized.in_(sorted(wanted)), account.c.frozen_at.is_(None), account.c.closed_at.is_(None)
        )
    ).all()
    there = {
        row.normalized
        for row in rows
        if rights.role_of(sql, project_id, row.id) is not None and is_inside(sql, state, row.id)
    }
    return sorted(name for normalized, name in wanted.items() if normalized not in there)


def _humans(sql: Connection, pipeline: Pipeline, account_id: int) -> list[Human]:
    """Every account that the run knows: those that actors name, by name or login, and this one."""
    names = {_spelled(text).removeprefix(_USER) for text in _texts(pipeline) if text.startswith(_USER)}
    logins = [text.removeprefix(_OIDC) for text in _texts(pipeline) if text.startswith(_OIDC)]
    pairs = [tuple(text.rpartition("#")[::2]) for text in logins]
    by_login = (
        sa.select(linked_identity.c.account_id)
        .where(sa.tuple_(linked_identity.c.issuer, linked_identity.c.subject).in_(pairs))
        .scalar_subquery()
    )
    known = sa.or_(account.c.normalized.in_(sorted(names)), account.c.id == account_id)
    if pairs:
        known = sa.or_(known, account.c.id.in_(by_login))
    rows = sql.execute(sa.select(account.c.id, account.c.name, account.c.email).where(known).order_by(account.c.id))
    return [Human(row.id, row.name, mailbox(row.email)) for row in rows]


def _identities(sql: Connection, account_id: int) -> set[str]:
    """All by which a pipeline may name an account."""
    name = sql.execute(sa.select(account.c.normalized).where(account.c.id == account_id)).scalar_one_or_none()
    linked = sql.execute(
        sa.select(linked_identity.c.issuer, linked_identity.c.subject).where(linked_identity.c.account_id == account_id)
    )
    found = {f"{_OIDC}{row.issuer}#{row.subject}" for row in linked}
    return found | {f"{_USER}{name}"} if name is not None else found


def _are_one(sql: Connection, pipeline: Pipeline, one: Human, other: Human) -> bool:
    if one.mailbox and one.mailbox == other.mailbox:
        return True
    mine = {actor.id for actor in actors_of(sql, pipeline, one.account_id)}
    return any(actor.id in mine for actor in actors_of(sql, pipeline, other.account_id))


def _texts(pipeline: Pipeline) -> list[str]:
    return [text for actor in pipeline.actors if not actor.machine for text in actor.identities]


def _spelled(identity: str) -> str:
    """``user:`` names are the same whatever their case; nothing else is."""
    return identity.lower() if identity.startswith(_USER) else identity

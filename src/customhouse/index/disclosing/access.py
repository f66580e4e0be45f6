"""Who comes to a case: a member by his link or his account, or an operator. Everybody else hears that there is none."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.engine import Connection

from customhouse.advisories.disclosure.model import Case, Member
from customhouse.advisories.disclosure.queries import (
    case_by_public_id,
    find_case,
    find_member,
    member_of_account,
)
from customhouse.index.disclosing.belonging import still_belongs
from customhouse.index.disclosing.called import names_of
from customhouse.ledger.tx import Tx
from customhouse.terms.errors import Refused
from customhouse.terms.identity import ANONYMOUS, Actor, Identity


@dataclass(frozen=True, slots=True)
class Knock:
    """Somebody at a case: by his account, or by the link of a member, which is as good as an account."""

    case: str
    """Its public id."""
    by: Actor
    member_id: int | None = None
    """Whose link it was."""


@dataclass(frozen=True, slots=True)
class Access:
    """A case for somebody who may see it."""

    case: Case
    member: Member | None
    """None: an operator who does not belong to it."""
    desk: bool
    """Whether an operator came."""
    name: str
    identity: Identity

    @property
    def handles(self) -> bool:
        """Whether he works on the case."""
        return self.desk or (self.member is not None and self.member.handles)

    @property
    def leads(self) -> bool:
        """Whether he is of the desk: an owner who was put in works on the fix, and the report may be about him."""
        return self.desk or (self.member is not None and self.member.role in ("coordinator", "team"))

    @property
    def knows(self) -> bool:
        """Whether he may see what it is about."""
        return self.desk or (self.member is not None and self.member.knows)


def unknown_case() -> Refused:
    """The same for a case that never was and for one that is not his."""
    return Refused("unknown-case", "There is no such case, or it is not yours.", status=404)


def access(sql: Connection, knock: Knock, *, lock: bool = False) -> Access:
    """The case as somebody may see it; raises the same `Refused` (404) for everybody else."""
    case = case_by_public_id(sql, knock.case, lock=lock)
    if case is None:
        raise unknown_case()
    member = _member(sql, case, knock)
    if member is not None and not still_belongs(sql, case, member):
        member = None
    desk = knock.by.operator and knock.member_id is None and not knock.by.token_id
    if member is None and not desk:
        raise unknown_case()
    name = names_of(sql, [member])[member.id] if member is not None else knock.by.identity.name
    # Whoever comes by a link has no account that the ledger could name, and it shall name no reporter.
    identity = ANONYMOUS if knock.member_id is not None else knock.by.identity
    return Access(case, member, desk, name, identity)


def enter(tx: Tx, knock: Knock) -> Access:
    """The same in a deed, the case locked."""
    return access(tx.sql, knock, lock=True)


def refuse_unless_handles(found: Access) -> None:
    """Raise for whoever belongs to the case and does not work on it."""
    if not found.handles:
        raise Refused("not-yours", "Only those who work on the case do that.", "Write to them in the case.")


def refuse_unless_leads(found: Access) -> None:
    """Raise for whoever is not of the desk: it alone says what a case is about, and who belongs to it."""
    refuse_unless_handles(found)
    if not found.leads:
        raise Refused("not-the-desk", "Only the desk does that in this case.", "Ask it in the case.", status=409)


def look_again(tx: Tx, found: Access) -> Case:
    """The case as this deed has changed it."""
    case = find_case(tx.sql, found.case.id)
    if case is None:
        raise unknown_case()
    return case


def _member(sql: Connection, case: Case, knock: Knock) -> Member | None:
    if knock.member_id is not None:
        member = find_member(sql, knock.member_id)
        return member if member is not None and member.case_id == case.id and member.left_at is None else None
    return member_of_account(sql, case.id, knock.by.account_id) if knock.by.account_id is not None else None

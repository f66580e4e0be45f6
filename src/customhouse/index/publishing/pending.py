"""Publishers of projects that do not exist yet: the first use of one makes its project.

A pending publisher reserves nothing. Whoever uses a name first has it, by whatever way; the pending publishers of that
name, and of names that could be confused with it, end then, and those who registered them are told.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from customhouse.accounts.users import find_user_by_id
from customhouse.catalog.rights import MANAGING
from customhouse.formats.prohibited_names import name_refusal
from customhouse.index.names import refuse_taken
from customhouse.index.organization_subject import lock_organization
from customhouse.index.owes import refuse_unverified
from customhouse.index.publishing.add import end
from customhouse.infra.db import insert_new
from customhouse.ledger.tx import Tx
from customhouse.terms.errors import Refused
from customhouse.terms.identity import SYSTEM, Actor, Identity
from customhouse.terms.names import ProjectName
from customhouse.trust.described import Described
from customhouse.trust.events import PendingPublisherAdded, PendingPublisherEnded
from customhouse.trust.providers.provider import attests_only
from customhouse.trust.publishers import (
    TrustedPublisher,
    find_publisher,
    for_pending,
    key_of,
    pending_like,
    pending_of,
    unknown_publisher,
)
from customhouse.trust.tables import trusted_publisher

LIFE = timedelta(days=30)
MOST_PENDING = 10
"""Of one account."""


@dataclass(frozen=True, slots=True)
class AddPending:
    """Somebody's wish that builds of one place may make a project that is his, or his organization's."""

    name: str
    described: Described
    by: Actor
    organization: str = ""
    stages_only: bool = False


@dataclass(frozen=True, slots=True)
class WithdrawPending:
    """Somebody's wish that a pending publisher of his works no more."""

    publisher_id: int
    by: Actor


def add_pending(command: AddPending, tx: Tx) -> TrustedPublisher:
    """Register it for thirty days. Raises `Refused` for a name that nobody could claim now."""
    wanted = ProjectName.parse(command.name.strip())
    if attests_only(command.described.rules):
        raise Refused(
            "attests-only", "Who publishes nothing begins no project.", "Add the builder when the project is there."
        )
    if command.by.account_id is None:
        raise Refused("no-owner", "A project needs an owner.", "Sign in.")
    refuse_unverified(tx.sql, command.by.account_id)
    if (rejection := name_refusal(wanted)) is not None:
        raise rejection
    refuse_taken(tx.sql, wanted, command.by, tx.now())
    organization_id, organization = None, ""
    if command.organization:
        found, role = lock_organization(tx, command.organization, command.by)
        if role not in MANAGING:
            raise Refused("not-a-manager", f"You do not manage {found.name!r}.", "Ask one of its owners.")
        organization_id, organization = found.id, found.name
    if len(pending_of(tx.sql, command.by.account_id)) >= MOST_PENDING:
        raise Refused("too-many-publishers", f"You have {MOST_PENDING} pending publishers.", "Withdraw one first.")
    described, now = command.described, tx.now()
    made = insert_new(
        tx.sql, trusted_publisher, pending_name=wanted.display, pending_normalized=wanted.normalized,
        pending_ultranormalized=wanted.ultranormalized, pending_by=command.by.account_id,
        organization_id=organization_id, kind=described.kind, issuer=described.issuer, place=described.place,
        settings=dict(described.settings), rules=dict(described.rules), learned={}, title=described.title,
        key=key_of(
            for_pending(command.by.account_id, wanted.normalized), described.kind, described.issuer, described.settings
        ),
        stages_only=command.stages_only, created_at=now, created_by=command.by.account_id, expires_at=now + LIFE,
    )  # fmt: skip
    if made is None:
        raise Refused("publisher-there", f"{described.title} waits for {wanted.display} already.", status=409)
    tx.record(
        PendingPublisherAdded(
            command.by.identity, None, publisher_id=made[0], title=described.title, issuer=described.issuer,
            user_id=str(command.by.account_id), name=wanted.display, organization=organization,
        )
    )  # fmt: skip
    return find_publisher(tx.sql, made[0])


def withdraw_pending(command: WithdrawPending, tx: Tx) -> TrustedPublisher:
    """End it. Somebody else's is answered like one that does not exist."""
    publisher = find_publisher(tx.sql, command.publisher_id, lock=True)
    gone = not publisher.pending or publisher.removed_at is not None
    if gone or (publisher.pending_by != command.by.account_id and not command.by.operator):
        raise unknown_publisher()
    end_pending(tx, publisher, "withdrawn", command.by.identity)
    return publisher


def end_pending(tx: Tx, publisher: TrustedPublisher, why: str, by: Identity = SYSTEM) -> None:
    """Let a pending publisher work no more, and say why: withdrawn, expired or taken."""
    end(tx, publisher.id)
    tx.record(
        PendingPublisherEnded(
            by, None, publisher_id=publisher.id, title=publisher.title, issuer=publisher.issuer,
            user_id=str(publisher.pending_by), name=publisher.pending_name, why=why,
        )
    )  # fmt: skip


def end_all_of_name(tx: Tx, ultranormalized: str) -> int:
    """Somebody has the name now: end what waits for it, or for one that could be confused with it; how many."""
    ended = pending_like(tx.sql, ultranormalized)
    for publisher in ended:
        end_pending(tx, publisher, "taken")
    return len(ended)


def lives(tx: Tx, publisher: TrustedPublisher) -> bool:
    """Whether a pending publisher may still make its project: not expired, and its account may act."""
    if publisher.pending_by is None or publisher.removed_at is not None or publisher.expired(tx.now()):
        return False
    return not find_user_by_id(tx.sql, publisher.pending_by).frozen

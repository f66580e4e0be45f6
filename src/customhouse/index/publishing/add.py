"""Saying whose builds may publish into a project, and taking it back."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from customhouse.catalog.model import Project
from customhouse.index import people
from customhouse.index.slow.model import PendingChange
from customhouse.index.slow.put_off import put_off
from customhouse.index.subject import lock_subject
from customhouse.infra.db import insert_new
from customhouse.ledger.tx import Tx
from customhouse.terms.errors import Refused
from customhouse.terms.identity import COMMAND_LINE, Actor, Identity
from customhouse.trust.described import Described, rules_in_words
from customhouse.trust.events import PublisherAdded, PublisherRemoved
from customhouse.trust.publishers import (
    TrustedPublisher,
    find_publisher,
    for_project,
    key_of,
    may,
    publishers_of,
    unknown_publisher,
)
from customhouse.trust.tables import minted_token, trusted_publisher

MOST_PUBLISHERS = 20


@dataclass(frozen=True, slots=True)
class AddPublisher:
    """A wish that builds of one place may publish into a project."""

    project: str
    described: Described
    stages_only: bool = False
    """Whether what it sends waits for people, whatever the project's own rule says."""
    by: Actor = COMMAND_LINE
    reason: str = ""
    """An operator's, who need not wait with one."""


@dataclass(frozen=True, slots=True)
class RemovePublisher:
    """A wish that they may no longer."""

    project: str
    publisher_id: int
    by: Actor = COMMAND_LINE


def add_publisher(command: AddPublisher, tx: Tx) -> TrustedPublisher | PendingChange:
    """Add it; an owner may, and an operator. On a protected project it waits; then what waits is returned.

    Whoever adds a publisher lets somebody publish who is not asked for a second step, so its door asks for a fresh one.
    """
    found, acting = _owned(tx, command.project, command.by)
    described = command.described
    key = key_of(for_project(found.id), described.kind, described.issuer, described.settings)
    already = tx.sql.execute(
        sa.select(trusted_publisher.c.id).where(
            trusted_publisher.c.key == key, trusted_publisher.c.removed_at.is_(None)
        )
    ).first()
    if already is not None:
        raise Refused("publisher-there", f"{described.title} publishes into {found.display} already.", status=409)
    if len(publishers_of(tx.sql, found.id)) >= MOST_PUBLISHERS:
        raise Refused("too-many-publishers", f"{found.display} has {MOST_PUBLISHERS} publishers.", "Remove one first.")
    waits = put_off(
        tx, "publisher-added", project=found, by=command.by, what=key[-16:],
        arguments={
            "project": found.normalized, "described": described.plain(), "stages_only": command.stages_only,
            "reason": command.reason,
        },
        sentence=f"{described.title} may {may(described.rules)} {found.display}",
    )  # fmt: skip
    if waits is not None:
        return waits
    made = insert_new(
        tx.sql, trusted_publisher, project_id=found.id, kind=described.kind, issuer=described.issuer,
        place=described.place, settings=dict(described.settings), rules=dict(described.rules), learned={},
        title=described.title, key=key, stages_only=command.stages_only, created_at=tx.now(),
        created_by=command.by.account_id,
    )  # fmt: skip
    if made is None:
        raise Refused("publisher-there", f"{described.title} publishes into {found.display} already.", status=409)
    tx.record(
        PublisherAdded(
            acting, found.normalized, publisher_id=made[0], title=described.title,
            issuer=described.issuer, stages_only=command.stages_only, rules=rules_in_words(described.rules),
        )
    )  # fmt: skip
    return find_publisher(tx.sql, made[0])


def remove_publisher(command: RemovePublisher, tx: Tx) -> TrustedPublisher:
    """Remove it at once, with every token that it was given: less is allowed afterwards, so nothing waits."""
    found, acting = _owned(tx, command.project, command.by)
    publisher = find_publisher(tx.sql, command.publisher_id, lock=True)
    if publisher.project_id != found.id or publisher.removed_at is not None:
        raise unknown_publisher()
    _remove(tx, found, publisher, acting)
    return publisher


def remove_all_publishers(tx: Tx, found: Project, by: Identity) -> None:
    """Remove those of a project that goes to another holder: no build of the old one publishes in his name (A35)."""
    for publisher in publishers_of(tx.sql, found.id):
        _remove(tx, found, publisher, by)


def _remove(tx: Tx, found: Project, publisher: TrustedPublisher, by: Identity) -> None:
    end(tx, publisher.id)
    tx.record(
        PublisherRemoved(
            by, found.normalized, publisher_id=publisher.id, title=publisher.title, issuer=publisher.issuer
        )
    )


def end(tx: Tx, publisher_id: int) -> None:
    """Let a publisher work no more, nor any token that was made for it alone.

    A token that stands for publishers of other projects too goes on for those.
    """
    now = tx.now()
    tx.sql.execute(trusted_publisher.update().where(trusted_publisher.c.id == publisher_id).values(removed_at=now))
    living = sa.select(minted_token.c.id, minted_token.c.publishers).where(
        minted_token.c.publisher_id == publisher_id, minted_token.c.revoked_at.is_(None),
        minted_token.c.expires_at > now,
    )  # fmt: skip
    alone = [row.id for row in tx.sql.execute(living) if len(row.publishers) == 1]
    if alone:
        tx.sql.execute(minted_token.update().where(minted_token.c.id.in_(alone)).values(revoked_at=now))


def _owned(tx: Tx, name: str, by: Actor) -> tuple[Project, Identity]:
    """The project, locked, and in whose name the deed is done; raises `Refused` for whoever does not own it."""
    subject = lock_subject(tx, name, "", "", by)
    owns = subject.standing.role == "owner"
    if not owns and not by.operator:
        raise Refused("not-an-owner", f"You are not an owner of {subject.project.display!r}.", "Ask one of its owners.")
    return subject.project, people.acting(by, by_right=owns)

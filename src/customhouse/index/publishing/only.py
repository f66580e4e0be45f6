"""Publishing by trusted publishers alone: the switch, the rule that it makes, and the word about tokens beside one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.catalog.model import Project
from customhouse.catalog.staged_tables import release_rule
from customhouse.index import people
from customhouse.index.publisher import Publisher
from customhouse.index.slow.model import PendingChange
from customhouse.index.slow.put_off import put_off
from customhouse.index.subject import lock_subject
from customhouse.infra.db import insert_new
from customhouse.ledger.tx import Tx
from customhouse.terms.errors import Refused
from customhouse.terms.identity import COMMAND_LINE, Actor
from customhouse.trust.events import PublishersOnlySwitched, TokenBesidePublisher
from customhouse.trust.publishers import TrustedPublisher, publishers_of, senders_of
from customhouse.trust.tables import trusted_publisher

WARNED_EVERY = timedelta(days=7)
_ONLY = sa.select(release_rule.c.publishers_only).where(release_rule.c.project_id == sa.bindparam("project"))


@dataclass(frozen=True, slots=True)
class SetPublishersOnly:
    """A wish that no API token publishes into a project any more, or that they may again."""

    project: str
    on: bool
    by: Actor = COMMAND_LINE
    reason: str = ""


def set_publishers_only(command: SetPublishersOnly, tx: Tx) -> PendingChange | None:
    """Switch it; an owner may, and an operator. On a protected project tokens come back only after the delay."""
    subject = lock_subject(tx, command.project, "", "", command.by)
    found, owns = subject.project, subject.standing.role == "owner"
    if not owns and not command.by.operator:
        raise Refused("not-an-owner", f"You are not an owner of {found.display!r}.", "Ask one of its owners.")
    if publishers_only(tx.sql, found.id) == command.on:
        raise Refused("same-rule", f"That is so already for {found.display!r}.", status=409)
    if command.on and not senders_of(tx.sql, found.id):
        raise Refused("no-publisher", f"{found.display!r} has no trusted publisher.", "Add one first.", status=409)
    if not command.on:
        waits = put_off(
            tx, "tokens-allowed", project=found, by=command.by,
            arguments={"project": found.normalized, "reason": command.reason},
            sentence=f"API tokens may publish into {found.display} again",
        )  # fmt: skip
        if waits is not None:
            return waits
    insert_new(tx.sql, release_rule, project_id=found.id, changed_at=tx.now())
    tx.sql.execute(
        release_rule.update()
        .where(release_rule.c.project_id == found.id)
        .values(publishers_only=command.on, changed_at=tx.now())
    )
    tx.record(PublishersOnlySwitched(people.acting(command.by, by_right=owns), found.normalized, on=command.on))
    return None


def publishers_only(sql: Connection, project_id: int) -> bool:
    """Whether API tokens are refused there."""
    return bool(sql.execute(_ONLY, {"project": project_id}).scalar())


def no_token_beside(sql: Connection, publisher: Publisher) -> Refused | None:
    """A project that publishes by trusted publishers alone takes nothing that comes with an API token."""
    by, found = publisher.by, publisher.project
    if not by.token_id or by.publisher_id is not None or not publishers_only(sql, found.id):
        return None
    return Refused(
        "publishers-only",
        f"{found.display!r} is published by its trusted publishers alone, and takes no API token.",
        f"Publish from where it is built, or let an owner change that: {publisher.site}/manage/project/"
        f"{found.normalized}/publishing/",
    )


def note_token_beside(tx: Tx, found: Project, by: Actor) -> str:
    """An API token has published beside a publisher that is in use: the owners hear of it once a week at most.

    Returns the publisher's title; empty if there is none.
    """
    used, now = _used_beside(tx.sql, found, by), tx.now()
    if used is None:
        return ""
    if used.warned_at is not None and now - used.warned_at < WARNED_EVERY:
        return used.title
    tx.sql.execute(trusted_publisher.update().where(trusted_publisher.c.id == used.id).values(warned_at=now))
    tx.record(
        TokenBesidePublisher(
            by.identity, found.normalized, token_id=by.token_id, user_id=str(by.account_id), name=by.identity.name,
            title=used.title,
        )
    )  # fmt: skip
    return used.title


def token_beside(sql: Connection, found: Project, by: Actor) -> str:
    """The title of the publisher that is in use beside a token; empty if there is none."""
    used = _used_beside(sql, found, by)
    return used.title if used is not None else ""


def word_about_token(found: Project, title: str) -> str:
    """What whoever has published by an API token beside a publisher is told; empty for everybody else."""
    if not title:
        return ""
    return (
        f"{found.display} has the trusted publisher {title}, and this came with an API token. If the token is no"
        " longer needed, revoke it, or let the project take trusted publishers only."
    )


def _used_beside(sql: Connection, found: Project, by: Actor) -> TrustedPublisher | None:
    """The publisher beside which a token was used, the one that was warned of last; None if there is none in use."""
    if not by.token_id or by.publisher_id is not None:
        return None
    used = [one for one in publishers_of(sql, found.id) if one.used_at is not None]
    warned = [one for one in used if one.warned_at is not None]
    return max(warned, key=lambda one: one.warned_at or one.created_at) if warned else used[0] if used else None

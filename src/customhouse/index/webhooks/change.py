"""Changing and removing webhooks."""

from __future__ import annotations

from dataclasses import dataclass

from customhouse.hooks import queries
from customhouse.hooks.events import WebhookChanged, WebhookRemoved
from customhouse.hooks.model import Patterns
from customhouse.hooks.tables import webhook
from customhouse.index.webhooks.holder import Holder, say_of, traits
from customhouse.index.webhooks.outcome import give_up_waiting
from customhouse.infra.targets import Target
from customhouse.ledger.tx import Tx
from customhouse.terms.identity import Actor


@dataclass(frozen=True, slots=True)
class ChangeWebhook:
    """Somebody's wish that a webhook has this address, these events, and is on or off."""

    holder: Holder
    hook_id: str
    target: Target
    patterns: Patterns
    active: bool
    by: Actor


@dataclass(frozen=True, slots=True)
class RemoveWebhook:
    """Somebody's wish that nothing is sent there any more."""

    holder: Holder
    hook_id: str
    by: Actor


def change_webhook(command: ChangeWebhook, tx: Tx) -> None:
    """Change a webhook. Whatever it had failed before is forgotten; switched off, it drops what still waits."""
    say = say_of(tx.sql, command.holder, command.by)
    scope = say.scope
    hook = queries.hook_of(tx.sql, scope, command.hook_id, lock=True)
    if command.active and not hook.active:
        tx.sql.execute(webhook.update().where(webhook.c.id == hook.id).values(after_serial=tx.serialize()))
    tx.sql.execute(
        webhook.update()
        .where(webhook.c.id == hook.id)
        .values(
            url=str(command.target),
            events=str(command.patterns),
            active=command.active,
            why_off="" if command.active else f"{say.identity.name} has switched it off.",
            failures=0,
            first_failed_at=None,
            failing_at=None,
            paused_until=None,
        )
    )
    if not command.active:
        give_up_waiting(tx.sql, hook.id, "The webhook was switched off.")
    tx.later("webhook", {"hook": hook.id})
    changed = traits(scope, queries.hook_of(tx.sql, scope, hook.id))
    patterns = str(command.patterns)
    tx.record(WebhookChanged(say.identity, scope.project, **changed, patterns=patterns, active=command.active))


def remove_webhook(command: RemoveWebhook, tx: Tx) -> None:
    """Remove a webhook. Its row stays for the log, without the address, which may hold a secret."""
    say = say_of(tx.sql, command.holder, command.by)
    scope = say.scope
    hook = queries.hook_of(tx.sql, scope, command.hook_id, lock=True)
    tx.sql.execute(webhook.update().where(webhook.c.id == hook.id).values(removed_at=tx.now(), active=False, url=""))
    give_up_waiting(tx.sql, hook.id, "The webhook was removed.")
    tx.record(WebhookRemoved(say.identity, scope.project, **traits(scope, hook)))

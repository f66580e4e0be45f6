"""Trying a webhook, and sending an earlier event once more."""

from __future__ import annotations

from dataclasses import dataclass

from customhouse.hooks import queries
from customhouse.hooks.events import WebhookProbed, WebhookSentAgain
from customhouse.hooks.model import Hook
from customhouse.hooks.tables import webhook, webhook_delivery
from customhouse.index.webhooks.holder import Holder, say_of, traits
from customhouse.ledger.tx import Tx
from customhouse.terms.errors import Refused
from customhouse.terms.identity import Actor


@dataclass(frozen=True, slots=True)
class ProbeWebhook:
    """Somebody's wish to see whether a webhook works."""

    holder: Holder
    hook_id: str
    by: Actor


@dataclass(frozen=True, slots=True)
class SendAgain:
    """Somebody's wish that one delivery of the log be sent once more."""

    holder: Holder
    hook_id: str
    serial: int
    by: Actor


def probe_webhook(command: ProbeWebhook, tx: Tx) -> None:
    """Make an event for one hook. It goes the way of every other one, so that what works here works."""
    say = say_of(tx.sql, command.holder, command.by)
    scope = say.scope
    hook = _switched_on(queries.hook_of(tx.sql, scope, command.hook_id))
    tx.record(WebhookProbed(say.identity, scope.project, **traits(scope, hook)))


def send_again(command: SendAgain, tx: Tx) -> None:
    """Queue a delivery anew, at once and with a day of attempts. Its identifier stays: it is the same event."""
    say = say_of(tx.sql, command.holder, command.by)
    scope = say.scope
    hook = _switched_on(queries.hook_of(tx.sql, scope, command.hook_id, lock=True))
    queued = tx.sql.execute(
        webhook_delivery.update()
        .where(webhook_delivery.c.hook_id == hook.id, webhook_delivery.c.serial == command.serial)
        .values(state="waiting", attempts=0, queued_at=tx.now(), next_at=tx.now())
    ).rowcount
    if not queued:
        raise Refused("unknown-delivery", "The log holds no such delivery.", status=404)
    tx.sql.execute(webhook.update().where(webhook.c.id == hook.id).values(paused_until=None))
    tx.later("webhook", {"hook": hook.id})
    tx.record(WebhookSentAgain(say.identity, scope.project, **traits(scope, hook), serial=command.serial))


def _switched_on(hook: Hook) -> Hook:
    if not hook.active:
        raise Refused("webhook-off", "This webhook is switched off.", "Switch it on first.", status=409)
    return hook

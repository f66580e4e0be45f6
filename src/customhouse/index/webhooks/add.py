"""Adding a webhook, and giving it another key."""

from __future__ import annotations

from dataclasses import dataclass

from customhouse.hooks import queries
from customhouse.hooks.events import WebhookAdded, WebhookKeyRotated
from customhouse.hooks.model import HOOKS_PER_SCOPE, Patterns
from customhouse.hooks.sign import hook_key, written
from customhouse.hooks.tables import webhook
from customhouse.index.webhooks.holder import Holder, say_of, traits
from customhouse.infra.targets import Target
from customhouse.ledger.tx import Tx
from customhouse.terms.encode import new_id
from customhouse.terms.errors import Refused
from customhouse.terms.identity import Actor


@dataclass(frozen=True, slots=True)
class AddWebhook:
    """Somebody's wish that events be sent to an address."""

    holder: Holder
    target: Target
    patterns: Patterns
    by: Actor


@dataclass(frozen=True, slots=True)
class RotateKey:
    """Somebody's wish that a hook be signed with another key."""

    holder: Holder
    hook_id: str
    by: Actor


@dataclass(frozen=True, slots=True)
class NewKey:
    """A hook's key at the only moment when it is shown."""

    hook_id: str
    text: str

    def __repr__(self) -> str:
        return f"NewKey({self.hook_id}, …)"


def add_webhook(server_key: bytes, command: AddWebhook, tx: Tx) -> NewKey:
    """Make a webhook; it hears of what happens from now on. Each holder may have ten."""
    say = say_of(tx.sql, command.holder, command.by)
    scope = say.scope
    after_serial = tx.serialize()
    if len(queries.hooks_of(tx.sql, scope)) >= HOOKS_PER_SCOPE:
        raise Refused(
            "too-many-webhooks", f"There are {HOOKS_PER_SCOPE} webhooks already.", "Remove one first.", status=409
        )
    hook_id = new_id()
    tx.sql.execute(
        webhook.insert().values(
            id=hook_id,
            scope=scope.kind,
            project_id=scope.id if scope.kind == "project" else None,
            organization_id=scope.id if scope.kind == "organization" else None,
            url=str(command.target),
            events=str(command.patterns),
            active=True,
            epoch=1,
            created_at=tx.now(),
            after_serial=after_serial,
            failures=0,
        )
    )
    hook = queries.hook_of(tx.sql, scope, hook_id)
    tx.record(WebhookAdded(say.identity, scope.project, **traits(scope, hook), patterns=str(command.patterns)))
    return NewKey(hook_id, written(hook_key(server_key, hook_id, 1)))


def rotate_webhook_key(server_key: bytes, command: RotateKey, tx: Tx) -> NewKey:
    """Give a webhook another key. For a day deliveries are signed with both, so that nothing is missed meanwhile."""
    say = say_of(tx.sql, command.holder, command.by)
    scope = say.scope
    hook = queries.hook_of(tx.sql, scope, command.hook_id, lock=True)
    epoch = hook.epoch + 1
    tx.sql.execute(webhook.update().where(webhook.c.id == hook.id).values(epoch=epoch, rotated_at=tx.now()))
    tx.record(WebhookKeyRotated(say.identity, scope.project, **traits(scope, hook), epoch=epoch))
    return NewKey(hook.id, written(hook_key(server_key, hook.id, epoch)))

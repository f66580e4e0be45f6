"""Sending what is queued for a hook: in the order of the ledger, one attempt at a time, each with its outcome written.

A worker that dies between sending and writing sends again, under the same identifier: a receiver hears of an event at
least once and can tell. One hook is served by one worker at a time, by a lease.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus

import sqlalchemy as sa

from customhouse.hooks import queries
from customhouse.hooks.model import Delivery, Hook, heeded
from customhouse.hooks.sign import keys_of, message_id, signed_headers
from customhouse.hooks.tables import webhook, webhook_delivery
from customhouse.index.webhooks.outcome import Outcome, note_outcome, withhold
from customhouse.index.webhooks.queue import heard_by, place_of
from customhouse.infra import jobs
from customhouse.infra.fetch import Answer, Order, Outbound
from customhouse.infra.targets import Target
from customhouse.ledger.chain import Entry, canonical
from customhouse.ledger.tables import ledger_event
from customhouse.ledger.tx import Deeds, Tx
from customhouse.terms.errors import Refused, Rejected, Unavailable

ATTEMPT_SECONDS = 15.0
ANSWER_BYTES = 500
RUN_SECONDS = 30.0
RUN_DELIVERIES = 50
LEASE = timedelta(minutes=2)
KEEP = timedelta(days=30)
"""How long the log remembers."""
_ENTRY = sa.select(ledger_event).where(ledger_event.c.serial == sa.bindparam("serial"))
_PROBLEMS = {
    HTTPStatus.GONE: "it wants no more events",
    HTTPStatus.TOO_MANY_REQUESTS: "it wants to be asked less often",
}


@dataclass(frozen=True, slots=True)
class _Parcel:
    """One delivery, ready to be judged and sent."""

    hook: Hook
    delivery: Delivery
    entry: Entry
    wanted: bool


class Courier:
    """Serves hooks, one run each."""

    def __init__(
        self, deeds: Deeds, outbound: Outbound, server_key: bytes, *, attempt_seconds: float = ATTEMPT_SECONDS
    ) -> None:
        self._attempt_seconds = attempt_seconds
        self._deeds = deeds
        self._outbound = outbound
        self._server_key = server_key

    def run(self, hook_id: str) -> None:
        """Send what may be sent now, until something fails or the time is up, and say when to come again.

        Running it again finds what was sent marked as such. A run that is not needed does nothing.
        """
        if not self._deeds.do(_begin, hook_id):
            return
        deadline = time.monotonic() + RUN_SECONDS
        for _turn in range(RUN_DELIVERIES):
            if time.monotonic() > deadline or not self._next(hook_id):
                break
        self._deeds.do(_end, hook_id)

    def _next(self, hook_id: str) -> bool:
        """Deal with the earliest event that is due; False if there is none or if it failed."""
        parcel = self._parcel(hook_id)
        if parcel is None:
            return False
        if not parcel.wanted:
            why = "The webhook may not have this event any more."
            self._deeds.do(withhold, Outcome(hook_id, parcel.delivery.id, problem=why))
            return True
        outcome = self._attempt(parcel)
        self._deeds.do(note_outcome, outcome)
        return not outcome.problem

    def _parcel(self, hook_id: str) -> _Parcel | None:
        with self._deeds.database.read() as sql:
            hook = queries.find_hook(sql, hook_id)
            delivery = queries.due_delivery(sql, hook_id, self._deeds.clock.now())
            if hook is None or delivery is None or not hook.active:
                return None
            row = sql.execute(_ENTRY, {"serial": delivery.serial}).one()
            entry = Entry(**row._mapping)  # noqa: SLF001 - a public name of SQLAlchemy, despite its spelling
            return _Parcel(hook, delivery, entry, heard_by(hook, entry, place_of(sql, entry)))

    def _attempt(self, parcel: _Parcel) -> Outcome:
        hook, delivery = parcel.hook, parcel.delivery
        at, body = self._deeds.clock.now(), payload(parcel.entry)
        headers = {
            "Content-Type": "application/json",
            **signed_headers(message_id(hook.id, delivery.serial), at, body, keys_of(self._server_key, hook, at)),
        }
        try:
            answer = self._outbound.fetch(
                Order(Target.parse(hook.url), "POST", headers, body),
                seconds=self._attempt_seconds, limit_bytes=ANSWER_BYTES, beginning_only=True,
            )  # fmt: skip
        except (Refused, Rejected) as error:
            return Outcome(hook.id, delivery.id, problem=str(error))
        except Unavailable as error:
            return Outcome(hook.id, delivery.id, problem=f"{error.who}: {error.why}")
        return Outcome(
            hook.id, delivery.id, answer.status, _shown(answer.body), _problem(answer),
            heeded(answer.headers.get("retry-after", "")),
        )  # fmt: skip


def payload(entry: Entry) -> bytes:
    """An event as it is sent: the envelope that the specification recommends around the entry of the ledger."""
    at = entry.at.isoformat(timespec="microseconds")
    return canonical(
        {
            "type": entry.kind,
            "timestamp": at,
            "data": {
                "serial": entry.serial,
                "at": at,
                "kind": entry.kind,
                "project": entry.project,
                "actor": {"kind": entry.actor_kind, "id": entry.actor_id, "name": entry.actor_name},
                "body": json.loads(entry.body),
                "hash": entry.hash,
            },
        }
    ).encode()


def tidy(deeds: Deeds) -> int:
    """Forget deliveries of long ago, and wake hooks for which something waits; returns how many were forgotten.

    Running it again forgets nothing more, and a hook that is awake sleeps on.
    """
    now = deeds.clock.now()
    with deeds.database.write() as sql:
        forgotten = sql.execute(
            webhook_delivery.delete().where(
                webhook_delivery.c.queued_at < now - KEEP, webhook_delivery.c.state != "waiting"
            )
        ).rowcount
        for hook_id in queries.waiting_hooks(sql, now):
            jobs.add(sql, "webhook", {"hook": hook_id}, due_at=now, key=f"webhook:{hook_id}:tidy")
    return forgotten


def _begin(hook_id: str, tx: Tx) -> bool:
    """Take the hook for the time of a lease. If it is taken or paused, come again when it is not."""
    hook = queries.find_hook(tx.sql, hook_id, lock=True)
    if hook is None or not hook.active:
        return False
    taken = tx.sql.execute(sa.select(webhook.c.sending_until).where(webhook.c.id == hook_id)).scalar()
    busy_until = max((until for until in (taken, hook.paused_until) if until is not None), default=None)
    if busy_until is not None and busy_until > tx.now():
        _come_again(tx, hook_id, busy_until)
        return False
    tx.sql.execute(webhook.update().where(webhook.c.id == hook_id).values(sending_until=tx.now() + LEASE))
    return True


def _end(hook_id: str, tx: Tx) -> None:
    """Let go of the hook, and come again when something is due."""
    tx.sql.execute(webhook.update().where(webhook.c.id == hook_id).values(sending_until=None))
    hook = queries.find_hook(tx.sql, hook_id, lock=True)
    due = queries.next_due_at(tx.sql, hook_id)
    if hook is not None and hook.active and due is not None:
        _come_again(tx, hook_id, max(due, hook.paused_until or due, tx.now()))


def _come_again(tx: Tx, hook_id: str, at: datetime) -> None:
    tx.later("webhook", {"hook": hook_id}, due_at=at, key=f"webhook:{hook_id}:at:{int(at.timestamp() * 1_000_000)}")


def _problem(answer: Answer) -> str:
    """Why an answer is no success; a redirect is none, because whoever moves a receiver should say so here."""
    if answer.fine:
        return ""
    if HTTPStatus.MULTIPLE_CHOICES <= answer.status < HTTPStatus.BAD_REQUEST:
        why = "redirects are not followed; change the address of the webhook"
    else:
        why = next((text for status, text in _PROBLEMS.items() if status == answer.status), "any 2xx was expected")
    return f"It answered {answer.status}: {why}."


def _shown(body: bytes) -> str:
    """The beginning of an answer as the log keeps it: text, without the characters that none of ours holds."""
    text = body.decode("utf-8", "replace")
    return "".join(character if character.isprintable() or character in "\n\t" else " " for character in text)

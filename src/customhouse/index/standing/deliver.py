"""Sending findings to a webhook, signed as all deliveries are. What cannot be delivered for a day goes by letter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from customhouse.hooks.model import heeded
from customhouse.hooks.sign import signed_headers
from customhouse.index.standing import queries
from customhouse.index.standing.look import WEBHOOK_JOB, letter_to
from customhouse.index.standing.register import key_of
from customhouse.infra.fetch import Order, Outbound
from customhouse.infra.targets import Target
from customhouse.ledger.chain import canonical
from customhouse.ledger.tx import Deeds, Tx
from customhouse.terms.errors import Refused, Rejected, Unavailable

ATTEMPT_SECONDS = 15.0
ANSWER_BYTES = 500
PAUSES = tuple(timedelta(seconds=seconds) for seconds in (30, 300, 1_800, 7_200, 21_600, 43_200))
"""How long to wait after each attempt that failed: together less than a day."""


@dataclass(frozen=True, slots=True)
class Failed:
    """An attempt that came to nothing."""

    standing_id: str
    values: Mapping[str, Any]
    attempt: int
    why: str
    wish: timedelta


def deliver(deeds: Deeds, outbound: Outbound, server_key: bytes, arguments: Mapping[str, Any]) -> None:
    """Send one message. Running it again sends the same one under the same identifier."""
    standing_id, values, attempt = str(arguments["standing"]), arguments["values"], int(arguments["attempt"])
    with deeds.database.read() as sql:
        found = queries.find_standing(sql, standing_id)
    if found is None or not found.target:
        return
    at, body = (
        deeds.clock.now(),
        canonical({"type": "standing-audit", "timestamp": values["at"], "data": values}).encode(),
    )
    identifier = f"msg_{standing_id}_{values['at']}".replace(".", "_").replace(":", "").replace("+", "_")
    headers = {
        "Content-Type": "application/json",
        **signed_headers(identifier, at, body, [key_of(server_key, standing_id)]),
    }
    why, wish = "", timedelta()
    try:
        answer = outbound.fetch(
            Order(Target.parse(found.target), "POST", headers, body),
            seconds=ATTEMPT_SECONDS, limit_bytes=ANSWER_BYTES, beginning_only=True,
        )  # fmt: skip
    except (Refused, Rejected) as error:
        why = str(error)
    except Unavailable as error:
        why = f"{error.who}: {error.why}"
    else:
        if not answer.fine:
            why = f"It answered {answer.status}."
            wish = heeded(answer.headers.get("retry-after", ""))
    if why:
        deeds.do(try_again, Failed(standing_id, values, attempt, why, wish))


def try_again(command: Failed, tx: Tx) -> None:
    """Have it sent again later; after the last attempt by letter, so that nobody is left untold."""
    found = queries.find_standing(tx.sql, command.standing_id)
    if found is None:
        return
    if command.attempt > len(PAUSES):
        values = {**command.values, "undelivered": Target.parse(found.target).origin, "why": command.why[:300]}
        tx.later("mail", letter_to(found.account_id, values))
        return
    arguments = {"standing": found.id, "values": dict(command.values), "attempt": command.attempt + 1}
    tx.later(WEBHOOK_JOB, arguments, due_at=tx.now() + max(PAUSES[command.attempt - 1], command.wish))

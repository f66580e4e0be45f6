"""Tokens that somebody has found in public: revoked at once, and their owners told where they were found."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import sqlalchemy as sa

from customhouse.accounts.events import TokenLeaked
from customhouse.accounts.server_key import ServerKey
from customhouse.accounts.tables import api_token
from customhouse.accounts.tokens import read_token
from customhouse.formats.api_token import redact
from customhouse.formats.leak_report import Find, read_keys, signed_by
from customhouse.infra.fetch import Order, Outbound
from customhouse.infra.targets import Target
from customhouse.ledger.tx import Deeds, Tx
from customhouse.terms.clock import Clock
from customhouse.terms.errors import CustomhouseError, Refused, Unavailable
from customhouse.terms.identity import SYSTEM

REFRESH_AT_MOST = timedelta(minutes=1)
"""So often the keys of a reporter are fetched, however many requests name a key that we do not know."""
KEYS_LAST = timedelta(hours=1)
"""Then they are fetched anew: a key that is withdrawn is good for no longer. While that fails, the old ones count …"""
KEYS_LAST_AT_MOST = timedelta(days=1)
"""… up to here."""
KEYS_BYTES = 2**18
BATCH = 50
_UNSIGNED = "This is not signed by anybody whose reports of leaked tokens are taken here."


@dataclass
class _Keys:
    """What one reporter's address has said, and when."""

    target: Target
    by_id: Mapping[str, str] = field(default_factory=dict)
    fetched_at: datetime | None = None
    tried_at: datetime | None = None


class LeakReporters:
    """Those whose reports are believed, and their public keys as far as this process knows them."""

    def __init__(self, addresses: Mapping[str, str], outbound: Outbound, clock: Clock) -> None:
        """``addresses`` holds the address of the keys by the reporter's name."""
        self._outbound = outbound
        self._clock = clock
        self._lock = threading.Lock()
        self._keys = {name: _Keys(Target.parse(url, where="leak_reporters")) for name, url in addresses.items()}

    def reporter(self, key_id: str, signature: str, body: bytes) -> str:
        """The name of the reporter who has signed the body.

        Raises `Refused` (403) if none has, `Unavailable` if the keys that could tell cannot be had.
        """
        if not key_id or not signature:
            raise Refused("unsigned", _UNSIGNED)
        away: Unavailable | None = None
        for name, keys in self._keys.items():
            try:
                pem = self._pem(keys, key_id)
            except Unavailable as error:
                away = error
                continue
            if pem is not None and signed_by(pem, signature, body):
                return name
        raise away or Refused("unsigned", _UNSIGNED)

    def _pem(self, keys: _Keys, key_id: str) -> str | None:
        with self._lock:
            now = self._clock.now()
            old = keys.fetched_at is None or now - keys.fetched_at >= KEYS_LAST
            due = keys.tried_at is None or now - keys.tried_at >= REFRESH_AT_MOST
            if due and (old or key_id not in keys.by_id):
                self._refresh(keys, now)
            if keys.fetched_at is None or now - keys.fetched_at >= KEYS_LAST_AT_MOST:
                raise Unavailable("The reporter's list of keys", "it could not be fetched", retry_after_seconds=60)
            return keys.by_id.get(key_id)

    def _refresh(self, keys: _Keys, now: datetime) -> None:
        """Fetch the keys; what goes wrong leaves those that are known."""
        keys.tried_at = now
        try:
            answer = self._outbound.fetch(
                Order(keys.target, headers={"Accept": "application/json"}), follow=1, seconds=10, limit_bytes=KEYS_BYTES
            )
            if answer.fine:
                keys.by_id, keys.fetched_at = read_keys(answer.body), now
        except CustomhouseError:
            return


@dataclass(frozen=True, slots=True)
class RevokeLeaked:
    """Tokens that a reporter has found, by identifier, each with where it was first found."""

    reporter: str
    finds: Mapping[str, Find]


def revoke_leaked(command: RevokeLeaked, tx: Tx) -> frozenset[str]:
    """Revoke them; those that are revoked already are left alone. Returns the identifiers that we know."""
    for token_id, find in command.finds.items():
        row = tx.sql.execute(
            api_token.update()
            .where(api_token.c.id == token_id, api_token.c.revoked_at.is_(None))
            .values(revoked_at=tx.now())
            .returning(api_token.c.account_id, api_token.c.project)
        ).one_or_none()
        if row is not None:
            event = TokenLeaked(
                SYSTEM, row.project, token_id=token_id, user_id=str(row.account_id), reporter=command.reporter,
                url=redact(find.url), source=redact(find.source),
            )  # fmt: skip
            tx.record(event)
    known = tx.sql.execute(sa.select(api_token.c.id).where(api_token.c.id.in_(command.finds)))
    return frozenset(known.scalars())


def take_report(deeds: Deeds, key: ServerKey, reporter: str, finds: Sequence[Find]) -> list[dict[str, str]]:
    """Revoke what was found and is ours; the answer for the reporter, in the order of the report.

    A token counts whatever caveats its holder has added: with it everybody has what it was made from, as far as that
    goes. What is not signed by us is a false positive, and so is a token of an account that never was here.
    """
    ids = [_our_id(key, find) for find in finds]
    first: dict[str, Find] = {}
    for token_id, find in zip(ids, finds, strict=True):
        if token_id is not None:
            first.setdefault(token_id, find)
    known: set[str] = set()
    wanted = list(first.items())
    for start in range(0, len(wanted), BATCH):
        known |= deeds.do(revoke_leaked, RevokeLeaked(reporter, dict(wanted[start : start + BATCH])))
    return [find.verdict(ours=token_id in known) for token_id, find in zip(ids, finds, strict=True)]


def _our_id(key: ServerKey, find: Find) -> str | None:
    try:
        return read_token(key, find.token).id
    except Refused:
        return None

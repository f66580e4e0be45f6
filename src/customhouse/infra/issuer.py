"""OpenID Connect issuers as this process knows them: what each says of itself, and the keys that it signs with.

Both are fetched by `Outbound` (no redirects, limits on size and time) and kept by the clock that is handed in. What is
fresh is not asked for again; if asking fails, keys are used until they are an hour old, and then nothing is believed
any more (A24). A key that is not known makes us ask again, at most once a minute for each issuer, so that a flood of
made-up key ids reaches nobody. One thread at a time asks an issuer, and nobody waits long for it.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from customhouse.infra.fetch import Order, Outbound
from customhouse.infra.targets import Target
from customhouse.terms.clock import Clock
from customhouse.terms.errors import CustomhouseError, Unavailable

Key = Mapping[str, Any]
"""A public key as a JWK (RFC 7517)."""

FRESH = timedelta(minutes=10)
"""What is so young is not asked for again."""
KEPT = timedelta(hours=1)
"""What could not be fetched again is believed for so long."""
ASKED_FOR_NEW_KEYS = timedelta(minutes=1)
ASKED_AGAIN = timedelta(seconds=30)
"""An issuer that is away is left alone for so long."""
SECONDS = 8.0
PATIENCE_SECONDS = 1.0
"""Whoever needs what another thread is asking for waits so long: one slow issuer must not hold every thread."""
LIMIT_BYTES = 2**18
MOST_KEYS = 100


@dataclass(frozen=True, slots=True)
class Source:
    """Whom to ask."""

    issuer: str
    """Its address, exactly as its tokens spell it."""
    title: str
    key_hosts: frozenset[str] | None = None
    """The hosts that its keys may come from besides its own; None: whatever it names, as secure as itself."""


@dataclass(frozen=True, slots=True)
class Kept:
    """Something that was fetched, and when."""

    what: Any
    at: datetime

    def younger_than(self, age: timedelta, now: datetime) -> bool:
        """Whether it is; a clock that was turned back makes everything old."""
        return timedelta() <= now - self.at <= age


@dataclass
class _Known:
    """What this process has learned of one issuer."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    document: Kept | None = None
    keys: Kept | None = None
    asked_for_new: datetime | None = None
    failed: Kept | None = None
    """Why it could not be asked, until it is asked again."""
    slow: bool = False
    """Whether somebody has lost patience with the thread that asks now."""


@dataclass(frozen=True)
class Issuers:
    """The issuers that this process has asked so far. One thread at a time asks each of them."""

    outbound: Outbound
    clock: Clock
    patience_seconds: float = PATIENCE_SECONDS
    """How long a thread waits for the answer that another is waiting for."""
    _known: dict[str, _Known] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def document(self, source: Source) -> Mapping[str, Any]:
        """What the issuer says of itself (OpenID Connect Discovery 1.0). Raises `Unavailable`."""
        known = self._of(source)
        with self._turn(source, known):
            return self._document(source, known)

    def keys(self, source: Source, *, lacking: str | None = None) -> Sequence[Key]:
        """The keys that it signs with. ``lacking`` is the id of one that is wanted: if it is not known, ask for it.

        Raises `Unavailable` if there are none that are young enough, and none can be had.
        """
        known = self._of(source)
        kept = self._fresh_keys(known, lacking)
        if kept is None or _lacks(kept, lacking):
            with self._turn(source, known):
                # Whoever had the turn before may have fetched what was lacking.
                kept = self._fresh_keys(known, lacking) or self._fetched_keys(source, known, known.keys)
        found: Sequence[Key] = kept.what
        return found

    def _fresh_keys(self, known: _Known, lacking: str | None) -> Kept | None:
        """The keys, if there is no need to ask or no right to."""
        now, kept = self.clock.now(), known.keys
        if kept is None or not kept.younger_than(FRESH, now):
            return None
        return None if _lacks(kept, lacking) and _may_ask(known, now) else kept

    @contextmanager
    def _turn(self, source: Source, known: _Known) -> Iterator[None]:
        """Be the one thread that asks; raises `Unavailable` if another has been at it for too long."""
        if not known.lock.acquire(timeout=0 if known.slow else self.patience_seconds):
            known.slow = True
            raise Unavailable(source.title, "it is slow to answer", retry_after_seconds=int(SECONDS))
        try:
            yield
        finally:
            known.slow = False
            known.lock.release()

    def _fetched_keys(self, source: Source, known: _Known, last_good: Kept | None) -> Kept:
        """The newest keys; those of before if the issuer is away and they are not too old."""
        now = self.clock.now()
        known.asked_for_new = now
        try:
            self._refuse_while_away(known, now)
            address = _keys_address(source, self._document(source, known))
            found = _usable(source, self._get(source, address))
        except Unavailable as error:
            self._note_failure(known, error, now)
            if last_good is not None and last_good.younger_than(KEPT, now):
                return last_good
            raise
        known.keys = Kept(found, now)
        return known.keys

    def _document(self, source: Source, known: _Known) -> Mapping[str, Any]:
        now = self.clock.now()
        if known.document is None or not known.document.younger_than(KEPT, now):
            self._refuse_while_away(known, now)
            try:
                read = self._get(source, f"{source.issuer.rstrip('/')}/.well-known/openid-configuration")
                _check_name(source, read)
            except Unavailable as error:
                self._note_failure(known, error, now)
                raise
            known.document = Kept(read, now)
        found: Mapping[str, Any] = known.document.what
        return found

    @staticmethod
    def _refuse_while_away(known: _Known, now: datetime) -> None:
        if known.failed is not None and known.failed.younger_than(ASKED_AGAIN, now):
            raise known.failed.what

    @staticmethod
    def _note_failure(known: _Known, error: Unavailable, now: datetime) -> None:
        """Remember why; a failure that is remembered already keeps its own moment."""
        if known.failed is None or known.failed.what is not error:
            known.failed = Kept(error, now)

    def _get(self, source: Source, address: str) -> Mapping[str, Any]:
        try:
            order = Order(Target.parse(address), headers={"Accept": "application/json"})
            answer = self.outbound.fetch(order, seconds=SECONDS, limit_bytes=LIMIT_BYTES)
        except Unavailable:
            raise
        except CustomhouseError as error:
            # An address that we do not connect to is the operator's to mend, and no fault of whoever sent the token.
            raise Unavailable(source.title, str(error), retry_after_seconds=60) from error
        if not answer.fine:
            raise Unavailable(source.title, f"it answers {answer.status}")
        try:
            read = json.loads(answer.body)
        except (ValueError, RecursionError) as error:
            raise Unavailable(source.title, "its answer is no JSON") from error
        if not isinstance(read, dict):
            raise Unavailable(source.title, "its answer is no JSON object")
        return read

    def _of(self, source: Source) -> _Known:
        with self._lock:
            return self._known.setdefault(source.issuer, _Known())


def _check_name(source: Source, document: Mapping[str, Any]) -> None:
    if document.get("issuer") != source.issuer:
        raise Unavailable(source.title, "it calls itself by another name than the settings do")


def _lacks(kept: Kept, key_id: str | None) -> bool:
    return key_id is not None and all(one.get("kid") != key_id for one in kept.what)


def _may_ask(known: _Known, now: datetime) -> bool:
    return known.asked_for_new is None or not timedelta() <= now - known.asked_for_new < ASKED_FOR_NEW_KEYS


def _keys_address(source: Source, document: Mapping[str, Any]) -> str:
    """Where its keys are: as secure as the issuer itself, and on a host that we expect."""
    try:
        target = Target.parse(str(document.get("jwks_uri", "")), where="jwks_uri")
    except CustomhouseError as error:
        raise Unavailable(source.title, "it names no jwks_uri") from error
    own = Target.parse(source.issuer)
    if own.scheme == "https" and target.scheme != "https":
        raise Unavailable(source.title, "its jwks_uri is not secure")
    if source.key_hosts is not None and target.host != own.host and target.host not in source.key_hosts:
        raise Unavailable(source.title, f"its keys are on {target.host}, where we do not expect them")
    return str(target)


def _usable(source: Source, read: Mapping[str, Any]) -> list[Key]:
    """The keys that may sign. None at all is a fault of the issuer, and no reason to forget those of before."""
    listed = read.get("keys")
    found = [one for one in listed[:MOST_KEYS] if _may_sign(one)] if isinstance(listed, list) else []
    if not found:
        raise Unavailable(source.title, "it publishes no keys that we take")
    return found


def _may_sign(key: object) -> bool:
    """Only public keys of the two kinds that we take, and none that is for encryption."""
    if not isinstance(key, dict) or key.get("use", "sig") != "sig" or "d" in key:
        return False
    return key.get("kty") == "RSA" or (key.get("kty") == "EC" and key.get("crv") == "P-256")

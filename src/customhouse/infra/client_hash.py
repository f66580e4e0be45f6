"""Telling client networks apart for one day, without keeping their addresses."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from datetime import date

from customhouse.infra.client_address import Network, client_address, network_of

HASH_BYTES = 16
_REMEMBERED = 20_000


class ClientHashes:
    """Keyed hashes of client networks. Each day has a key of its own, derived from the server's.

    So nobody without the server's key can try all addresses, and a network's hashes of two days look unrelated. One
    thread uses one of these.
    """

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self._day: date | None = None
        self._key = b""
        self._known: dict[str, bytes] = {}

    def of(self, address: str, day: date) -> bytes:
        """The hash of the network that an address belongs to, for one day."""
        if day != self._day:
            self._day, self._known = day, {}
            self._key = hmac.digest(self._secret, b"download-client\0" + day.isoformat().encode(), hashlib.sha256)
        found = self._known.get(address)
        if found is None:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            found = self._known[address] = hmac.digest(self._key, network_of(address), hashlib.sha256)[:HASH_BYTES]
        return found


class ClientsOfDay:
    """The hashes of those who connect, by what their connection and their front ends say; remembered for the day."""

    def __init__(self, hashes: ClientHashes, trusted: Sequence[Network]) -> None:
        self._hashes = hashes
        self._trusted = tuple(trusted)
        self._day = date.min
        self._known: dict[tuple[str, str | None], bytes] = {}

    def of(self, day: date, peer: str, forwarded: str | None) -> bytes:
        """The hash of one client. ``forwarded`` is its X-Forwarded-For, believed of trusted front ends."""
        if day != self._day:
            self._day, self._known = day, {}
        found = self._known.get((peer, forwarded))
        if found is None:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            found = self._known[peer, forwarded] = self._hashes.of(client_address(peer, forwarded, self._trusted), day)
        return found

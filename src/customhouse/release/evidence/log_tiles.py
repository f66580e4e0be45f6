"""Asking a log over HTTP how it has grown: its tiles (C2SP tlog-tiles), at the addresses that a trust config names.

Rekor's second version has them, and the private Sigstore. Nothing that comes from there is believed: `growth` looks.
"""

from __future__ import annotations

import json

from customhouse.infra.fetch import Order, Outbound
from customhouse.infra.reach import ANYWHERE
from customhouse.infra.targets import Target
from customhouse.release.actions import Problem
from customhouse.release.evidence.growth import Prove
from customhouse.terms.errors import CustomhouseError, Rejected
from customhouse.trust.private_sigstore.note import read_checkpoint
from customhouse.trust.private_sigstore.tiles import address_of, prove_consistency, width_of

SECONDS = 10.0
"""Of one answer, whole."""
LONGEST = 64 * 1024
TILES = 2
"""The version of Rekor whose logs have tiles."""


def prover_of(config: str) -> Prove:
    """Who asks the logs of a client trust config. Raises `Problem` for a log that is away."""
    bases = _bases(config)
    known: dict[str, str] = {}

    def prove(origin: str, old: int, new: int) -> list[bytes] | None:
        for base in bases:
            if base not in known:
                known[base] = _origin(base)
            if known[base] == origin:
                return _between(base, old, new)
        return None

    return prove


def _bases(config: str) -> list[str]:
    try:
        listed = json.loads(config)["signingConfig"]["rekorTlogUrls"]
        return [str(one["url"]).rstrip("/") for one in listed if one["majorApiVersion"] == TILES]
    except (ValueError, KeyError, TypeError, AttributeError):
        return []


def _origin(base: str) -> str:
    text = _get(base, "checkpoint").decode("utf-8", "replace")
    try:
        return read_checkpoint(text, base).checkpoint.origin
    except Rejected as error:
        raise _away(base, str(error)) from error


def _between(base: str, old: int, new: int) -> list[bytes]:
    def tile(level: int, number: int) -> bytes:
        return _get(base, address_of(level, number, width_of(level, number, new)))

    try:
        return prove_consistency(tile, old, new)
    except ValueError as error:
        raise _away(base, str(error)) from error


def _get(base: str, path: str) -> bytes:
    address = f"{base}/api/v2/{path}"
    try:
        order = Order(Target.parse(address, where="rekorTlogUrls"))
        answer = Outbound(ANYWHERE).fetch(order, seconds=SECONDS, limit_bytes=LONGEST)
    except CustomhouseError as error:
        raise _away(address, str(error)) from error
    if not answer.fine:
        raise _away(address, f"it answers {answer.status}")
    return answer.body


def _away(where: str, saw: str) -> Problem:
    return Problem(
        "no-log", saw, "the log's tiles", place=where, next_step="Write the bundle again when the log answers."
    )

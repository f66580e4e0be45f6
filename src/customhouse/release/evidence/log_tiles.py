"""Asking a log over HTTP how it has grown: its tiles (C2SP tlog-tiles), at the addresses that a trust config names.

Rekor's second version has them, and the private Sigstore. Nothing that comes from there is believed: `growth` looks.
"""

from __future__ import annotations

import json
from collections.abc import Callable

from customhouse.release.actions import Problem
from customhouse.release.evidence.growth import Prove
from customhouse.terms.errors import Rejected
from customhouse.trust.private_sigstore.note import read_checkpoint
from customhouse.trust.private_sigstore.tiles import WIDTH, path_of, prove_consistency, width_of

SECONDS = 10.0
LONGEST = 64 * 1024
TILES = 2
"""The version of Rekor whose logs have tiles."""
Fetch = Callable[[str], bytes]


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
    try:
        return read_checkpoint(_get(f"{base}/api/v2/checkpoint").decode("utf-8", "replace"), base).checkpoint.origin
    except Rejected as error:
        raise _away(base, str(error)) from error


def _between(base: str, old: int, new: int) -> list[bytes]:
    known: dict[tuple[int, int], bytes] = {}

    def tile(level: int, number: int) -> bytes:
        if (level, number) not in known:
            width = width_of(level, number, new)
            part = "" if width == WIDTH else f".p/{width}"
            known[level, number] = _get(f"{base}/api/v2/tile/{level}/{path_of(number)}{part}")
        return known[level, number]

    try:
        return prove_consistency(tile, old, new)
    except ValueError as error:
        raise _away(base, str(error)) from error


def _get(address: str) -> bytes:
    import httpx2  # noqa: PLC0415 - seldom wanted

    from customhouse.infra.system_trust import system_trust  # noqa: PLC0415 - as above

    try:
        answer = httpx2.get(address, verify=system_trust(), timeout=SECONDS, follow_redirects=False)
    except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:
        raise _away(address, f"no answer: {error}") from error
    if not answer.is_success or len(answer.content) > LONGEST:
        raise _away(address, f"it answers {answer.status_code}")
    return answer.content


def _away(where: str, saw: str) -> Problem:
    return Problem(
        "no-log", saw, "the log's tiles", place=where, next_step="Write the bundle again when the log answers."
    )

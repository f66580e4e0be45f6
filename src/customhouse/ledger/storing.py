"""Object before row: putting bytes into the store, then doing the deed whose rows name them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from customhouse.infra import sweep_marks
from customhouse.infra.blobs import Blobs
from customhouse.ledger.tx import Deeds, Tx
from customhouse.terms.digest import Digest
from customhouse.terms.errors import Unavailable

PUT_ATTEMPTS = 5

R = TypeVar("R")


def put_and_do(deeds: Deeds, blobs: Blobs, bodies: Mapping[str, Path], deed: Callable[[sweep_marks.Seen, Tx], R]) -> R:
    """Put the bodies, by their SHA-256, and do a deed that ends with `sweep_marks.check_unchanged`.

    Once more if a sweep came in between. Raises `Unavailable` while one of them is being swept.
    """
    seen = sweep_marks.unmarked(list(bodies))
    for _attempt in range(PUT_ATTEMPTS):
        for digest, path in bodies.items():
            blobs.put(Digest(digest), path)
        try:
            return deeds.do(deed, seen)
        except sweep_marks.SweptMeanwhile:
            with deeds.database.read() as sql:
                seen = sweep_marks.seen(sql, list(bodies))
            if seen.sweeping:
                raise Unavailable(
                    "The store", "these bytes are being swept as an orphan", retry_after_seconds=5
                ) from None
    raise Unavailable("The store", "sweeps came in between five times", retry_after_seconds=30)

"""What an index allows of releases that are being made: how long, how many, how large."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from customhouse.catalog.quotas import Limits

BYTES, PARTS, LEGACY = "http-post-bytes", "vnd-customhouse-parts", "legacy"
MECHANISMS = (BYTES, PARTS)
"""How bytes may come, the one that every client knows first."""
MOST_SESSIONS_OF_PROJECT = 20
MOST_SESSIONS_OF_SENDER = 50
MOST_SESSIONS_A_DAY = 500
"""That one sender begins, whatever became of them: each leaves rows for a month."""
MOST_FILES = 1000
"""In one session, those too that were deleted again."""
LONGEST_LIVES = 6
"""A session that is extended again and again ends at last when it is so many times as old as a new one may get."""
LARGEST_PART_BYTES = 64 * 2**20
USUAL_PART_BYTES = 8 * 2**20
MOST_PARTS = 10_000
RETENTION = timedelta(days=30)
"""For so long one can see what became of a session that is over."""


@dataclass(frozen=True, slots=True)
class Policy:
    """The settings that count here."""

    life: timedelta
    """How long a session waits to be published."""
    open_for: timedelta
    """For how long a release takes new files."""
    limits: Limits
    """How large files and projects may be that were granted nothing more."""
    linux_tags: bool = True
    deferred_bytes: int = 32 * 2**20
    """Larger files are examined by the worker, not while somebody waits."""
    site: str = ""
    """The address of this index, without a slash at the end."""

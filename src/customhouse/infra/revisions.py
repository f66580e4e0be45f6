"""Which schema this version knows, read from the names of the migrations: without alembic, without a database."""

from __future__ import annotations

import re
from pathlib import Path

_VERSIONS = Path(__file__).parent / "migrations" / "versions"
_FILE = re.compile(r"m(\d{4})_\w+\.py")


def known_revisions() -> list[str]:
    """The revisions that this version has, oldest first."""
    return sorted(match[1] for path in _VERSIONS.iterdir() if (match := _FILE.fullmatch(path.name)))

"""Which snapshot an audit uses, and whether its sources are asked first."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from customhouse.consume.snapshot.read import Snapshot
from customhouse.formats.inventory.model import Gap
from customhouse.terms.errors import Rejected, Unavailable

if TYPE_CHECKING:
    from customhouse.consume.snapshot.update import Listener
    from customhouse.consume.wire import Wire

FRESH = timedelta(hours=1)
"""So long after they were asked, sources are not asked again."""
OLD_DAYS = 14
"""PyPI gets advisories every few days; a newest record older than this is worth a warning."""
OSV_DEV = "https://osv-vulnerabilities.storage.googleapis.com"
"""Where OSV.dev publishes its records (google.github.io/osv.dev/data)."""
SOURCES_VARIABLE = "CUSTOMHOUSE_ADVISORIES"
SNAPSHOT_VARIABLE = "CUSTOMHOUSE_SNAPSHOT"


class Wanted(NamedTuple):
    """What the user says about advisories."""

    path: Path
    sources: tuple[str, ...] = ()
    lists: tuple[str, ...] = ()
    """``kev:PLACE`` and ``epss:PLACE``: what is known of exploitation."""
    offline: bool = False
    refresh: bool = False


def default_path(environment: Mapping[str, str]) -> Path:
    """The user's cache (XDG base directories), or what ``CUSTOMHOUSE_SNAPSHOT`` says."""
    if environment.get(SNAPSHOT_VARIABLE):
        return Path(environment[SNAPSHOT_VARIABLE])
    cache = environment.get("XDG_CACHE_HOME") or ""
    # A relative path in XDG_CACHE_HOME is to be passed over, says the specification.
    root = Path(cache) if os.path.isabs(cache) else Path.home() / ".cache"  # noqa: PTH117 - of a text that may be empty
    return root / "customhouse" / "advisories.sqlite"


def open_snapshot(
    wanted: Wanted, environment: Mapping[str, str], now: datetime, wire: Callable[[], Wire], listener: Listener
) -> tuple[Snapshot, list[Gap]]:
    """The advisories to audit with, and a gap if they could not be brought up to date.

    Raises `Rejected` if there are none and none may be asked for, and `Unavailable` if nobody gives any.
    """
    old, why = _open(wanted.path)
    sources = _sources(wanted, environment, old)
    if not _must_ask(wanted, sources, old, now):
        if old is None:
            raise why or AssertionError("it is open, or there is a reason")
        named = wanted.sources or wanted.lists or environment.get(SOURCES_VARIABLE, "").split()
        return old, _other_sources(old, sources) if named else []
    if old is not None:
        old.close()
    # What follows loads the reader of records, which an audit of a fresh snapshot does not need.
    from customhouse.consume.snapshot.update import update  # noqa: PLC0415

    try:
        update(wanted.path, sources, wire, listener)
    except Unavailable as error:
        if old is None or old.sources != sources:
            raise
        gap = Gap(f"advisories of {', '.join(sources)}", f"they could not be brought up to date: {error}",
                  "try again later; what was known before was asked")  # fmt: skip
        return Snapshot(wanted.path), [gap]
    return Snapshot(wanted.path), []


def _other_sources(old: Snapshot, sources: Sequence[str]) -> list[Gap]:
    """Offline nobody brings what the user asks for, and what lies here is no answer to that."""
    missing = [one for one in sources if one not in old.sources]
    if not missing:
        return []
    return [
        Gap(f"advisories of {', '.join(missing)}", f"{old.path} was built from {', '.join(old.sources) or 'nothing'},"
            " and nobody may be asked", "run it once without --offline")
    ]  # fmt: skip


def _sources(wanted: Wanted, environment: Mapping[str, str], old: Snapshot | None) -> tuple[str, ...]:
    """What the user says now, else his environment, else what the snapshot remembers. Lists are remembered apart."""
    before = old.sources if old is not None else ()
    records = wanted.sources or tuple(environment.get(SOURCES_VARIABLE, "").split())
    records = records or tuple(one for one in before if not one.startswith(("kev:", "epss:"))) or (OSV_DEV,)
    kinds = tuple(one.partition(":")[0] for one in wanted.lists)
    return (*records, *(one for one in before if one.startswith(("kev:", "epss:")) and not one.startswith(kinds)),
            *wanted.lists)  # fmt: skip


def _open(path: Path) -> tuple[Snapshot | None, Rejected | None]:
    try:
        return Snapshot(path), None
    except Rejected as error:
        return None, error


def _must_ask(wanted: Wanted, sources: Sequence[str], old: Snapshot | None, now: datetime) -> bool:
    places = [one.removeprefix("kev:").removeprefix("epss:") for one in sources]
    local = [Path(one) for one in places if not one.startswith(("https://", "http://"))]
    if wanted.offline and len(local) < len(sources):
        return False
    if old is None or old.sources != tuple(sources) or wanted.refresh:
        return True
    asked = wanted.path.stat().st_mtime
    if len(local) < len(sources) and not 0 <= now.timestamp() - asked < FRESH.total_seconds():
        return True
    # To read a folder takes seconds: it is done when it is named. A file tells by its time whether it has changed.
    named = bool(wanted.sources or wanted.lists)
    return any(named if one.is_dir() else _changed_at(one) >= asked for one in local)


def _changed_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def is_old(snapshot: Snapshot, now: datetime, days: int) -> bool:
    """Whether its newest record is older than so many days."""
    try:
        return now - datetime.fromisoformat(snapshot.newest) > timedelta(days=days)
    except ValueError:
        return True

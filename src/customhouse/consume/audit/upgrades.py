"""The smallest upgrade of a component that mends everything known of it, and is not affected itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from packaging.version import Version

from customhouse.consume.snapshot.compact import Entry
from customhouse.formats.osv.matching import read_version


def smallest_upgrade(
    entries: Sequence[Entry], version: Version | None, existing: Iterable[str] | None = None
) -> str | None:
    """The lowest version above the present one that no record affects, of the same major version if there is one.

    ``existing`` are the versions that the index has and nobody has yanked. Without them the versions in which the
    records say that something was mended are taken: those exist, or did when the records were written.
    A pre-release is taken only where one is installed already.
    """
    named = existing if existing is not None else (fix for entry in entries for fix in entry.fixes())
    candidates = {parsed: text for text in named if (parsed := read_version(text)) is not None}
    above = sorted(one for one in candidates if version is None or one > version)
    pre_releases = version is not None and version.is_prerelease
    if version is not None:
        above.sort(key=lambda one: (one.epoch, one.major) != (version.epoch, version.major))
    for one in above:
        text = candidates[one]
        if one.is_prerelease and not pre_releases:
            continue
        if not any(entry.affects(text, one) for entry in entries):
            return text
    return None


def fixes_above(entries: Iterable[Entry], version: Version | None) -> tuple[str, ...]:
    """The versions above the present one in which some records say that it is mended, the lowest first."""
    found = {parsed: text for entry in entries for text in entry.fixes() if (parsed := read_version(text)) is not None}
    return tuple(found[one] for one in sorted(found) if version is None or one > version)

"""Whether a release of CPython is affected by an advisory on its source.

The advisories of the Python Software Foundation name commits of python/cpython (ranges of type GIT) and no releases. A
fix goes to the newest branch first and is then carried to older ones, so a release has it if its own branch has it by
then, or if the branch is younger than all that were mended. What cannot be decided is None, never "not affected".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

from packaging.version import Version

from customhouse.formats.osv.matching import covers, read_version
from customhouse.formats.osv.model import Affected, Range, Record

_REPOSITORY = re.compile(r"(?:https?|git)://github\.com/python/cpython(?:\.git)?/?", re.IGNORECASE)
_PACKAGES = frozenset({"cpython", "python", "libpython"})
_BEFORE = re.compile(r"\b(\d\.\d{1,2})\.x before (\d\.\d{1,2}\.\d{1,3})\b")
_SHORT = 12
"""Hexadecimal digits of a commit in our table."""


@dataclass(frozen=True, slots=True)
class _Told:
    """What is known of one advisory in terms of releases."""

    introduced: Version | None
    """None is the beginning."""
    fixed: tuple[Version, ...]
    whole: bool
    """Whether that is all: each commit of the record is known."""


def is_on_cpython(record: Record) -> bool:
    """Whether an advisory is on CPython itself."""
    return any(_is_ours(one) for one in record.affected)


def affects_cpython(record: Record, version: str) -> bool | None:
    """Whether an advisory affects a release, ``3.11.4``; None if that cannot be decided from what is known here.

    False for advisories that are not on CPython and for withdrawn ones.
    """
    if record.withdrawn is not None or not is_on_cpython(record):
        return False
    release = read_version(version)
    if release is None:
        return None
    answers = [_affects(record, one, release) for one in record.affected if _is_ours(one)]
    if True in answers:
        return True
    return None if None in answers else False


def fixed_cpython(record: Record) -> tuple[str, ...]:
    """The releases that mend it, as far as known, the lowest first."""
    found = {one for affected in record.affected if _is_ours(affected) for one in _told(record, affected).fixed}
    return tuple(str(one) for one in sorted(found))


def _is_ours(affected: Affected) -> bool:
    if any(one.kind == "GIT" and _REPOSITORY.fullmatch(one.repo) for one in affected.ranges):
        return True
    # OSV has no ecosystem for CPython; some databases name it as a package of their own.
    return affected.ecosystem.lower() in ("bitnami", "cpython") and affected.package.lower() in _PACKAGES


def _affects(record: Record, affected: Affected, release: Version) -> bool | None:
    by_list = _listed(affected, release)
    if by_list is not None:
        return by_list
    plain = [one for one in affected.ranges if one.kind != "GIT"]
    if plain:
        return any(covers(one, release) for one in plain)
    by_commits = _decide(_told(record, affected), release)
    return _by_text(record.details, release) if by_commits is None else by_commits


def _listed(affected: Affected, release: Version) -> bool | None:
    """Some databases list the tags that hold the vulnerability: ``v3.11.3``. What came after the list is not told."""
    listed = {parsed for text in affected.versions if (parsed := read_version(text.removeprefix("v"))) is not None}
    if release in listed:
        return True
    # A tag that stands between listed ones was looked at when the list was made.
    return False if any(one > release and _branch(one) == _branch(release) for one in listed) else None


def _decide(told: _Told, release: Version) -> bool | None:
    if told.introduced is not None and release < told.introduced:
        return False
    branch = _branch(release)
    own = [one for one in told.fixed if _branch(one) == branch]
    if own:
        # Where a fix took several steps, the last one counts.
        return _against(release, max(own), told)
    if not told.fixed:
        # Nothing mends it, says the record; or nothing of it is known here.
        return True if told.whole else None
    if not told.whole:
        return None
    newest = max(told.fixed)
    if branch <= _branch(newest):
        return True
    # The alphas of the next branch may have been cut before the fix reached it, unless the fix was made before that.
    is_doubtful = release.is_prerelease and branch == (newest.major, newest.minor + 1) and newest.micro > 0
    return None if is_doubtful else False


def _against(release: Version, fixed: Version, told: _Told) -> bool | None:
    if release < fixed:
        # The table names 3.10.0 for what was mended in one of its alphas.
        is_early = release.is_prerelease and release.release == fixed.release and not fixed.is_prerelease
        return None if is_early else True
    # A commit that is not known may be a later step on the same branch.
    return False if told.whole else None


def _by_text(details: str, release: Version) -> bool | None:
    """``3.9.x before 3.9.20``, as the texts of CVE records have it."""
    for branch, edge in _BEFORE.findall(details):
        fixed = read_version(edge)
        if fixed is not None and branch == f"{release.major}.{release.minor}" and _branch(fixed) == _branch(release):
            return release < fixed
    return None


def _branch(version: Version) -> tuple[int, int]:
    return (version.major, version.minor)


def _told(record: Record, affected: Affected) -> _Told:
    commits, records = _table()
    for name in (record.id, *record.aliases):
        if name in records:
            return records[name]
    ranges = [one for one in affected.ranges if one.kind == "GIT" and _REPOSITORY.fullmatch(one.repo)]
    fixes = [event.version for one in ranges for event in one.events if event.kind in ("fixed", "limit")]
    known = [commits[fix[:_SHORT].lower()] for fix in fixes if fix[:_SHORT].lower() in commits]
    introduced, is_told = _introduced(ranges, commits)
    return _Told(introduced, tuple(one for some in known for one in some), is_told and len(known) == len(fixes))


def _introduced(ranges: Iterable[Range], commits: Mapping[str, tuple[Version, ...]]) -> tuple[Version | None, bool]:
    """Since when, and whether that is known; a last affected commit tells nothing of releases."""
    starts = {event.version for one in ranges for event in one.events if event.kind == "introduced"}
    if any(event.kind == "last_affected" for one in ranges for event in one.events):
        return None, False
    if starts == {"0"}:
        return None, True
    known = [min(commits[one[:_SHORT].lower()]) for one in starts if one[:_SHORT].lower() in commits]
    return (min(known), True) if len(known) == len(starts) and known else (None, False)


@cache
def _table() -> tuple[Mapping[str, tuple[Version, ...]], Mapping[str, _Told]]:
    """Releases by commit, and what is told of whole records."""
    commits: dict[str, tuple[Version, ...]] = {}
    records: dict[str, _Told] = {}
    for kind, name, *rest in _lines():
        if kind == "commit":
            commits[name] = tuple(Version(one) for one in rest)
        elif kind == "record":
            introduced, *fixed = rest
            start = None if introduced == "0" else Version(introduced)
            records[name] = _Told(start, tuple(Version(one) for one in fixed), whole=True)
    return commits, records


def _lines() -> Iterator[list[str]]:
    text = resources.files("customhouse.formats").joinpath("data/cpython_fixes.txt").read_text("utf-8")
    return (line.split() for line in text.splitlines() if line and not line.startswith("#"))

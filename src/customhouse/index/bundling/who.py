"""Who bundles this library, in this range of versions: every listed file, with its owners and its downloads.

What nobody knows is listed apart and never left out: a file whose libwebp has no known version may hold the bad one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.accounts.tables import account
from customhouse.catalog import bundled, rights
from customhouse.catalog.bundled import Held
from customhouse.catalog.downloads.queries import counted_of_files, first_day
from customhouse.formats.bundled.advisories import Verdict, library_name
from customhouse.formats.bundled.model import TRUST, BundledLibrary
from customhouse.formats.bundled.order import lies_in, parse_specifier
from customhouse.terms.errors import Rejected

DOWNLOAD_DAYS = 30
LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class Bundler:
    """One library at one version in one file of the index."""

    held: Held
    """By the member whose evidence is trusted most."""
    members: tuple[str, ...]
    """All members of the wheel that belong to it: libwebp comes in four."""
    owners: tuple[str, ...]
    downloads: int
    """Counted, of the file, in the last 30 days."""

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        library = self.held.library
        return {
            "project": self.held.project,
            "version": self.held.version,
            "filename": self.held.filename,
            "member": library.file,
            "members": list(self.members),
            "library": library.name,
            "library_version": library.version,
            "version_is_partial": library.partial,
            "conflicting_versions": list(library.conflicting),
            "distribution": library.distribution,
            "purl": library.purl,
            "cpe": library.cpe,
            "evidence": [
                {"kind": each.kind, "version": each.version, "where": each.where, "text": each.text}
                for each in library.evidence
            ],
            "owners": list(self.owners),
            "downloads_30_days": self.downloads,
        }

    @property
    def newest_evidence(self) -> str:
        """What tells the version, in a few words."""
        first = self.held.library.evidence[0] if self.held.library.evidence else None
        return f"{first.kind}: {first.text}" if first is not None else ""


@dataclass(frozen=True, slots=True)
class Answer:
    """Who bundles a library."""

    library: str
    range: str
    matching: tuple[Bundler, ...]
    unknown: tuple[Bundler, ...]
    """Nobody knows which version they hold, or too little of it."""
    others: int
    """Files that hold a version outside of the range."""
    unscanned: int
    """Wheels that the worker has still to look into."""
    truncated: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "library": self.library,
            "range": self.range,
            "files": [one.to_dict() for one in self.matching],
            "unknown": [one.to_dict() for one in self.unknown],
            "other_versions": self.others,
            "unscanned": self.unscanned,
            "truncated": self.truncated,
        }


def who_bundles(sql: Connection, library: str, text: str, now: datetime, *, private: bool = False) -> Answer:
    """Answer for a library and a range (``<1.3.2``; empty: any version). Raises `Rejected` for what is no range.

    Private projects are left out unless ``private``, which is for the operators.
    """
    if not library.strip() or len(library) > LONGEST_NAME:
        raise Rejected("bad-library", "library", "it is empty or too long", "the name of a library, as libwebp")
    clauses = parse_specifier(text)
    name = library_name(library)

    def verdict(one: BundledLibrary) -> Verdict:
        if one.version is None:
            return "unknown"
        found = [lies_in(version, clauses, partial=one.partial) for version in one.versions]
        return "affected" if True in found else "unknown" if None in found else "fine"

    return answer(sql, [name], text.strip(), verdict, now, private=private)


def answer(
    sql: Connection, libraries: Sequence[str], text: str, verdict: Callable[[BundledLibrary], Verdict], now: datetime,
    *, private: bool = False,
) -> Answer:  # fmt: skip
    """The files that bundle some libraries, sorted by what a verdict says of each."""
    found = bundled.holders_of(sql, libraries)
    seen = [held for held in found[: bundled.MOST_ROWS] if held.public or private]
    told = [(held, verdict(held.library)) for held in seen]
    wanted = [held for held, said in told if said != "fine"]
    people = _owners(sql, {held.project_id for held in wanted})
    counted = counted_of_files(sql, sorted({held.file_id for held in wanted}), first_day(now, DOWNLOAD_DAYS))

    def bundlers(of: Verdict) -> tuple[Bundler, ...]:
        return tuple(
            Bundler(
                those[0], tuple(held.library.file for held in those), people.get(those[0].project_id, ()),
                counted.get(those[0].file_id, 0),
            )
            for those in _by_file(held for held, said in told if said == of)
        )  # fmt: skip

    return Answer(
        library=", ".join(dict.fromkeys(held.library.name for held in seen)) or ", ".join(libraries),
        range=text,
        matching=bundlers("affected"),
        unknown=bundlers("unknown"),
        others=len(_by_file(held for held, said in told if said == "fine")),
        unscanned=bundled.count_unscanned(sql),
        truncated=len(found) > bundled.MOST_ROWS,
    )


def _by_file(found: Iterable[Held]) -> list[list[Held]]:
    """Each library at each version in each file, its members together, the one with the best evidence first."""
    groups: dict[tuple[int, str, tuple[str, ...]], list[Held]] = {}
    for held in found:
        groups.setdefault((held.file_id, held.library.name, held.library.versions), []).append(held)
    return [sorted(those, key=_doubt) for those in groups.values()]


def _doubt(held: Held) -> int:
    return TRUST.index(held.library.evidence[0].kind) if held.library.evidence else len(TRUST)


def _owners(sql: Connection, project_ids: Iterable[int]) -> dict[int, tuple[str, ...]]:
    """The names of the owners of each project."""
    owners = {one: [who for who, role in rights.people_of(sql, one) if role == "owner"] for one in project_ids}
    ids = sorted({who for people in owners.values() for who in people})
    rows = sql.execute(sa.select(account.c.id, account.c.name).where(account.c.id.in_(ids))) if ids else ()
    names = {row.id: row.name for row in rows}
    return {one: tuple(names[who] for who in people if who in names) for one, people in owners.items()}

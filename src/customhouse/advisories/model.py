"""What is stored of an advisory, and whose record of an id counts; pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from customhouse.formats.osv.model import PYPI, Record
from customhouse.formats.osv.severity import Level, score_of
from customhouse.formats.osv.write import write_record

OWN = "here"
"""The source of the records that we write ourselves."""
OWN_TRUST = 1_000
USUAL_TRUST = 0
GIT = "GIT"
"""The ecosystem under which a repository's address stands as a package, as at OSV.dev."""

Kind = Literal["zip", "folder", "git", "url", "file"]
KINDS: tuple[Kind, ...] = ("zip", "folder", "git", "url", "file")


@dataclass(frozen=True, slots=True)
class Prepared:
    """A record ready to be written: everything that takes time is done, outside of any transaction."""

    record: Record
    level: Level
    base_score: float | None
    document: str
    digest: str
    packages: tuple[tuple[str, str], ...]
    """Ecosystem and name of each."""


@dataclass(frozen=True, slots=True)
class Held:
    """What is stored under an id."""

    source: str
    trust: int
    modified: datetime
    digest: str


@dataclass(slots=True)
class Written:
    """What became of the records of one source."""

    new: int = 0
    changed: int = 0
    same: int = 0
    kept: int = 0
    """Another source's record of the same id stays, because it is newer or more trusted."""
    usurped: list[str] = field(default_factory=list)
    """Ids of our own that the source claimed. They stay as we wrote them."""

    def add(self, other: Written) -> None:
        """Count the other's, too."""
        self.new += other.new
        self.changed += other.changed
        self.same += other.same
        self.kept += other.kept
        self.usurped.extend(other.usurped)


def prepare(record: Record) -> Prepared:
    """Do what takes time."""
    score = score_of(record)
    document = write_document(record.document or write_record(record))
    digest = hashlib.sha256(document.encode()).hexdigest()
    return Prepared(record, score.level, score.base, document, digest, packages_of(record))


def write_document(document: Mapping[str, Any]) -> str:
    """JSON without blanks, members in the record's own order, as it is stored and handed on."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def packages_of(record: Record) -> tuple[tuple[str, str], ...]:
    """By what a record is found: its packages, and the repositories of its GIT ranges (PSF's name nothing else)."""
    named = [(one.ecosystem, one.name) for one in record.affected if one.ecosystem]
    repositories = [(GIT, place.repo) for one in record.affected for place in one.ranges if place.repo]
    return tuple(dict.fromkeys([*named, *repositories]))


def names_of(packages: tuple[tuple[str, str], ...]) -> tuple[str, ...]:
    """The names of PyPI among them."""
    return tuple(name for ecosystem, name in packages if ecosystem == PYPI)


def may_replace(held: Held, source: str, trust: int, new: Prepared) -> bool:
    """Whether a source's record takes the place of what is stored under its id.

    What we wrote ourselves is replaced by ourselves alone. A less trusted source never replaces a more trusted one's
    record; a more trusted one always takes over. Among equals the later ``modified`` wins, and who came first keeps a
    tie. A source may correct itself without a new ``modified``, but does not go back: a stale mirror is not believed.
    """
    if held.source == source:
        return source == OWN or new.record.modified >= held.modified
    if held.source == OWN or trust < held.trust:
        return False
    return trust > held.trust or new.record.modified > held.modified

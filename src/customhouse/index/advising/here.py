"""What an advisory means here: which listed releases it affects, and whose dependants it puts at risk.

Everything is looked up in what is listed now. Strangers read it, so private projects do not appear, neither as what is
affected nor as what depends on it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import islice

from packaging.version import Version
from sqlalchemy.engine import Connection

from customhouse.catalog import queries
from customhouse.catalog.model import Project, offered
from customhouse.formats.osv.covered import Covered
from customhouse.formats.osv.model import Record
from customhouse.formats.project_json import choose_version
from customhouse.index.dependents import asking_for

MOST_AT_RISK = 200
MOST_LOOKED_AT = 400
"""So many lines of metadata are looked at for a page that anybody may ask for."""


@dataclass(frozen=True, slots=True)
class Offered:
    """The versions of a project that are listed, in the order of PEP 440, and those of them that are yanked."""

    versions: tuple[str, ...]
    yanked: frozenset[str]

    @property
    def newest(self) -> str:
        """The one that stands for the project; empty if there is none."""
        return choose_version(self.versions, sorted(self.yanked)) or ""


@dataclass(frozen=True, slots=True)
class Hosted:
    """A project of ours that an advisory speaks of."""

    name: str
    display: str
    newest: str
    affected: tuple[str, ...]
    """Its listed versions that are affected, the lowest first; none if nobody ever released one here."""
    listed: int

    @property
    def newest_is_affected(self) -> bool:
        """Whether whoever installs it today gets an affected version."""
        return self.newest in self.affected


@dataclass(frozen=True, slots=True)
class AtRisk:
    """A project whose newest release asks for an affected one."""

    project: str
    asks: str
    """As its metadata has it: ``demo>=1,<2``."""
    forced: bool
    """None of the listed versions that would do is unaffected; else an affected one is merely allowed."""


def offered_versions(sql: Connection, project: Project) -> Offered:
    """What of a project is listed."""
    files = offered(project, queries.files_of(sql, project.id))
    versions = sorted({row.version for row in files}, key=Version)
    kept = {row.version for row in files if row.yanked_at is None}
    return Offered(tuple(versions), frozenset(versions) - kept)


def hosted(sql: Connection, records: Sequence[Record]) -> list[Hosted]:
    """The public projects that the records of one vulnerability speak of, by name."""
    found = []
    for name in sorted({name for record in records for name in record.packages()}):
        project = queries.find_project(sql, name)
        if project is None or not project.public:
            continue
        there = offered_versions(sql, project)
        covered = [Covered.of(record, name) for record in records]
        affected = tuple(text for text in there.versions if any(one.holds(text) for one in covered))
        found.append(Hosted(name, project.display, there.newest, affected, len(there.versions)))
    return found


def at_risk(sql: Connection, name: str, versions: Collection[str], affected: Collection[str]) -> list[AtRisk]:
    """The public projects that an affected version of a project can reach through what they ask for.

    Those that can be installed with nothing else come first. Of very many that ask, the first by name are looked at.
    """
    hurt = [Version(text) for text in versions if text in affected]
    well = [Version(text) for text in versions if text not in affected]
    found: dict[str, AtRisk] = {}
    for one in islice(asking_for(sql, name), MOST_LOOKED_AT) if hurt else ():
        if one.public and any(map(one.admits, hurt)):
            forced = not any(map(one.admits, well))
            before = found.get(one.project)
            if before is None or forced > before.forced:
                found[one.project] = AtRisk(one.project, one.text, forced)
    return sorted(found.values(), key=lambda one: (not one.forced, one.project))[:MOST_AT_RISK]

"""What a view's amendments are as files for installers, for everybody or for a set that the reader names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from customhouse.catalog import queries
from customhouse.formats.amendment import is_same_version, line
from customhouse.formats.amendment_files import (
    MOST_WANTED,
    Counted,
    Guidance,
    Metadata,
    Wanted,
    amended_requires,
    constraints,
    overrides,
    read_wanted,
    uv_metadata,
)
from customhouse.index.amending.queries import Told, amended_releases, counting_in, hosted_releases, reach_beyond
from customhouse.index.amending.released import Released
from customhouse.terms.errors import Rejected, Unavailable
from customhouse.terms.versions import version_of
from customhouse.views.model import Offered, View
from customhouse.views.offering import Views

MOST_LOOKED_UP = 300
"""Of how many projects one file looks up what is offered. Of more an amended release is shut out, which is enough."""
_GUARANTEES = {
    "constraints": (
        (
            "Who installs with it (pip install -c, uv pip install -c) gets no release that is named here together with "
            "what its amendment excludes."
        ),
        (
            "For everybody: foo!=1.0 shuts a release out; bar<3 stands here only if an operator says so, or whoever "
            "owns both. With ?for=foo&for=bar==2.0 it is made for your set instead, and binds bar."
        ),
    ),
    "constraints-for": (
        (
            "Who installs these packages with it (pip install -c, uv pip install -c) gets none of them together with "
            "what its amendments exclude. It knows nothing of packages that are not named: name your whole lock, or "
            "use customhouse lock."
        ),
    ),
    "overrides": (
        (
            "For uv: --override FILE, or override-dependencies. A line takes the place of what EVERY package in your "
            "environment asks of that project, not only the amended one."
        ),
        "Metadata stays as it is, so pip check and uv pip check go on naming the old bound.",
    ),
    "uv": (
        (
            "For uv: put this into uv.toml, or under [tool.uv] as [[tool.uv.dependency-metadata]]. It says of exactly "
            "these releases what they require, as amended; no other package is touched."
        ),
        "Metadata stays as it is, so uv pip check goes on naming the old bound.",
    ),
}


@dataclass(frozen=True)
class Guide:
    """Makes the files of one view."""

    views: Views
    view: View
    seen: dict[str, Offered | None] = field(default_factory=dict)

    def constraints(self, wanted: Mapping[str, Wanted] | None) -> str:
        """``constraints.txt``: what narrows."""
        found = constraints(self._counted(wanted), self._newest, wanted)
        return found.text(*self._head("constraints" if wanted is None else "constraints-for", wanted))

    def overrides(self, wanted: Mapping[str, Wanted] | None, *, widening: bool) -> str:
        """``overrides.txt``: what widens, if it is wanted."""
        head = self._head("overrides", wanted)
        if not widening:
            count = sum(one.record.kind == "widening" for one in self._counted(wanted))
            return Guidance().text(*head, f"What widens is not asked for: {count} with ?widening=1.")
        found = overrides(self._counted(wanted), self._newest, lambda name: self._asked_of(name, wanted), wanted)
        return found.text(*head)

    def uv(self, wanted: Mapping[str, Wanted] | None, *, widening: bool) -> str:
        """``uv.toml``: the amended releases' metadata as it is to be read."""
        counted = self._counted(wanted)
        with self.views.database.read() as sql:
            rows = amended_releases(sql, [one.record.id for one in counted])
        projects = {one.record.id: one.record.project for one in counted}
        known = {
            (projects[amendment_id], version): Metadata(row.requires_dist, row.requires_python, row.provides_extra)
            for (amendment_id, version), row in rows.items()
        }
        return uv_metadata(counted, known, widening=widening, wanted=wanted).text(*self._head("uv", wanted))

    def _head(self, what: str, wanted: Mapping[str, Wanted] | None) -> list[str]:
        whom = "everybody" if wanted is None else f"{len(wanted)} packages that were named"
        return [f"Amendments of the view {self.view.name}, for {whom}.", *_GUARANTEES[what]]

    def _counted(self, wanted: Mapping[str, Wanted] | None) -> list[Counted]:
        with self.views.database.read() as sql:
            told: list[Told] = counting_in(sql, self.view.name, wanted)
            reaching = reach_beyond(sql, told)
        return [Counted(one.record, one.record.id in reaching) for one in told]

    def _newest(self, name: str) -> str:
        """The newest version that installers would take: no pre-release and nothing yanked, if there is another."""
        offered = self._offered(name)
        files = offered.page.files if offered is not None else ()
        versions = {one.version: False for one in files} | {one.version: True for one in files if not one.yanked}
        ranked = sorted(versions, key=lambda text: (versions[text], not Version(text).is_prerelease, Version(text)))
        return ranked[-1] if ranked else ""

    def _offered(self, name: str) -> Offered | None:
        """What the view offers of a project, looked up once; None for more of them than anybody waits for."""
        if name not in self.seen and len(self.seen) < MOST_LOOKED_UP:
            try:
                self.seen[name] = self.views.offered(self.view, name)
            except Unavailable:
                self.seen[name] = None
        return self.seen.get(name)

    def _asked_of(self, other: str, wanted: Mapping[str, Wanted] | None) -> tuple[SpecifierSet, list[str]]:
        """What the packages of the set ask of one project, those that are amended as amended; and who is unknown."""
        whole, unknown = SpecifierSet(), list[str]()
        counted = [one.record for one in self._counted(wanted)] if wanted else []
        for name, mine in (wanted or {}).items():
            if name == other:
                continue
            release = self._release(name, mine.version or self._newest(name))
            if release is None:
                unknown.append(name)
                continue
            own = [one for one in counted if one.project == name and one.is_about(release.version)]
            for text in amended_requires([line(each) for each in release.asks(other)], own):
                whole &= Requirement(text).specifier
        return whole, unknown

    def _release(self, name: str, version: str) -> Released | None:
        parsed = version_of(version)
        with self.views.database.read() as sql:
            found = queries.find_project(sql, name)
            if found is not None:
                rows = hosted_releases(sql, found.id) if found.public else []
                return next((one for one in rows if version_of(one.version) == parsed), None)
        offered = self._offered(name)
        files = offered.mirrored.files if offered is not None and offered.mirrored is not None else ()
        seen = [one.inspected for one in files if is_same_version(one.version, version) and one.inspected is not None]
        return Released(version, seen[0].requires) if seen else None


def read_set(texts: list[str]) -> dict[str, Wanted] | None:
    """What the reader names, each ``foo``, ``foo[x]`` or ``foo==1.0``; None if he names nothing. Raises `Rejected`."""
    if not texts:
        return None
    if len(texts) > MOST_WANTED:
        raise Rejected("too-many", "for", f"{len(texts)} packages", f"at most {MOST_WANTED}")
    try:
        return read_wanted([text[:300] for text in texts])
    except (InvalidRequirement, ValueError) as error:
        raise Rejected("bad-requirement", "for", "one of them is no requirement", "foo, foo[x] or foo==1.0") from error

"""Which amendments are about the versions of a lock, and which of them it contradicts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple

from packaging.requirements import Requirement

from customhouse.consume.amendments import MEMBER, Believing
from customhouse.consume.lock.listing import Listing, Listings
from customhouse.consume.lock.written import Graph
from customhouse.consume.view_address import Place
from customhouse.consume.wire import NOT_FOUND, Wire
from customhouse.formats.amendment import Amendment, extra_of, line
from customhouse.formats.inventory.toml_lock import read_lock_toml, some_tables, text, texts
from customhouse.formats.osv.matching import read_version
from customhouse.terms.names import normalize


class Contradiction(NamedTuple):
    """One amendment that a chosen version does not fit."""

    id: str
    package: str
    """Whose version does not fit."""
    constraint: str
    """A line that would keep it away."""
    sentence: str


class Guide:
    """The amendments of an index, believed only with its signature."""

    def __init__(self, wire: Wire, place: Place, listings: Listings, now: datetime) -> None:
        self._wire = wire
        self._place = place
        self._listings = listings
        self._believing = Believing(wire, place.base, now, view=place.view)

    @property
    def disbelieved(self) -> list[str]:
        """Records that were passed over, as sentences."""
        return list(dict.fromkeys(self._believing.disbelieved))

    def contradictions(self, graph: Graph) -> tuple[list[str], list[Contradiction]]:
        """The ids of the narrowing amendments on what was chosen, and those that are contradicted."""
        counted: list[str] = []
        found: list[Contradiction] = []
        for one, target in self._about(graph, "narrowing"):
            counted.append(one.id)
            package = normalize(target.name)
            if any(not target.specifier.contains(version, prereleases=True) for version in _versions(graph, package)):
                target.extras, target.marker = set(), None
                found.append(Contradiction(one.id, package, line(target), sentence(one)))
        return counted, found

    def widened(self, graph: Graph) -> list[tuple[str, str, str]]:
        """Id, package and sentence of each amendment that lets in what was chosen, and that nothing else would."""
        return [
            (one.id, normalize(target.name), sentence(one))
            for one, target in self._about(graph, "widening")
            if any(not Requirement(one.before).specifier.contains(version, prereleases=True)
                   for version in _versions(graph, normalize(target.name)))
        ]  # fmt: skip

    def of(self, name: str) -> list[Amendment]:
        """The amendments on a project that count, with a signature that fits."""
        listing = self._listings.of(name)
        told = listing.own.get(MEMBER) if isinstance(listing, Listing) else None
        return self._believing.counting(told, name) if told else []

    def widening(self) -> str:
        """What the view says amended releases require, as settings of uv: only that, whatever else stands there.

        Empty if it says nothing. Raises `Unavailable`, and `Rejected` for what is no TOML.
        """
        if not self._place.view:
            return ""
        answer = self._wire.get(f"{self._place.within('uv.toml')}?widening=1")
        if answer.status == NOT_FOUND:
            return ""
        values = read_lock_toml(answer.body.decode("utf-8", "replace"), "uv.toml of the view", whole=True)
        return "".join(_metadata(one) for one in some_tables(values.get("dependency-metadata")))

    def _about(self, graph: Graph, kind: str) -> Iterator[tuple[Amendment, Requirement]]:
        """The amendments on chosen releases, each with the requirement as it is to be read."""
        for name, versions in graph.versions.items():
            normal = {str(read_version(one) or one) for one in versions}
            for one in self.of(name):
                if one.kind != kind or not normal & set(one.versions):
                    continue
                target = Requirement(one.after)
                if name in graph.above.get(normalize(target.name), ()) or (not graph.above and extra_of(target) == ""):
                    # Else it is for an extra or a platform that is not here. A lock may not know who requires whom.
                    yield one, target


def sentence(one: Amendment) -> str:
    """An amendment in words."""
    versions = ", ".join(one.versions[:3]) + (" …" if len(one.versions) > 3 else "")  # noqa: PLR2004 - who reads on
    return f"{one.project} {versions} is amended to {one.after} ({one.role}, {one.at:%Y-%m-%d}): {one.reason}."


def _versions(graph: Graph, package: str) -> list[str]:
    return [one for one in graph.versions.get(package, ()) if read_version(one) is not None]


def _metadata(one: dict[str, Any]) -> str:
    lines = ["[[dependency-metadata]]"]
    lines += [f"{key} = {json.dumps(one[key])}" for key in ("name", "version", "requires-python") if text(one.get(key))]
    lines += [
        f"{key} = [{', '.join(json.dumps(some) for some in texts(one[key]))}]"
        for key in ("requires-dist", "provides-extra", "provides-extras") if isinstance(one.get(key), list)
    ]  # fmt: skip
    return "\n".join([*lines, "", ""])

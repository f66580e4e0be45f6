"""Which amendments are about the versions of a lock, and which of them it contradicts."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from packaging.requirements import Requirement

from customhouse.consume.lock.listing import Listing, Listings
from customhouse.consume.lock.written import Graph
from customhouse.consume.view_address import Place
from customhouse.consume.wire import NOT_FOUND, Wire
from customhouse.formats.amendment import (
    Amendment,
    PublicKey,
    Withdrawal,
    counting,
    extra_of,
    line,
    read_envelope,
    read_keys,
    verify,
)
from customhouse.formats.osv.matching import read_version
from customhouse.terms.errors import Rejected, Unavailable
from customhouse.terms.names import normalize

KEYS = ".well-known/customhouse-keys.json"
MEMBER = "amendments"


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
        self._now = now
        self._keys: tuple[PublicKey, ...] | None = None
        self.disbelieved: list[str] = []
        """Records that were passed over, as sentences."""

    def contradictions(self, graph: Graph) -> tuple[list[str], list[Contradiction]]:
        """The ids of the narrowing amendments on what was chosen, and those that are contradicted."""
        counted: list[str] = []
        found: list[Contradiction] = []
        for name, versions in graph.versions.items():
            normal = {str(read_version(one) or one) for one in versions}
            for one in self.of(name):
                if one.kind != "narrowing" or not normal & set(one.versions):
                    continue
                counted.append(one.id)
                target = Requirement(one.after)
                package = normalize(target.name)
                if name not in graph.above.get(package, ()) and (graph.above or extra_of(target) != ""):
                    # It is for an extra or a platform that is not here. A lock may not know who requires whom.
                    continue
                wrong = [
                    text for text in graph.versions.get(package, ())
                    if read_version(text) is not None and not target.specifier.contains(text, prereleases=True)
                ]  # fmt: skip
                if wrong:
                    target.extras, target.marker = set(), None
                    found.append(Contradiction(one.id, package, line(target), sentence(one)))
        return counted, found

    def of(self, name: str) -> list[Amendment]:
        """The amendments on a project that count, with a signature that fits."""
        listing = self._listings.of(name)
        told = listing.own.get(MEMBER) if isinstance(listing, Listing) else None
        if not isinstance(told, list) or not told:
            return []
        return counting([one for one in self._believed(told) if one.project == name])

    def overrides(self) -> str:
        """What the view offers for ``--overrides``; nothing if it has none. Raises `Unavailable`."""
        if not self._place.base:
            return ""
        answer = self._wire.get(self._place.within("overrides.txt"))
        return "" if answer.status == NOT_FOUND else answer.body.decode("utf-8", "replace")

    def _believed(self, told: Sequence[object]) -> Iterator[Amendment | Withdrawal]:
        for one in told:
            try:
                signed = read_envelope(one)
                verify(signed, self._known_keys(), self._now)
            except (Rejected, Unavailable) as error:
                self.disbelieved.append(str(error))
            else:
                yield signed.record

    def _known_keys(self) -> tuple[PublicKey, ...]:
        if self._keys is None:
            self._keys = ()
            if self._place.base:
                answer = self._wire.get(f"{self._place.base}{KEYS}")
                self._keys = () if answer.status == NOT_FOUND else read_keys(_json(answer.body))
        return self._keys


def sentence(one: Amendment) -> str:
    """An amendment in words."""
    versions = ", ".join(one.versions[:3]) + (" …" if len(one.versions) > 3 else "")  # noqa: PLR2004 - who reads on
    return f"{one.project} {versions} is amended to {one.after} ({one.role}, {one.at:%Y-%m-%d}): {one.reason}."


def _json(body: bytes) -> Mapping[str, object]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Rejected("bad-keys", "keys", "they are no JSON") from error
    return found if isinstance(found, dict) else {}

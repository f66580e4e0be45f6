"""A resolution that heeds amendments: what owners and operators have said of released versions afterwards.

What narrows counts by default. It is looked up for exactly the versions that were chosen, and those that contradict it
are resolved again with its bound as a constraint, until nothing contradicts any more. So an amendment on foo 1.0 binds
nobody who has foo 2.0. What widens counts only if whoever locks has said so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from customhouse.consume.lock.amended import Contradiction, Guide
from customhouse.consume.lock.listing import Listings
from customhouse.consume.lock.resolve import Resolved, Wish, resolve
from customhouse.consume.lock.written import graph_of
from customhouse.consume.view_address import Place
from customhouse.consume.wire import Wire
from customhouse.terms.errors import Refused, Unavailable

MOST_ROUNDS = 20


@dataclass(frozen=True, slots=True)
class Guided:
    """What was resolved, and which amendments counted."""

    resolved: Resolved
    counted: tuple[str, ...]
    """Their ids."""
    said: Mapping[str, tuple[str, ...]]
    """By package: why another version of it was chosen. Sentences."""
    disbelieved: tuple[str, ...] = ()
    """Amendments that were passed over, because the index has not signed them. Sentences."""
    unseen: tuple[str, ...] = ()
    """Packages whose amendments nobody has seen, because their page could not be had. Sentences."""


def resolve_guided(
    wish: Wish, place: Place, listings: Listings, wire: Wire, environment: Mapping[str, str], now: datetime, *,
    widen: bool,
) -> Guided:  # fmt: skip
    """Resolve until no amendment contradicts. Raises what `resolve` raises."""
    guide = Guide(wire, place, listings, now)
    widened = guide.widening() if widen else ""
    found: dict[str, Contradiction] = {}
    for _round in range(MOST_ROUNDS):
        lines = "\n".join(one.constraint for one in found.values())
        try:
            resolved = resolve(replace(wish, constraints=lines, widened=widened), environment)
        except Refused as error:
            if not found:
                raise
            why = " ".join(one.sentence for one in found.values())
            raise Refused("no-solution", error.sentence, f"These amendments count: {why} {error.accepted}") from error
        graph = graph_of(resolved, wish.asked.wanted)
        listings.ask(graph.versions)
        counted, contradicted = guide.contradictions(graph)
        new = [one for one in contradicted if one.id not in found]
        if not new:
            said: dict[str, tuple[str, ...]] = {}
            wider = guide.widened(graph) if widened else []
            for package, sentence in [*((one.package, one.sentence) for one in found.values()),
                                      *((package, sentence) for _id, package, sentence in wider)]:  # fmt: skip
                said[package] = (*said.get(package, ()), sentence)
            ids = [*found, *counted, *(one for one, _package, _sentence in wider)]
            unseen = tuple(f"{name}: {page}" for name in graph.versions
                           if isinstance(page := listings.of(name), Unavailable))  # fmt: skip
            return Guided(resolved, tuple(dict.fromkeys(ids)), said, tuple(guide.disbelieved), unseen)
        found |= {one.id: one for one in new}
    raise Refused("no-solution", f"After {MOST_ROUNDS} rounds there are still amendments that contradict each other.")

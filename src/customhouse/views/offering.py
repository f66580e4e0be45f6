"""What views offer: the chain put together for one view, for whoever renders, explains or simulates."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache

from customhouse.catalog import queries
from customhouse.catalog.hosted import changed_serials
from customhouse.formats.policy.model import Decision
from customhouse.formats.policy.read import read_policy
from customhouse.formats.policy.rule import Policy
from customhouse.infra.db import Database
from customhouse.infra.pages import epoch_name, name_in_views
from customhouse.mirror.model import Inspected, MirroredProject
from customhouse.terms.clock import Clock
from customhouse.terms.errors import Refused, Rejected, Unavailable
from customhouse.views.amended import Amended
from customhouse.views.chain import AsOf, FirstThatHas, Hosted, Known, Pulls, Source, UnderPolicy, Upstream, judge_one
from customhouse.views.facts.subject import Surroundings
from customhouse.views.model import Offered, View
from customhouse.views.queries import find_view

FRESH = timedelta(seconds=30)
"""A page is as good as new for so long after the upstream has confirmed it."""
FILES_WITHIN = timedelta(seconds=60)
"""No file is handed out that the upstream has not confirmed within that time, if it can be reached."""
STALE = timedelta(hours=1)
"""A page is served while it is renewed if the upstream has confirmed it within that time."""


INSIDE = frozenset({"archive", "malformed", "licence", "bundled-vulnerabilities", "binary"})
"""Signals that only the whole file tells."""


@dataclass(frozen=True)
class Views:
    """All views of this index."""

    database: Database
    clock: Clock
    pulls: Pulls
    around: Surroundings
    deleted_files_answer: timedelta
    site: str

    def find(self, name: str) -> View | None:
        """One view as it is defined now."""
        with self.database.read() as sql:
            return find_view(sql, name)

    def get(self, name: str) -> View:
        """The same; raises `Refused` (404) if there is none."""
        found = self.find(name)
        if found is None:
            raise _no_view()
        return found

    def is_private(self, normalized: str) -> bool:
        """Whether it is a private project of ours, which whoever asks may be allowed to read."""
        with self.database.read() as sql:
            found = queries.find_project(sql, normalized)
        return found is not None and found.visibility == "private" and found.deleted_at is None

    def as_of_now(self, view: str, normalized: str) -> tuple[View, dict[str, int]]:
        """A view, and at which serials it and a project last changed: what is rendered from now on counts for these.

        All of it is of one moment: who renders by an older definition would store it as what the new one lets in.
        Raises `Refused` (404) if the view has ended.
        """
        with self.database.read(snapshot=True) as sql:
            found = find_view(sql, view)
            serials = changed_serials(sql, _names(view, normalized))
        if found is None:
            raise _no_view()
        return found, serials

    def serials(self, view: str, normalized: str) -> dict[str, int]:
        """Those serials alone."""
        with self.database.read() as sql:
            return changed_serials(sql, _names(view, normalized))

    def offered(
        self, view: View, normalized: str, *, policy: Policy | None = None, as_of: datetime | None = None,
        within: timedelta = FRESH, private: bool = False, explaining: bool = False,
        known: MirroredProject | None = None,
    ) -> Offered | None:  # fmt: skip
        """One project as the view offers it, or None if it has none that strangers may know of.

        ``policy`` is one to try out instead of the view's own; ``as_of`` leaves only what had been uploaded by then and
        decides as of then; ``private`` lets the one who asks see private projects, and only those; ``explaining`` looks
        at every rule; ``known`` is what the upstream has just said, if it was asked. Raises `Unavailable` if the
        policy, or what it rests on, cannot be read: nothing is let in then.
        """
        policy = policy or policy_of(view, self.around.internal_names)
        pulls = self.pulls if known is None else Known(known)
        chain = self._chain(view, policy, as_of, within, pulls, private=private, explaining=explaining)
        return chain.project(normalized)

    def looks_inside(self, view: View) -> bool:
        """Whether the policy asks for anything that only the whole file tells."""
        return bool(policy_of(view, self.around.internal_names).signals & INSIDE)

    def judge(self, view: View, offered: Offered, filename: str, seen: Inspected) -> Decision:
        """What becomes of a file of an upstream now that it is here and somebody has looked into it."""
        mirrored = offered.mirrored
        if mirrored is None:
            raise LookupError(f"{filename} is not from an upstream")
        files = tuple(replace(one, inspected=seen) if one.filename == filename else one for one in mirrored.files)
        policy, now = policy_of(view, self.around.internal_names), self.clock.now()
        return judge_one(
            self.database, self.around, policy, replace(offered, mirrored=replace(mirrored, files=files)), filename, now
        )

    def _chain(
        self, view: View, policy: Policy, as_of: datetime | None, within: timedelta, pulls: Pulls, *, private: bool,
        explaining: bool,
    ) -> Source:  # fmt: skip
        now = self.clock.now()
        hosted = Hosted(self.database, now, self.deleted_files_answer, self.site, private)
        source: Source = FirstThatHas(hosted, Upstream(pulls, view.upstreams, within, self.site, view.name))
        if as_of is not None:
            source = AsOf(source, as_of)
        source = Amended(source, self.database, view.name, as_of)
        return UnderPolicy(source, policy, self.database, self.around, as_of or now, as_of, explaining)


def _names(view: str, normalized: str) -> tuple[str, str, str]:
    """By these names the table `changed` knows what a project in a view rests on."""
    return normalized, name_in_views(normalized), epoch_name(view)


def _no_view() -> Refused:
    return Refused("unknown-view", "There is no such view here.", status=404)


def policy_of(view: View, internal: tuple[str, ...] = ()) -> Policy:
    """The view's policy as it was accepted; raises `Unavailable` if what the database holds is none."""
    try:
        # Exceptions that have expired since are no fault: they spare nothing any more.
        return _read(view.policy, view.changed_at, internal)
    except Rejected as error:
        why = f"its policy cannot be read ({error})"
        raise Unavailable(f"The view {view.name}", why, retry_after_seconds=60) from error


@lru_cache(maxsize=64)
def _read(text: str, accepted_at: datetime, internal: tuple[str, ...]) -> Policy:
    return read_policy(text, now=accepted_at, internal=internal)

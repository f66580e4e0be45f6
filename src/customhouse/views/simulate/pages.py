"""The pages of a candidate's address: exactly what the policy would make, and no file behind them.

Whoever resolves needs listings and metadata. Files are not handed out: a candidate that lets everything in would be a
way round the view's own policy.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from threading import Lock

from customhouse.formats.simple import SimpleFile, SimplePage
from customhouse.terms.errors import Refused
from customhouse.views.model import View
from customhouse.views.simulate.candidates import Tried
from customhouse.views.simulate.judge import BESIDES, Judge, never_let_in
from customhouse.views.simulate.there import Looking

KEPT = 200
"""Pages that one process remembers: what they are made of is remembered longer."""
KEPT_FOR = timedelta(seconds=60)


@dataclass
class CandidatePages:
    """What candidates list; a process remembers a bounded number of pages for a minute. Threads share it."""

    looking: Looking
    _kept: OrderedDict[tuple[object, ...], tuple[datetime, SimplePage | None]] = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)

    def page(self, view: View, tried: Tried, name: str) -> SimplePage | None:
        """The project's page, or None if the view has no such project. Addresses of files are relative to it."""
        now = self.looking.views.clock.now()
        key = (tried.id, view.epoch, name, tried.spares(name))
        with self._lock:
            kept = self._kept.get(key)
            if kept is not None and now - kept[0] < KEPT_FOR:
                self._kept.move_to_end(key)
                return kept[1]
        found = self._made(view, tried, name)
        with self._lock:
            self._kept[key] = (now, found)
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return found

    def file(self, view: View, tried: Tried, name: str, filename: str) -> SimpleFile:
        """One file that the candidate lists; raises `Refused` (404) for every other."""
        page = self.page(view, tried, name)
        found = next((one for one in page.files if one.filename == filename), None) if page is not None else None
        if found is None:
            raise Refused("no-such-file", "The candidate does not list this file.", status=404)
        return found

    def _made(self, view: View, tried: Tried, name: str) -> SimplePage | None:
        wants = tried.policy.signals | BESIDES
        there = self.looking.there(view, name, wants=wants, as_of=tried.as_of)
        if there is None:
            return None
        page = there.offered.page
        if tried.spares(name):
            files = tuple(one for one in page.files if not never_let_in(there, one))
        else:
            judge = Judge(tried.policy, there, tried.as_of or self.looking.views.clock.now())
            files = tuple(one for one in page.files if judge.of(one).lets_through)
        shown = tuple(
            replace(one, url=f"../../files/{name}/{one.filename}", provenance=None, signals={}) for one in files
        )
        versions = tuple(dict.fromkeys(one.version for one in shown))
        return replace(page, files=shown, versions=versions, signals={})

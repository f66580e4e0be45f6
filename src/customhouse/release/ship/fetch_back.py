"""``index.fetch_back``: what strangers get is what was signed, looked at the way they look."""

from __future__ import annotations

from customhouse.release.actions import Outcome, StepRun
from customhouse.release.ship import folder_fetch_back, index_fetch_back
from customhouse.release.ship.portions import portions, some


class FetchBack:
    """See the module."""

    def do(self, run: StepRun) -> Outcome:
        """Fetch and compare, again until caches have caught up; raises `Tampered` where they do not.

        Facts: ``fetched:NAME`` the SHA-256 of what came, ``from:NAME`` its address.
        """
        found = some(portions(run), run)
        return found.outcome(run, found.done(run, index_fetch_back.fetch_back, folder_fetch_back.fetch_back))

    def probe(self, _run: StepRun) -> Outcome | None:
        """It changes nothing, so it is simply done again."""
        return None

    def undo(self, _run: StepRun) -> str:
        """It has changed nothing."""
        return "nothing to undo"

"""``index.stage``: what was built becomes a release that nobody sees yet, on an index and beside a download server."""

from __future__ import annotations

from customhouse.release.actions import Outcome, StepRun
from customhouse.release.ship import folder_stage, index_stage
from customhouse.release.ship.portions import portions, some


class Stage:
    """See the module."""

    def do(self, run: StepRun) -> Outcome:
        """Stage; raises `Problem`, `Tampered` where the stage holds what nobody here has made."""
        found = some(portions(run), run)
        facts: dict[str, str] = {}
        if found.dists:
            facts |= index_stage.stage(run, found.dists)
        if found.files:
            facts |= folder_stage.stage(run, found.files, found.env)
        return found.outcome(run, facts)

    def probe(self, run: StepRun) -> Outcome | None:
        """Whether the stage of this attempt holds exactly these files."""
        found = some(portions(run), run)
        facts: dict[str, str] = {}
        if found.dists:
            seen = index_stage.probe(run, found.dists)
            if seen is None:
                return None
            facts |= seen
        if found.files:
            seen = folder_stage.probe(run, found.files, found.env)
            if seen is None:
                return None
            facts |= seen
        return found.outcome(run, facts)

    def undo(self, run: StepRun) -> str:
        """Throw the stage away."""
        found = portions(run)
        said = [index_stage.undo(run)] if found.dists else []
        said += [folder_stage.undo(run, found.env)] if found.env else []
        return "undone" if "undone" in said else "nothing to undo"

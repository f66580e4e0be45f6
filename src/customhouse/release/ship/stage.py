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
        return found.outcome(run, found.done(run, index_stage.stage, folder_stage.stage))

    def probe(self, run: StepRun) -> Outcome | None:
        """Whether the stage of this attempt holds exactly these files."""
        found = some(portions(run), run)
        facts = found.seen(run, index_stage.probe, folder_stage.probe)
        return None if facts is None else found.outcome(run, facts)

    def undo(self, run: StepRun) -> str:
        """Throw the stage away."""
        found = portions(run)
        said = [index_stage.undo(run)] if found.dists else []
        said += [folder_stage.undo(run, found.env)] if found.env else []
        return "undone" if "undone" in said else "nothing to undo"

"""``index.publish``: the staged release appears at once, with exactly the files that were tested and signed."""

from __future__ import annotations

from dataclasses import replace

from customhouse.release.actions import Outcome, StepRun
from customhouse.release.events import Published
from customhouse.release.ship import folder_publish, index_publish
from customhouse.release.ship.portions import Portions, portions, some
from customhouse.release.ship.signed import signed_files
from customhouse.release.ship.signed_before import refuse_unsigned


class Publish:
    """See the module."""

    def do(self, run: StepRun) -> Outcome:
        """Publish; raises `Problem`, `Tampered`. Doing it again after a crash never publishes twice.

        The index first, which may say no; then the folder, which only a broken disk can refuse. A crash in between is
        mended by doing it again: what is public already is left as it is.
        """
        refuse_unsigned(run, signed_files(run))
        found = some(portions(run), run)
        return _outcome(run, found, found.done(run, index_publish.publish, folder_publish.publish))

    def probe(self, run: StepRun) -> Outcome | None:
        """Whether exactly these files are public. Raises `Tampered` if others are."""
        found = some(portions(run), run)
        facts = found.seen(run, index_publish.probe, folder_publish.probe)
        return None if facts is None else _outcome(run, found, facts)

    def undo(self, _run: StepRun) -> str:
        """What strangers have cannot be taken from them."""
        return "nothing to undo"


def _outcome(run: StepRun, found: Portions, facts: dict[str, str]) -> Outcome:
    address = facts.get("address") or facts["files_address"]
    event = Published(run.step.id, run.attempt, address, found.all)
    return replace(found.outcome(run, facts), events=(event,))

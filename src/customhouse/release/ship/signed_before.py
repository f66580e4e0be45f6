"""Nothing is published that was signed as something else."""

from __future__ import annotations

from customhouse.release.actions import StepRun, Tampered
from customhouse.release.ship.compare import digests
from customhouse.release.signing.declared import files_of, signing_steps
from customhouse.release.things import Things


def refuse_unsigned(run: StepRun, signed: Things) -> None:
    """Where the pipeline signs, each file that was signed under this name must be the one that is published."""
    if not signing_steps(run.pipeline):
        return
    known = digests(signed)
    for thing in files_of(run):
        if thing.name in known and known[thing.name] != thing.digest:
            saw, signed_as = f"{thing.name} has the digest {thing.digest}", f"{known[thing.name]}, which was signed"
            raise Tampered("not-as-signed", saw, signed_as, place=run.step.id)

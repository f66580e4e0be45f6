"""``handover``: what comes in is what was made, and lies in the store with the same bytes. Made at every hand-over."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from customhouse.release.actions import Look, Outcome, StepRun, Tampered
from customhouse.release.standing import artifacts_of
from customhouse.release.things import Things

NAME = "handover"


class Handover:
    """See the module. Before a step: its inputs, each file hashed. After it: its outputs are in the store."""

    def look(self, run: StepRun, outcome: Outcome | None) -> Look:
        """Compare names and digests, as sets: none more, none less; then read every file."""
        if outcome is not None:
            return _kept(run, outcome)
        made = artifacts_of(run.pipeline, run.state.steps)
        for artifact, things in run.inputs.items():
            if fault := _difference(made.get(artifact, ()), things):
                return Look(NAME, False, f"the {artifact} that was made", fault, artifact)
        run.folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=run.folder, prefix="handover-") as folder:
            for artifact, things in run.inputs.items():
                try:
                    _read(run, things, Path(folder) / artifact)
                except Tampered as fault:
                    return Look(NAME, False, fault.expected, fault.saw, f"{artifact}: {fault.place}")
        count = sum(map(len, run.inputs.values()))
        return Look(NAME, True, f"{count} as made", f"{count} as made")


def _kept(run: StepRun, outcome: Outcome) -> Look:
    files = [thing for things in outcome.outputs.values() for thing in things if thing.algorithm == "sha256"]
    for thing in files:
        if not run.store.has(thing.digest):
            return Look(NAME, False, f"SHA-256 {thing.digest}", "it is not in the store", thing.name)
    return Look(NAME, True, f"{len(files)} in the store", f"{len(files)} in the store")


def _read(run: StepRun, things: Things, into: Path) -> None:
    into.mkdir(parents=True)
    for thing in things:
        if thing.algorithm == "sha256":
            run.store.fetch(thing, into).unlink()


def _difference(made: Things, taken: Things) -> str:
    """What is not the same, as a sentence; empty where all is."""
    was, now = ({thing.name: thing.digest for thing in one} for one in (made, taken))
    for name in sorted(was.keys() | now.keys()):
        if name not in was:
            return f"{name!r} was not made"
        if name not in now:
            return f"{name!r} is missing"
        if was[name] != now[name]:
            return f"{name!r} has the digest {now[name]}, and {was[name]} was made"
    return "" if len(made) == len(taken) else "a name is there twice"

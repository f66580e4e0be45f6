"""``complete``: every declared file is there, and no other (CPython's releases lacked a signature three times)."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase

from customhouse.formats.pipeline.model import Artifact
from customhouse.formats.plain import plain
from customhouse.release.actions import Look, Outcome, StepRun
from customhouse.release.checks.files import looked_at, told
from customhouse.release.things import Things

_CHECK = "complete"
_COVERED = "{artifact}"


class Complete:
    """See the module."""

    def look(self, run: StepRun, outcome: Outcome | None) -> Look:
        """Compare names."""
        made = looked_at(run, outcome)
        faults: list[str] = []
        count = 0
        for name, things in made.items():
            artifact = run.pipeline.artifact(name)
            patterns = expected_names(artifact, {**run.state.artifacts, **run.inputs})
            names = [thing.name for thing in things]
            count += len(names)
            faults += [f"{pattern} is missing" for pattern in patterns
                       if not any(fnmatchcase(one, pattern) for one in names)]  # fmt: skip
            faults += [f"{plain(one, 150)} is not declared" for one in names
                       if patterns and not any(fnmatchcase(one, pattern) for pattern in patterns)]  # fmt: skip
        wanted = [pattern for name in made for pattern in run.pipeline.artifact(name).names]
        return Look(_CHECK, not faults, ", ".join(wanted), told(faults) or f"{count} files, as declared", run.step.id)


def expected_names(artifact: Artifact, artifacts: Mapping[str, Things]) -> list[str]:
    """The patterns of an artifact's files; of signatures, one for each file that they cover."""
    found = []
    for pattern in artifact.names:
        if _COVERED not in pattern:
            found.append(pattern)
            continue
        covered = [thing.name for name in artifact.covers for thing in artifacts.get(name, ())]
        found += [pattern.replace(_COVERED, _literally(name)) for name in covered]
    return found


def _literally(name: str) -> str:
    """A name as a pattern that only it fits."""
    return "".join(f"[{character}]" if character in "*?[" else character for character in name)

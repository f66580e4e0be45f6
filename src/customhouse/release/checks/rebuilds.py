"""``rebuilds-agree``: enough builders, each somebody else, have built the same bytes.

One that built something else stops the run, however many agree: either a builder is not to be trusted or the build is
not reproducible, and a person must look at which (SolarWinds, 2020: a builder changed what it built).
"""

from __future__ import annotations

from customhouse.formats.plain import plain
from customhouse.release.actions import Look, Outcome, StepRun
from customhouse.release.building.difference import agreement
from customhouse.release.checks.files import told

_CHECK = "rebuilds-agree"


class RebuildsAgree:
    """See the module."""

    def look(self, run: StepRun, outcome: Outcome | None) -> Look:
        """Compare what was built with each rebuild of this attempt, and count builders."""
        declared = run.pipeline.step(run.step.id).rebuild
        needed = declared.agree if declared is not None else 1
        state = run.state.steps.get(run.step.id)
        ours = outcome.outputs if outcome is not None else state.outputs if state is not None else {}
        agreed = {run.pipeline.step(run.step.id).actor}
        faults = []
        for rebuilt in state.rebuilds if state is not None else ():
            if rebuilt.attempt != run.attempt:
                continue
            same, why = agreement(run, ours, rebuilt.outputs, run.folder / f"compared-{rebuilt.by}")
            if same and rebuilt.agrees:
                agreed.add(rebuilt.by)
            else:
                faults.append(f"{rebuilt.by} built something else: {plain(rebuilt.difference or why, 1500)}")
        expected = f"{needed} builders with the same bytes"
        if faults:
            return Look(_CHECK, ok=False, expected=expected, saw=told(faults, 2), place=run.step.id)
        saw = f"{len(agreed)}: {', '.join(sorted(agreed))}"
        return Look(_CHECK, len(agreed) >= needed, expected, saw, run.step.id)

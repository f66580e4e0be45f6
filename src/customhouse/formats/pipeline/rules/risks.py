"""Rules of risks: what can go wrong is stopped by something that is really there."""

from __future__ import annotations

from collections.abc import Iterator

from customhouse.formats.pipeline.facts import Facts
from customhouse.formats.pipeline.finding import Finding, error, warning
from customhouse.formats.pipeline.mitigations import judged_at
from customhouse.formats.pipeline.vocabulary import MITIGATIONS


def risk_rules(facts: Facts) -> Iterator[Finding]:
    """Findings about risks, where they stand."""
    used = {risk for step in facts.pipeline.steps for risk in step.risks}
    for risk in facts.pipeline.risks:
        if risk.id not in used:
            yield warning(
                "risk-nowhere", f"risk {risk.id}", "No step has it.", f'Name it where it stands: risks = ["{risk.id}"].'
            )
        for step in facts.pipeline.steps:
            if risk.id not in step.risks:
                continue
            judged = judged_at(facts, risk, step)
            absent = [one for one in judged if one.missing]
            place = f"step {step.id}"
            if len(absent) == len(judged):
                why = f": {absent[0].mitigation} is not there, {absent[0].missing}." if absent else "."
                yield error(
                    "risk-unmitigated", place, f"Nothing stops the risk {risk.id}{why}",
                    f"Mend it, or name what stops it: {', '.join(MITIGATIONS)}.", risk=risk.id,
                )  # fmt: skip
                continue
            for one in absent:
                yield warning(
                    "mitigation-missing", place,
                    f"{one.mitigation} against {risk.id} is not there: {one.missing}.",
                    "Mend it, or take the mitigation out of the risk.", risk=risk.id,
                )  # fmt: skip

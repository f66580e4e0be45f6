"""Point 6: as many builders as the pipeline demands came to the same, each with provenance of his own."""

from __future__ import annotations

from customhouse.formats.pipeline.model import Step
from customhouse.release.events import Attested
from customhouse.release.evidence.points.case import Attestation, Case, Finding, Point, either, holds, some
from customhouse.release.evidence.points.signed import on_behalf
from customhouse.release.evidence.statements import uris
from customhouse.release.standing import distinct, meets_at_a_room, same_people
from customhouse.release.things import Things


def rebuilt(case: Case) -> Point:
    """The digests of each builder, compared; and the provenances that say the same under signature."""
    findings: list[Finding] = []
    for step in case.state.pipeline.steps:
        if step.rebuild is None or case.state.steps[step.id].status != "done":
            continue
        builders, faults = _agreeing(case, step)
        provenances = _provenances(case, step)
        speakers = {one.owed.speaker for one in provenances if one.owed is not None}
        if "sigstore" in case.state.places and len(speakers) < step.rebuild.agree:
            faults.append(f"{step.id}: {some(len(speakers), 'provenance')}, and {step.rebuild.agree} are needed")
        findings += either(
            faults, f"{step.id}: {', '.join(builders)} made the same, bit for bit; {_signers(case, provenances)}"
        )
    if not findings:
        findings.append(holds("the pipeline demands no second build: what the builder says is believed"))
    return Point(6, "Rebuilds", tuple(findings), _rests_on(case))


def _agreeing(case: Case, step: Step) -> tuple[list[str], list[str]]:
    """The builders that made the same, and what is wrong."""
    found, rebuild = case.state.steps[step.id], step.rebuild
    assert rebuild is not None  # noqa: S101 - whoever calls has looked
    same, builders, faults = same_people(case.state.pipeline), [step.actor], []
    for one in found.rebuilds:
        if one.by not in rebuild.by or same[one.by] in {same[each] for each in builders}:
            faults.append(f"{step.id}: {one.by} is no further builder")
        elif not one.agrees or not _equal(case, step, one.outputs, found.outputs):
            faults.append(f"{step.id}: {one.by} made something else: {one.difference[:80] or 'other bytes'}")
        else:
            builders.append(one.by)
    if len(builders) < rebuild.agree:
        faults.append(f"{step.id}: {some(len(builders), 'build')} agree, and {rebuild.agree} have to")
    return builders, faults


def _equal(case: Case, step: Step, one: object, other: object) -> bool:
    compared = [name for name in step.outputs if case.state.pipeline.artifact(name).reproducible] or list(step.outputs)
    return all(distinct(_of(one, name)) == distinct(_of(other, name)) for name in compared)


def _of(outputs: object, name: str) -> Things:
    found = outputs.get(name, ()) if hasattr(outputs, "get") else ()
    return tuple(found)


def _provenances(case: Case, step: Step) -> list[Attestation]:
    """Those of this step's newest attempt that verify; what is shown at an index beside a file says it once more."""
    attempt = case.state.steps[step.id].attempt
    names = {
        line.event.bundle.name
        for line in case.told.attested
        if isinstance(line.event, Attested)
        and line.event.step == step.id
        and line.event.predicate_type == uris.PROVENANCE
    }
    return [
        one
        for one in case.attestations
        if one.proved is not None
        and one.owed is not None
        and one.owed.shown is None
        and one.owed.name in names
        and getattr(one.owed.line.event, "attempt", 0) == attempt
    ]


def _signers(case: Case, provenances: list[Attestation]) -> str:
    own = sum(1 for one in provenances if not on_behalf(case, one))
    return f"{some(len(provenances), 'provenance')}, {own} signed by the builder itself"


def _rests_on(case: Case) -> str:
    if meets_at_a_room(case.state):
        return "that not all builders work for one"
    return "one machine: the run met at no room, so nobody else speaks for its builders"

"""Point 1: every signature is good, and of somebody whom the pipeline names."""

from __future__ import annotations

from collections.abc import Iterator

from customhouse.formats.pipeline.model import Pipeline
from customhouse.release.events import Attested
from customhouse.release.evidence.points.case import Attestation, Case, Finding, Point, either, fails, holds, some
from customhouse.release.evidence.points.case import unknown as not_known
from customhouse.release.evidence.statements.told import owed
from customhouse.release.standing import meets_at_a_room


def signed(case: Case) -> Point:
    """Statements and signatures verify against the trust root; who signed is who had to."""
    findings: list[Finding] = [fails(one) for one in case.broken]
    proved = [one for one in case.attestations if one.proved is not None]
    findings += _root(case)
    findings += either(list(_strangers(case)), _counted(case, len(proved)))
    findings += _complete(case)
    return Point(1, "Signatures", tuple(findings), _rests_on(case))


def identities(pipeline: Pipeline) -> tuple[str, ...]:
    """Every identity that the pipeline names."""
    return tuple(identity for actor in pipeline.actors for identity in actor.identities)


def on_behalf(case: Case, one: Attestation) -> bool:
    """Whether a statement is signed by somebody else than the actor whose fact it is."""
    if one.proved is None or one.owed is None:
        return False
    return not one.proved.is_one_of(_of_actor(case.state.pipeline, one.owed.speaker))


def _strangers(case: Case) -> Iterator[str]:
    known = identities(case.state.pipeline)
    for one in case.attestations:
        if one.proved is None or one.owed is None:
            continue
        speaker = one.owed.speaker
        if not one.proved.is_one_of(known):
            yield f"{one.member} is signed by {one.proved.shown}, whom the pipeline does not name"
        elif meets_at_a_room(case.state) and _must_be_own(case.state.pipeline, speaker) and on_behalf(case, one):
            yield f"{one.member} tells of {speaker} and is signed by {one.proved.shown}"
    for member, proved in case.signatures.items():
        if not proved.is_one_of(known):
            yield f"{member} is signed by {proved.shown}, whom the pipeline does not name"
    for seq, proved in case.anchors.items():
        if not proved.is_one_of(known):
            yield f"line {seq} is anchored by {proved.shown}, whom the pipeline does not name"


def _must_be_own(pipeline: Pipeline, speaker: str) -> bool:
    """A machine that has an identity signs for itself, or one builder could speak for the other."""
    return any(one.id == speaker and one.machine for one in pipeline.actors) and any(
        one.startswith("oidc:") for one in _of_actor(pipeline, speaker)
    )


def _of_actor(pipeline: Pipeline, speaker: str) -> tuple[str, ...]:
    return next((one.identities for one in pipeline.actors if one.id == speaker), ())


def _complete(case: Case) -> list[Finding]:
    said = {one.event.bundle.name for one in case.told.attested if isinstance(one.event, Attested)}
    missing = [one.name for one in owed(case.told) if one.name not in said and _counts(case, one.step, one.line.seq)]
    if not missing:
        return [holds("nothing that the journal tells of the release is unsaid")]
    if "sigstore" not in case.state.places:
        return [not_known("the run had no Sigstore: nothing is signed but by the engine and by GPG")]
    return [fails(f"no statement {missing[0]}" + (f", nor {len(missing) - 1} others" if missing[1:] else ""))]


def _counts(case: Case, step: str, seq: int) -> bool:
    """Whether a line is of the attempt that counts: what a restart has made void need not be said."""
    event = case.told.lines[seq].event
    return bool(getattr(event, "attempt", 1) == case.state.steps[step].attempt)


def _counted(case: Case, number: int) -> str:
    own = sum(1 for one in case.attestations if one.proved is not None and not on_behalf(case, one))
    files = len(case.signatures)
    return (
        f"{some(number, 'statement')} ({own} by the actor himself), {some(files, 'signature')} of files, "
        f"{some(len(case.anchors), 'anchor')}: certificate, time, log"
    )


def _root(case: Case) -> list[Finding]:
    brought = case.brought
    if brought.trust_root or brought.trust_root_sha256:
        return [holds("the trust root is the one that you brought")]
    if brought.remembered is not None and brought.remembered.trust_root_sha256:
        return [holds("the trust root is the one that you remember")]
    return [not_known("the trust root is the bundle's own; compare its digest, or bring yours: --trust-root")]


def _rests_on(case: Case) -> str:
    own = not (case.brought.trust_root or case.brought.trust_root_sha256)
    return "the trust root of this bundle" if own else "your trust root, and whoever runs that Sigstore"

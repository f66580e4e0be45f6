"""Point 1: every signature is good, and of somebody whom the pipeline names."""

from __future__ import annotations

from collections.abc import Iterator

from customhouse.formats.pipeline.model import Pipeline
from customhouse.release.events import Attested
from customhouse.release.evidence.points.case import Attestation, Case, Finding, Point, either, fails, holds, some
from customhouse.release.evidence.points.case import unknown as not_known
from customhouse.release.evidence.statements.told import owed
from customhouse.release.sealed import ENGINE
from customhouse.release.standing import PUBLISH, meets_at_a_room


def signed(case: Case) -> Point:
    """Statements and signatures verify against the trust root; who signed is who had to."""
    findings: list[Finding] = [fails(one) for one in case.broken]
    proved = [one for one in case.attestations if one.proved is not None]
    findings += _root(case)
    findings += either(list(_strangers(case)), _counted(case, len(proved)))
    findings += _spoken_for(case)
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
        if not one.proved.is_one_of(known):
            yield f"{one.member} is signed by {one.proved.shown}, whom the pipeline does not name"
    for member, proved in case.signatures.items():
        if not proved.is_one_of(known):
            yield f"{member} is signed by {proved.shown}, whom the pipeline does not name"
    for seq, proved in case.anchors.items():
        if not proved.is_one_of(known):
            yield f"line {seq} is anchored by {proved.shown}, whom the pipeline does not name"


def _spoken_for(case: Case) -> list[Finding]:
    """Who has an identity signs for himself, or one builder could speak for the other, and for the whole run.

    Whether actors met at a room is the bundle's own word. Where they did not, one machine has spoken for all: that is
    no fault, and it shows nothing of those whom the pipeline names.
    """
    pipeline = case.state.pipeline
    wrong = [
        f"{one.member} tells of {'the engine' if one.owed.speaker == ENGINE else one.owed.speaker} and is signed by "
        f"{one.proved.shown}"
        for one in case.attestations
        if one.proved is not None and one.owed is not None
        if not one.proved.is_one_of(may_sign(pipeline, one.owed.speaker))
    ]
    heads = may_sign(pipeline, ENGINE)
    wrong += [
        f"line {seq} is anchored by {one.shown}, who does not publish"
        for seq, one in case.anchors.items()
        if not one.is_one_of(heads)
    ]
    if meets_at_a_room(case.state):
        return [fails(one) for one in wrong]
    if not wrong:
        return []
    rest = f" ({len(wrong) - 1} more)" if wrong[1:] else ""
    return [not_known(f"{wrong[0]}{rest}: the run met at no room, so nothing shows that they were there")]


def may_sign(pipeline: Pipeline, speaker: str) -> tuple[str, ...]:
    """Whose signature a statement must have: the actor's own, or that of who publishes for what nobody else can sign.

    `attest.speakers_of` signs by the same rule.
    """
    publishes = next((step.actor for step in pipeline.steps if step.uses == PUBLISH), "")
    for actor in (speaker, publishes):
        own = tuple(one for one in _of_actor(pipeline, actor) if one.startswith("oidc:"))
        if own:
            return own
    return identities(pipeline)


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
    if not case.trust_root:
        return [not_known("there is no trust root, neither in the bundle nor of yours: bring one: --trust-root FILE")]
    if brought.trust_root or brought.trust_root_sha256:
        return [holds("the trust root is the one that you brought")]
    if brought.remembered is not None and brought.remembered.trust_root_sha256:
        return [holds("the trust root is the one that you remember")]
    return [not_known("the trust root is the bundle's own; compare its digest, or bring yours: --trust-root")]


def _rests_on(case: Case) -> str:
    own = not (case.brought.trust_root or case.brought.trust_root_sha256)
    return "the trust root of this bundle" if own else "your trust root, and whoever runs that Sigstore"

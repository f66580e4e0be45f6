"""Of point 5: what people have signed with OpenPGP keys, verified by ``gpg`` with the public keys of the bundle.

A key counts by the fingerprint of its primary key, which the pipeline names; what names stand in it is nothing. It must
have been good when the journal says that it was used: one that had expired by then, or had been revoked, has said
nothing. What has expired since was good then. A revocation that came later does not stand in a bundle.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from customhouse.formats.plain import plain
from customhouse.release.actions import Problem
from customhouse.release.events import Approved, Joined
from customhouse.release.evidence.bundle import gpg_member
from customhouse.release.evidence.points.case import Case, Finding, fails, holds, unknown
from customhouse.release.question import answer_message, credential_of, read_proof
from customhouse.release.signing.openpgp import joining_bytes, read_evidence, verify_text
from customhouse.release.standing import canonical_identity
from customhouse.terms.errors import Refused

NO_PROGRAM = "nothing here verifies OpenPGP signatures: install gnupg (the program gpg) and ask again"


@dataclass(frozen=True, slots=True)
class Voucher:
    """What is to be said of a key file that an OpenPGP key lets speak for its owner."""

    finding: Finding
    """Of sign ``holds``, ``fails`` or ``unknown``."""
    why: str
    """Empty where it holds."""


def vouchers(case: Case) -> Mapping[str, Voucher]:
    """Each key file that joined for a ``gpg:`` identity, by its public key: has that OpenPGP key said so?"""
    found: dict[str, Voucher] = {}
    for line in case.bundle.lines:
        event = line.event
        if not isinstance(event, Joined) or not canonical_identity(event.identity).startswith("gpg:"):
            continue
        earlier = found.get(event.machine_key.lower())
        if earlier is None or earlier.finding.sign == "holds":
            found[event.machine_key.lower()] = _vouched(case.state.run, event, line.at)
    return found


def _vouched(run: str, event: Joined, at: datetime) -> Voucher:
    fingerprint = event.identity.partition(":")[2].upper()
    by = f"{event.actor} speaks by the OpenPGP key {plain(fingerprint, 80)}"
    said = read_evidence(event.evidence)
    if not said:
        why = "it has signed nothing of the kind"
        return Voucher(fails(f"{by}: {why}"), why)
    message = joining_bytes(run, event.actor, event.machine_key)
    try:
        doubt = _verified(said["signature"], message, fingerprint, said["public_key"], at)
    except Refused as refusal:
        return Voucher(fails(f"{by}: {refusal.sentence}"), refusal.sentence)
    return Voucher(unknown(f"{by}: {doubt}") if doubt else holds(f"{by}, which the pipeline names"), doubt)


def said_by_gpg(case: Case, one: Approved, at: datetime) -> str:
    """An answer that an OpenPGP key has signed itself: why nobody can tell here, or nothing if it has.

    Raises `Refused` where it is not his key, or has not signed this answer.
    """
    fingerprint = credential_of(one.proof).upper()
    known = {canonical_identity(each) for each in case.state.pipeline.actor(one.actor).identities}
    if canonical_identity(f"gpg:{fingerprint}") not in known:
        raise Refused("wrong-identity", f"the OpenPGP key {plain(fingerprint, 80)} is not one of {one.actor}")
    public = case.bundle.members.get(gpg_member(fingerprint), b"").decode("utf-8", "replace")
    if not public:
        return f"the bundle has no OpenPGP key {fingerprint} to verify it with"
    message = answer_message(one.question, actor=one.actor)
    return _verified(str(read_proof(one.proof).get("signature", "")), message, fingerprint, public, at)


def _verified(signature: str, message: bytes, fingerprint: str, public: str, at: datetime) -> str:
    try:
        verify_text(signature, message, fingerprint=fingerprint, public=public, where="gpg", at=at)
    except Problem as problem:
        if problem.code == "no-gpg":
            return NO_PROGRAM
        if problem.code == "bad-signature":
            raise Refused("false-proof", f"the OpenPGP key {fingerprint} has not signed this") from problem
        raise Refused("false-proof", plain(problem.saw, 200)) from problem
    return ""

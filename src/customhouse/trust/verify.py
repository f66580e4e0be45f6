"""Verifying the attestations of one file, before anything of an upload is stored (PEP 740, A58). Nothing is fetched.

In this order, the cheap first: their form; that each speaks of this very file; whose it has to be; the certificate's
chain to a trusted root at the time the log saw it; its signed timestamp of certificate transparency; that it is his;
the log's inclusion proof and promise; the signature; that the log's entry is about it. One that fails refuses the
upload.

It is the publisher's that sends the file. Only how the file was built (SLSA) may a builder say instead, whom the
project has declared; never alone, so that of each file it is known who has sent it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from customhouse.formats.attestations import SLSA, Attestation, parse_attestations, same_file
from customhouse.formats.provenance import build_summary
from customhouse.terms.errors import Rejected
from customhouse.trust.certificate import read_signer
from customhouse.trust.issuers import PublisherIssuer
from customhouse.trust.providers.known import begun_by_strangers
from customhouse.trust.roots import Root
from customhouse.trust.signer_identity import SignerIdentity, mismatch, publisher_of

CLOCKS_DIFFER = timedelta(minutes=5)
"""An entry that a log has made later than now, by more than this, is none."""


@dataclass(frozen=True, slots=True)
class Builder:
    """Somebody whose word on how files are built a project takes: one of its publishers that only attests."""

    number: int
    """Of the publisher's row."""
    issuer: PublisherIssuer
    identity: SignerIdentity


@dataclass(frozen=True, slots=True)
class Verified:
    """One attestation of which everything holds, ready to be kept."""

    publisher: Mapping[str, object]
    """As provenance objects name it (PEP 740)."""
    predicate_type: str
    summary: Mapping[str, str]
    """What the builder says, for people: see `BuildSummary`."""
    body: str
    """The attestation object as JSON, without keys that nobody has verified."""
    trust_root: str
    """The name of the root that it was verified against."""
    signed_at: datetime
    """When the log has seen it."""
    builder: int = 0
    """Who has signed it, where that is not who sends the file: see `Builder`."""


def verify_attestations(
    text: str, filename: str, sha256: str, identity: SignerIdentity | None, roots: Sequence[Root], now: datetime, *,
    builders: Sequence[Builder] = (),
) -> tuple[Verified, ...]:  # fmt: skip
    """Verify the ``attestations`` field of an upload of the file of this name and digest (hexadecimal, lower case).

    ``identity`` is the publisher that sends it; None for who is no trusted publisher and can attest nothing.
    ``builders`` are those that the project has declared. Raises `Rejected` naming which attestation and why. Takes some
    milliseconds for each: call it outside of transactions.
    """
    if identity is None:
        raise Rejected(
            "attestation-without-publisher", "attestations", "only trusted publishers can attest what they send",
            "an upload with a token of a trusted publisher, or one without attestations",
        )  # fmt: skip
    found = parse_attestations(text)
    for one in found:
        _about_this_file(one, filename, sha256)
    signed = [(one, _builder_of(one, identity, builders)) for one in found]
    if all(builder is not None for _, builder in signed):
        raise Rejected(
            "attestation-alone", found[0].where, "a builder's word comes with that of the publisher who sends the file",
            "a publish attestation of the publisher beside it",
        )  # fmt: skip
    return tuple(_verify(one, identity, builder, roots, now) for one, builder in signed)


def _builder_of(one: Attestation, identity: SignerIdentity, builders: Sequence[Builder]) -> Builder | None:
    """The builder that an attestation is of, as its certificate says; None if it has to be the publisher's own."""
    if not builders or one.statement.predicate_type != SLSA:
        return None
    try:
        signer = read_signer(one.certificate)
    except Exception:  # noqa: BLE001 - hostile bytes; the publisher's verification says what of them
        return None
    if not mismatch(identity, signer):
        return None
    return next((each for each in builders if not mismatch(each.identity, signer)), None)


def _about_this_file(attestation: Attestation, filename: str, sha256: str) -> None:
    said, where = attestation.statement, f"{attestation.where}.envelope.statement"
    if not same_file(said.subject, filename):
        raise Rejected("attestation-of-another-file", where, f"is about {said.subject[:200]!r}", repr(filename))
    if said.sha256 != sha256:
        raise Rejected("attestation-of-another-file", where, f"is about other bytes: sha256 {said.sha256}", sha256)


def _verify(
    attestation: Attestation, sender: SignerIdentity, builder: Builder | None, roots: Sequence[Root], now: datetime
) -> Verified:
    # Half a second and 45 MB, which only a process that verifies should pay.
    from customhouse.trust.sigstore_verifier import verify_signature  # noqa: PLC0415 - see above

    identity = builder.identity if builder is not None else sender
    proved = verify_signature(attestation, identity, roots)
    if builder is not None:
        _refuse_strangers(attestation.where, builder, proved.signer.claims)
    if proved.signed_at > now + CLOCKS_DIFFER:
        raise Rejected(
            "attestation-from-the-future", attestation.where, f"was signed at {proved.signed_at:%Y-%m-%d %H:%M:%S} UTC",
            f"something signed before now, {now:%Y-%m-%d %H:%M:%S} UTC",
        )  # fmt: skip
    return Verified(
        publisher=publisher_of(identity, proved.signer),
        predicate_type=attestation.statement.predicate_type,
        summary=asdict(build_summary(attestation.statement)),
        body=json.dumps(attestation.object(), separators=(",", ":")),
        trust_root=proved.root,
        signed_at=proved.signed_at,
        builder=builder.number if builder is not None else 0,
    )


def _refuse_strangers(where: str, builder: Builder, claims: Mapping[str, str]) -> None:
    """A publisher's token was judged when it came; a builder shows none, so what began its run is judged here."""
    trigger = claims.get("trigger", "")
    told = {"event_name": trigger, "pipeline_source": trigger, "ref": claims.get("ref", "")}
    wrong = begun_by_strangers(builder.issuer, told)
    if wrong is not None:
        raise Rejected(
            "attestation-of-strangers", f"{where}.verification_material.certificate", f"the certificate {wrong.says}",
            "a build that strangers cannot bring about",
        )  # fmt: skip

"""Verifying the attestations of one file, before anything of an upload is stored (PEP 740, A58). Nothing is fetched.

In this order, the cheap first: their form; that each speaks of this very file; the certificate's chain to a trusted
root at the time the log saw it; its signed timestamp of certificate transparency; that it is the publisher's; the log's
inclusion proof and promise; the signature; that the log's entry is about it. One that fails refuses the upload.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from customhouse.formats.attestations import Attestation, parse_attestations, same_file
from customhouse.formats.provenance import build_summary
from customhouse.terms.errors import Rejected
from customhouse.trust.roots import Root
from customhouse.trust.signer_identity import SignerIdentity, publisher_of

CLOCKS_DIFFER = timedelta(minutes=5)
"""An entry that a log has made later than now, by more than this, is none."""


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


def verify_attestations(
    text: str, filename: str, sha256: str, identity: SignerIdentity | None, roots: Sequence[Root], now: datetime
) -> tuple[Verified, ...]:
    """Verify the ``attestations`` field of an upload of the file of this name and digest (hexadecimal, lower case).

    ``identity`` is the publisher that sends it; None for who is no trusted publisher and can attest nothing. Raises
    `Rejected` naming which attestation and why. Takes some milliseconds for each: call it outside of transactions.
    """
    if identity is None:
        raise Rejected(
            "attestation-without-publisher", "attestations", "only trusted publishers can attest what they send",
            "an upload with a token of a trusted publisher, or one without attestations",
        )  # fmt: skip
    found = parse_attestations(text)
    for one in found:
        _about_this_file(one, filename, sha256)
    return tuple(_verify(one, identity, roots, now) for one in found)


def _about_this_file(attestation: Attestation, filename: str, sha256: str) -> None:
    said, where = attestation.statement, f"{attestation.where}.envelope.statement"
    if not same_file(said.subject, filename):
        raise Rejected("attestation-of-another-file", where, f"is about {said.subject[:200]!r}", repr(filename))
    if said.sha256 != sha256:
        raise Rejected("attestation-of-another-file", where, f"is about other bytes: sha256 {said.sha256}", sha256)


def _verify(attestation: Attestation, identity: SignerIdentity, roots: Sequence[Root], now: datetime) -> Verified:
    # Half a second and 45 MB, which only a process that verifies should pay.
    from customhouse.trust.sigstore_verifier import verify_signature  # noqa: PLC0415 - see above

    proved = verify_signature(attestation, identity, roots)
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
    )

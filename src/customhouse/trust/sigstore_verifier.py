"""Certificates, logs and signatures of an attestation, judged by the sigstore library. Slow to import: see `verify`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from cryptography import x509
from pypi_attestations import Attestation as LibraryAttestation
from sigstore.errors import VerificationError
from sigstore.models import TrustedRoot
from sigstore.verify import Verifier
from sigstore_models.trustroot.v1 import TrustedRoot as TrustedRootMessage

from customhouse.formats.attestations import Attestation
from customhouse.terms.errors import Rejected, Unavailable
from customhouse.trust.certificate import Signer, signer_of
from customhouse.trust.roots import Root
from customhouse.trust.signer_identity import SignerIdentity, mismatch

MAX_ROOTS_READY = 32
MAX_REASON = 200


@dataclass(frozen=True, slots=True)
class Proved:
    """What holds of an attestation."""

    signer: Signer
    root: str
    signed_at: datetime


class _OtherIdentity(VerificationError):
    """The certificate is good and somebody else's."""


@dataclass(frozen=True)
class _Expected:
    """The publisher's identity as one of the library's policies."""

    identity: SignerIdentity
    root: Root

    def verify(self, cert: x509.Certificate) -> None:
        """Raise if the certificate is not the publisher's, or of an issuer that this root may not speak about."""
        signer = signer_of(cert)
        if self.root.issuers and signer.issuer not in self.root.issuers:
            raise _OtherIdentity(f"speaks about {signer.issuer}, which the root {self.root.name} may not")
        wrong = mismatch(self.identity, signer)
        if wrong:
            raise _OtherIdentity(wrong)


def verify_signature(attestation: Attestation, identity: SignerIdentity, roots: Sequence[Root]) -> Proved:
    """Verify against the root that has issued the certificate, each entry of a log by itself; raises `Rejected`."""
    where = attestation.where
    try:
        certificate = x509.load_der_x509_certificate(attestation.certificate)
        signer, issuer = signer_of(certificate), certificate.issuer
    except Exception as error:  # hostile bytes may fail anywhere in a parser of certificates
        raise _unverified(f"{where}.verification_material.certificate", "cannot be read", error) from error
    # Names are not unique: two private roots may have been given the same.
    candidates = [one for one in roots if issuer in _ready(one).authorities]
    if not candidates:
        known = ", ".join(one.name for one in roots) or "none"
        raise Rejected(
            "attestation-unverified", f"{where}.verification_material.certificate",
            f"was issued by {issuer.rfc4514_string()[:MAX_REASON]!r}, which no trust root of this index knows",
            f"a certificate of one of these roots: {known}",
        )  # fmt: skip
    refusals = []
    for root in candidates:
        try:
            moments = [_verify_entry(attestation, entry, identity, root) for entry in attestation.entries]
            return Proved(signer, root.name, max(moments))
        except Rejected as refusal:
            refusals.append(refusal)
    raise refusals[-1]


def _verify_entry(attestation: Attestation, entry: Mapping[str, Any], identity: SignerIdentity, root: Root) -> datetime:
    """When the log has seen it. The library looks at the first entry alone, so each comes in an object of its own."""
    try:
        bundle = LibraryAttestation.model_validate(attestation.object(entry)).to_bundle()
        _ready(root).verifier.verify_dsse(bundle, _Expected(identity, root))
        return datetime.fromtimestamp(int(entry["integratedTime"]), UTC)
    except _OtherIdentity as error:
        raise Rejected(
            "attestation-of-another-publisher", f"{attestation.where}.verification_material.certificate", str(error),
            f"the identity of the publisher that sends it ({identity.kind})",
        ) from error  # fmt: skip
    except Exception as error:  # whatever hostile input breaks in the library, nothing is verified
        raise _unverified(attestation.where, "does not verify", error) from error


@dataclass(frozen=True)
class _Ready:
    """A root as the library wants it, and the names of its authorities that issue certificates."""

    verifier: Verifier
    authorities: frozenset[x509.Name]


@lru_cache(maxsize=MAX_ROOTS_READY)
def _ready(root: Root) -> _Ready:
    try:
        trusted = TrustedRoot(TrustedRootMessage.from_json(root.text))
        authorities = frozenset(certificate.subject for certificate in trusted.get_fulcio_certs())
        return _Ready(Verifier(trusted_root=trusted), authorities)
    except Exception as error:  # the operator's fault and not the sender's, whatever the library makes of it
        raise Unavailable(f"The trust root {root.name}", f"it cannot be used: {str(error)[:MAX_REASON]}") from error


def _unverified(where: str, what: str, error: Exception) -> Rejected:
    reason = " ".join(str(error).split())[:MAX_REASON]
    printable = "".join(letter if letter.isprintable() else "?" for letter in reason)
    return Rejected(
        "attestation-unverified", where, f"{what}: {printable or type(error).__name__}",
        "an attestation that verifies against a trust root of this index",
    )  # fmt: skip

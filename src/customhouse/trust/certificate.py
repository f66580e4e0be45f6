"""What a signing certificate says of who signed: the extensions that Sigstore's authority (Fulcio) puts into it.

Source: sigstore/fulcio, docs/oid-info.md. The values of 1.8 and above are DER-encoded UTF-8 strings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives.asymmetric import ec

ARC = "1.3.6.1.4.1.57264.1"
CLAIM_NUMBERS: Mapping[str, int] = {
    "issuer": 8,
    "build_signer_uri": 9,
    "build_signer_digest": 10,
    "runner_environment": 11,
    "repository_uri": 12,
    "commit": 13,
    "ref": 14,
    "repository_id": 15,
    "owner_uri": 16,
    "owner_id": 17,
    "build_config_uri": 18,
    "build_config_digest": 19,
    "trigger": 20,
    "run_uri": 21,
    "visibility": 22,
}
"""Our names of the claims, and the last number of their identifiers."""
MAX_CLAIM = 1000


@dataclass(frozen=True, slots=True)
class Signer:
    """Who has signed, as a certificate says it."""

    names: frozenset[str]
    """Its subject alternative names: mail addresses and URIs."""
    claims: Mapping[str, str]
    """By our names; what the certificate does not have is missing."""

    @property
    def issuer(self) -> str:
        """Who has vouched for that identity (OpenID Connect)."""
        return self.claims.get("issuer", "")


def read_signer(certificate: bytes) -> Signer:
    """The same of a certificate's bytes (DER), whatever they are worth; raises `ValueError`, and what parsers raise."""
    return signer_of(x509.load_der_x509_certificate(certificate))


def signer_of(certificate: x509.Certificate) -> Signer:
    """Who a certificate is for; raises `ValueError` for one that says it in a way that none of Sigstore's does."""
    key = certificate.public_key()
    # PEP 740: version 1 is tied to this one suite.
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise ValueError("its key is not one of ECDSA over P-256")  # noqa: TRY004 - the certificate is wrong, no call
    known = {f"{ARC}.{number}": name for name, number in CLAIM_NUMBERS.items()}
    claims = {}
    for extension in certificate.extensions:
        name = known.get(extension.oid.dotted_string)
        if name is None:
            continue
        value = asn1.decode_der(str, extension.value.public_bytes())
        if len(value) > MAX_CLAIM or not value.isprintable():
            raise ValueError(f"its {name} is no printable text of at most {MAX_CLAIM} characters")
        claims[name] = value
    return Signer(_names(certificate), claims)


def _names(certificate: x509.Certificate) -> frozenset[str]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return frozenset()
    return frozenset(
        [
            *found.get_values_for_type(x509.RFC822Name),
            *found.get_values_for_type(x509.UniformResourceIdentifier),
        ]
    )

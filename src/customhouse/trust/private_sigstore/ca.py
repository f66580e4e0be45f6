"""A certificate authority for signing certificates that live ten minutes, as Sigstore's Fulcio issues them.

The identity that it puts into a certificate is the caller's business: who calls `certify` has verified a token of
OpenID Connect that says it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from customhouse.terms.clock import Clock
from customhouse.trust.certificate import ARC, CLAIM_NUMBERS
from customhouse.trust.private_sigstore.ct import TimestampLog, tree_leaf
from customhouse.trust.private_sigstore.keys import SigningKey
from customhouse.trust.signer_identity import subject_name

LEAF_LIFE = timedelta(minutes=10)
ROOT_LIFE = timedelta(days=3650)
CLOCKS_DIFFER = timedelta(minutes=5)
LONGEST_NAME = 64
"""Of a common name (RFC 5280, appendix A.1)."""
# Its first form: the bare text, without the DER around it.
_ISSUER_V1 = x509.ObjectIdentifier(f"{ARC}.1")
_SCT_LIST = x509.ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2")


@dataclass(frozen=True, slots=True)
class OidcIdentity:
    """Who signs, as an OpenID Connect token that has been verified says."""

    issuer: str
    subject: str
    """The token's ``sub``, or its verified ``email``."""
    claims: Mapping[str, str] = field(default_factory=dict)
    """What the certificate says besides, by the names of `CLAIM_NUMBERS`."""


@dataclass(frozen=True, slots=True)
class Certified:
    """A certificate, and its leaf in the log of certificates."""

    certificate: x509.Certificate
    leaf: bytes


class Authority:
    """Issues certificates under one root of its own."""

    def __init__(self, key: SigningKey, timestamps: TimestampLog, clock: Clock, certificate: x509.Certificate) -> None:
        """``certificate`` is the root of this key (`root_certificate`)."""
        self._key = key
        self._timestamps = timestamps
        self._clock = clock
        self.certificate = certificate

    def certify(self, identity: OidcIdentity, key: ec.EllipticCurvePublicKey) -> Certified:
        """A certificate for whoever holds this key, with a signed timestamp of the log of certificates.

        Beside it is what that log must keep before anybody sees the certificate.
        """
        now = self._clock.now().replace(microsecond=0)
        bare = self._bare(identity, key, now)
        # RFC 6962, section 3.2: the log signs the certificate as it is without the log's own extension.
        precertificate = self._certify(bare).tbs_certificate_bytes
        timestamp = self._timestamps.sign(precertificate, self._key.id, now)
        listed = x509.UnrecognizedExtension(_SCT_LIST, _octets(_length(_length(timestamp))))
        made = self._certify(bare.add_extension(listed, critical=False))
        return Certified(made, tree_leaf(precertificate, self._key.id, now))

    def _certify(self, builder: x509.CertificateBuilder) -> x509.Certificate:
        return builder.sign(self._key.private, hashes.SHA256())

    def _bare(self, identity: OidcIdentity, key: ec.EllipticCurvePublicKey, now: datetime) -> x509.CertificateBuilder:
        name = subject_name(identity.issuer, identity.subject)
        uri = "://" in name
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([]))
            .issuer_name(self.certificate.subject)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now)
            .not_valid_after(now + LEAF_LIFE)
            .add_extension(usage(digital_signature=True), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.private.public_key()), critical=False
            )
            .add_extension(
                x509.SubjectAlternativeName([x509.UniformResourceIdentifier(name) if uri else x509.RFC822Name(name)]),
                critical=True,
            )
            .add_extension(x509.UnrecognizedExtension(_ISSUER_V1, identity.issuer.encode()), critical=False)
        )
        for claim, value in {**identity.claims, "issuer": identity.issuer}.items():
            oid = x509.ObjectIdentifier(f"{ARC}.{CLAIM_NUMBERS[claim]}")
            builder = builder.add_extension(x509.UnrecognizedExtension(oid, asn1.encode_der(value)), critical=False)
        return builder


def root_certificate(key: ec.EllipticCurvePrivateKey, common_name: str, now: datetime) -> x509.Certificate:
    """A root that has signed itself, and may sign certificates of people and machines."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name[:LONGEST_NAME])])
    public = key.public_key()
    since = now.replace(microsecond=0) - CLOCKS_DIFFER
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(since)
        .not_valid_after(since + ROOT_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage(key_cert_sign=True, crl_sign=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(public), critical=False)
        .sign(key, hashes.SHA256())
    )


def usage(*, digital_signature: bool = False, key_cert_sign: bool = False, crl_sign: bool = False) -> x509.KeyUsage:
    """What a key may do, all of it named."""
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        encipher_only=False,
        decipher_only=False,
    )


def _length(body: bytes) -> bytes:
    return len(body).to_bytes(2) + body


def _octets(body: bytes) -> bytes:
    return asn1.encode_der(body)

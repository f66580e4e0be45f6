"""Signing keys of a private Sigstore: ECDSA over P-256, the one suite that PEP 740 knows."""

from __future__ import annotations

import hashlib

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

# The number of points of P-256 (FIPS 186-5); a private key is 1 to this, less one.
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


class SigningKey:
    """One key pair in memory."""

    def __init__(self, private: ec.EllipticCurvePrivateKey) -> None:
        self.private = private
        self.public_der: bytes = private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        """The public half as SubjectPublicKeyInfo."""
        self.id: bytes = hashlib.sha256(self.public_der).digest()
        """How logs name their keys (RFC 6962, section 3.2)."""

    @classmethod
    def new(cls) -> SigningKey:
        """A random one."""
        return cls(ec.generate_private_key(ec.SECP256R1()))

    @classmethod
    def from_seed(cls, seed: bytes) -> SigningKey:
        """The same key for the same seed. Whoever knows the seed has the key."""
        # 64 bytes, so that the remainder is as good as uniform.
        number = int.from_bytes(hashlib.sha512(b"customhouse private sigstore key\0" + seed).digest())
        return cls(ec.derive_private_key(1 + number % (_ORDER - 1), ec.SECP256R1()))

    def sign(self, message: bytes) -> bytes:
        """ECDSA with SHA-256, DER."""
        return self.private.sign(message, ec.ECDSA(hashes.SHA256()))

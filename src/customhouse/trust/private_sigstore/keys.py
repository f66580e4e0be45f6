"""Signing keys of a private Sigstore: ECDSA over P-256, the one suite that PEP 740 knows."""

from __future__ import annotations

import hashlib

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


class SigningKey:
    """One key pair in memory."""

    def __init__(self, private: ec.EllipticCurvePrivateKey) -> None:
        self.private = private
        self.public_der: bytes = private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        """The public half as SubjectPublicKeyInfo."""
        self.id: bytes = hashlib.sha256(self.public_der).digest()
        """How logs name their keys (RFC 6962, section 3.2)."""

    def sign(self, message: bytes) -> bytes:
        """ECDSA with SHA-256, DER."""
        return self.private.sign(message, ec.ECDSA(hashes.SHA256()))

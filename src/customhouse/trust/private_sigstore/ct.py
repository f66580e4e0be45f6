"""Signed certificate timestamps: a log's promise that a certificate is known (RFC 6962, section 3.2)."""

from __future__ import annotations

import struct
from datetime import datetime

from customhouse.trust.private_sigstore.keys import SigningKey

# version 1, a timestamp of a certificate, of a precertificate
_VERSION, _CERTIFICATE_TIMESTAMP, _PRECERTIFICATE = 0, 0, 1
# SHA-256 and ECDSA, as TLS numbers them
_SHA256_ECDSA = b"\x04\x03"


class TimestampLog:
    """Signs timestamps. It keeps no list of certificates: each goes into the transparency log with what it signs."""

    def __init__(self, key: SigningKey) -> None:
        self.key = key

    def sign(self, precertificate: bytes, issuer_key_id: bytes, at: datetime) -> bytes:
        """One timestamp, serialised: of the DER of a certificate without timestamps, issued by the key of this id."""
        moment = int(at.timestamp() * 1000)
        header = struct.pack("!BBQH", _VERSION, _CERTIFICATE_TIMESTAMP, moment, _PRECERTIFICATE)
        # No extensions: an empty list of two bytes' length.
        signed = header + issuer_key_id + len(precertificate).to_bytes(3) + precertificate + b"\0\0"
        signature = self.key.sign(signed)
        promise = struct.pack("!B32sQH", _VERSION, self.key.id, moment, 0)
        return promise + _SHA256_ECDSA + len(signature).to_bytes(2) + signature

"""Signed certificate timestamps: a log's promise that a certificate is known (RFC 6962, section 3.2)."""

from __future__ import annotations

import struct
from datetime import datetime

from customhouse.trust.private_sigstore.keys import SigningKey

# version 1, a timestamp of a certificate, of a precertificate
_VERSION, _CERTIFICATE_TIMESTAMP, _PRECERTIFICATE = 0, 0, 1
# SHA-256 and ECDSA, as TLS numbers them
_SHA256_ECDSA = b"\x04\x03"
_HEADER_BYTES, _KEY_ID_BYTES = 12, 32


class TimestampLog:
    """Signs timestamps. Keeping the list of certificates is the caller's business (`tree_leaf`)."""

    def __init__(self, key: SigningKey) -> None:
        self.key = key

    def sign(self, precertificate: bytes, issuer_key_id: bytes, at: datetime) -> bytes:
        """One timestamp, serialised: of the DER of a certificate without timestamps, issued by the key of this id."""
        signature = self.key.sign(tree_leaf(precertificate, issuer_key_id, at))
        promise = struct.pack("!B32sQH", _VERSION, self.key.id, _milliseconds(at), 0)
        return promise + _SHA256_ECDSA + len(signature).to_bytes(2) + signature


def tree_leaf(precertificate: bytes, issuer_key_id: bytes, at: datetime) -> bytes:
    """What the log keeps of a certificate (RFC 6962, 3.4), byte by byte the same as what its timestamp signs (3.2)."""
    header = struct.pack("!BBQH", _VERSION, _CERTIFICATE_TIMESTAMP, _milliseconds(at), _PRECERTIFICATE)
    # No extensions: an empty list of two bytes' length.
    return header + issuer_key_id + len(precertificate).to_bytes(3) + precertificate + b"\0\0"


def precertificate_of(leaf: bytes) -> bytes:
    """The DER of a certificate without its signature (TBSCertificate) out of a leaf; raises `ValueError`."""
    body = leaf[_HEADER_BYTES + _KEY_ID_BYTES :]
    length = int.from_bytes(body[:3])
    if len(leaf) < _HEADER_BYTES + _KEY_ID_BYTES + 3 or leaf[_HEADER_BYTES - 2 : _HEADER_BYTES] != b"\0\1":
        raise ValueError("it is no leaf of a precertificate")
    if len(body) != 3 + length + 2:
        raise ValueError("it is longer or shorter than it says")
    return body[3 : 3 + length]


def _milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)

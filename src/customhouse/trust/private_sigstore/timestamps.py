"""A time-stamping authority (RFC 3161): it signs that it has seen a hash at this moment, and keeps nothing.

Queries are read by asn1crypto. Answers are written here, piece by piece: there are few, they are always the same but
for hash, number and time, and the library takes five milliseconds for what takes a tenth of one.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime
from functools import lru_cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from customhouse.terms.errors import Rejected
from customhouse.trust.private_sigstore.keyring import Keyring

POLICY = "1.3.6.1.4.1.57264.2"
"""The policy under which Sigstore's authorities sign, too."""
HASH_BYTES = {"sha256": 32, "sha384": 48, "sha512": 64}
LONGEST_NONCE_BITS = 160
_SERIAL_BITS = 63
_INTEGER, _BITS, _OCTETS, _OID, _TIME, _SEQUENCE, _SET = 0x02, 0x03, 0x04, 0x06, 0x18, 0x30, 0x31
_CONTEXT = 0xA0
"""Of constructed values with a tag of their context; the number is added."""
_LONGEST_SHORT, _GRANTED, _REJECTION = 0x7F, 0, 2
_FAILURES = {
    "bad_alg": 0, "bad_request": 2, "bad_data_format": 5, "unaccepted_policy": 15, "unaccepted_extensions": 16,
}  # fmt: skip
"""Bits of PKIFailureInfo (RFC 3161, 2.4.2)."""


def timestamp(query: bytes, keys: Keyring, now: datetime) -> bytes:
    """The answer (TimeStampResp, DER) to a query (TimeStampReq, DER). Raises `Rejected` for what is no query at all."""
    # Loaded by whoever is asked for the first timestamp.
    from asn1crypto import tsp  # type: ignore[import-untyped]  # noqa: PLC0415 - see above; it says nothing of types

    try:
        asked = tsp.TimeStampReq.load(query, strict=True)
        imprint, algorithm = asked["message_imprint"], asked["message_imprint"]["hash_algorithm"]["algorithm"].native
        digest, nonce = imprint["hashed_message"].native, asked["nonce"].native
        policy, wants_certificate = asked["req_policy"].native, bool(asked["cert_req"].native)
        version, extended = asked["version"].native, asked["extensions"].native
        policy_number = "" if policy is None else asked["req_policy"].dotted
        parameters = imprint["hash_algorithm"]["parameters"].native
        nonce_der = b"" if nonce is None else asked["nonce"].dump()
    except (ValueError, TypeError, KeyError) as error:
        raise Rejected("bad-query", "body", "is no TimeStampReq", "a DER query of RFC 3161") from error
    if version != "v1" or not isinstance(digest, bytes):
        return _declined("bad_request")
    if HASH_BYTES.get(algorithm) is None or parameters is not None:
        return _declined("bad_alg")
    if len(digest) != HASH_BYTES[algorithm]:
        return _declined("bad_data_format")
    if policy_number not in ("", POLICY):
        return _declined("unaccepted_policy")
    if extended:
        return _declined("unaccepted_extensions")
    if nonce is not None and int(nonce).bit_length() > LONGEST_NONCE_BITS:
        return _declined("bad_request")
    info = _der(
        _SEQUENCE,
        _integer(1),
        _oid(POLICY),
        imprint.dump(),
        _integer(secrets.randbits(_SERIAL_BITS)),
        _der(_TIME, now.strftime("%Y%m%d%H%M%SZ").encode()),
        nonce_der,
    )
    token = _signed(info, keys, with_certificate=wants_certificate)
    return _der(_SEQUENCE, _der(_SEQUENCE, _integer(_GRANTED)), token)


def _signed(info: bytes, keys: Keyring, *, with_certificate: bool) -> bytes:
    """CMS SignedData around the facts (RFC 5652; RFC 3161, 2.4.2; RFC 5816 for the signer's certificate)."""
    certificate = keys.record("time").certificates[0]
    kind, attributes_before, signer = _about(certificate)
    attributes = b"".join(
        # A SET OF is in the order of its members' DER.
        sorted(
            [
                *attributes_before,
                _attribute("1.2.840.113549.1.9.4", _der(_OCTETS, hashlib.sha256(info).digest())),
            ]
        )
    )
    signature = keys.ecdsa("time").sign(_der(_SET, attributes), ec.ECDSA(hashes.SHA256()))
    signer_info = _der(
        _SEQUENCE,
        _integer(1),
        signer,
        _sha256(),
        _der(_CONTEXT, attributes),
        _der(_SEQUENCE, _oid("1.2.840.10045.4.3.2")),
        _der(_OCTETS, signature),
    )
    signed_data = _der(
        _SEQUENCE,
        _integer(3),
        _der(_SET, _sha256()),
        _der(_SEQUENCE, kind, _der(_CONTEXT, _der(_OCTETS, info))),
        _der(_CONTEXT, certificate) if with_certificate else b"",
        _der(_SET, signer_info),
    )
    return _der(_SEQUENCE, _oid("1.2.840.113549.1.7.2"), _der(_CONTEXT, signed_data))


@lru_cache(maxsize=8)
def _about(certificate: bytes) -> tuple[bytes, tuple[bytes, ...], bytes]:
    """What is the same in every answer: what it holds, two of three attributes, and who has signed."""
    own = x509.load_der_x509_certificate(certificate)
    kind = _oid("1.2.840.113549.1.9.16.1.4")
    # ESSCertIDv2 names no hash where it is SHA-256, the default.
    named = _der(_SEQUENCE, _der(_SEQUENCE, _der(_SEQUENCE, _der(_OCTETS, hashlib.sha256(certificate).digest()))))
    attributes = (
        _attribute("1.2.840.113549.1.9.3", kind),
        _attribute("1.2.840.113549.1.9.16.2.47", named),
    )
    signer = _der(_SEQUENCE, own.issuer.public_bytes(), _integer(own.serial_number))
    return kind, attributes, signer


def _declined(why: str) -> bytes:
    """A query that is understood and not granted (RFC 3161, 2.4.2)."""
    bit = _FAILURES[why]
    body = bytearray(bit // 8 + 1)
    body[-1] = 0x80 >> bit % 8
    unused = 7 - bit % 8
    return _der(_SEQUENCE, _der(_SEQUENCE, _integer(_REJECTION), _der(_BITS, bytes([unused]), bytes(body))))


def _attribute(oid: str, value: bytes) -> bytes:
    return _der(_SEQUENCE, _oid(oid), _der(_SET, value))


def _sha256() -> bytes:
    return _der(_SEQUENCE, _oid("2.16.840.1.101.3.4.2.1"))


def _integer(value: int) -> bytes:
    """Of a number that is not negative."""
    return _der(_INTEGER, value.to_bytes(value.bit_length() // 8 + 1))


@lru_cache(maxsize=32)
def _oid(dotted: str) -> bytes:
    first, second, *rest = (int(part) for part in dotted.split("."))
    body = bytearray()
    for number in (40 * first + second, *rest):
        septets = [number & 0x7F]
        while number := number >> 7:
            septets.insert(0, number & 0x7F | 0x80)
        body += bytes(septets)
    return _der(_OID, bytes(body))


def _der(tag: int, *parts: bytes) -> bytes:
    """A tag, a length and what stands in it."""
    body = b"".join(parts)
    if len(body) <= _LONGEST_SHORT:
        return bytes([tag, len(body)]) + body
    length = len(body).to_bytes((len(body).bit_length() + 7) // 8)
    return bytes([tag, 0x80 | len(length)]) + length + body

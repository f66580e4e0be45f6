"""What may go into the log of signatures, in the words of both versions of Rekor: read, checked, and made canonical.

Only signatures of certificates that this authority has issued, made while they are good, go in. So the log holds
nothing of strangers, and whoever writes into it has shown a token first.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import rfc8785
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.serialization import Encoding

from customhouse.formats.dsse import pae
from customhouse.formats.strict_json import read_json
from customhouse.terms.errors import Rejected
from customhouse.trust.certificate import signer_of
from customhouse.trust.private_sigstore.merkle import leaf_hash
from customhouse.trust.private_sigstore.tree import LONGEST_BODY, Leaf

KEY_DETAILS = "PKIX_ECDSA_P256_SHA_256"
"""The one suite of signers: ECDSA over P-256 with SHA-256, as PEP 740 has it."""
DEEPEST = 12
SHA256_BYTES = 32
HASHEDREKORD_1, DSSE_1 = "hashedrekord 0.0.1", "dsse 0.0.1"
HASHEDREKORD_2, DSSE_2 = "hashedrekord 0.0.2", "dsse 0.0.2"


@dataclass(frozen=True, slots=True)
class Proposed:
    """An entry of which everything holds, ready to be appended."""

    leaf: Leaf
    digest: bytes
    """Its hash in the tree."""


@dataclass(frozen=True, slots=True)
class Writers:
    """Whose signatures the log takes, at this moment."""

    authorities: Sequence[x509.Certificate]
    now: datetime

    def check(self, certificate: x509.Certificate, where: str) -> None:
        """Refuse a certificate that is not ours or not good now; raises `Rejected`."""
        if not any(_issued(certificate, one) for one in self.authorities):
            raise _bad(where, "is of a certificate that another authority has issued", "one that this one has issued")
        if not certificate.not_valid_before_utc <= self.now <= certificate.not_valid_after_utc:
            until = f"{certificate.not_valid_after_utc:%Y-%m-%d %H:%M:%S} UTC"
            raise _bad(where, f"its certificate is not good now but until {until}", "a new certificate")


def read_v1(body: bytes, writers: Writers) -> Proposed:
    """An entry as Rekor's first version takes it: hashedrekord or dsse, both 0.0.1; raises `Rejected`."""
    asked = _object(_json(body), "body")
    kind, version = asked.get("kind"), asked.get("apiVersion")
    spec = _object(asked.get("spec"), "spec")
    if version != "0.0.1" or kind not in ("hashedrekord", "dsse"):
        raise _bad("kind", f"is {str(kind)[:40]!r} {str(version)[:20]!r}", "hashedrekord or dsse, version 0.0.1")
    if kind == "hashedrekord":
        return _hashedrekord_1(spec, writers)
    return _dsse_1(_object(spec.get("proposedContent"), "spec.proposedContent"), writers)


def read_v2(body: bytes, writers: Writers) -> Proposed:
    """An entry as Rekor's second version takes it; raises `Rejected`."""
    asked = _object(_json(body), "body")
    if set(asked) == {"hashedRekordRequestV002"}:
        return _hashedrekord_2(_object(asked["hashedRekordRequestV002"], "hashedRekordRequestV002"), writers)
    if set(asked) == {"dsseRequestV002"}:
        return _dsse_2(_object(asked["dsseRequestV002"], "dsseRequestV002"), writers)
    raise _bad("body", "is no request that is known here", "hashedRekordRequestV002 or dsseRequestV002")


def _hashedrekord_1(spec: Mapping[str, Any], writers: Writers) -> Proposed:
    where = "spec.data.hash"
    said = _object(_object(spec.get("data"), "spec.data").get("hash"), where)
    value = _text(said, "value", where)
    if said.get("algorithm") != "sha256" or len(value) != 2 * SHA256_BYTES or value.strip("0123456789abcdef"):
        raise _bad(where, "is no SHA-256 in hexadecimal", '{"algorithm": "sha256", "value": "…"}')
    signature = _object(spec.get("signature"), "spec.signature")
    key = _object(signature.get("publicKey"), "spec.signature.publicKey")
    content = _bytes(signature, "content", "spec.signature")
    certificate = _pem(_bytes(key, "content", "spec.signature.publicKey"), "spec.signature.publicKey.content")
    _verify(certificate, content, bytes.fromhex(value), writers, "spec.signature.content")
    made = {
        "data": {"hash": {"algorithm": "sha256", "value": value}},
        "signature": {"content": _base64(content), "publicKey": {"content": _as_pem(certificate)}},
    }
    return _proposed("hashedrekord", "0.0.1", made, certificate)


def _dsse_1(proposed: Mapping[str, Any], writers: Writers) -> Proposed:
    where = "spec.proposedContent"
    text = _text(proposed, "envelope", where)
    envelope = _object(_json(text.encode()), f"{where}.envelope")
    payload, content, digest = _envelope(envelope, f"{where}.envelope")
    verifiers = proposed.get("verifiers")
    if not isinstance(verifiers, list) or len(verifiers) != 1 or not isinstance(verifiers[0], str):
        raise _bad(f"{where}.verifiers", "is no list of one certificate", "one certificate, PEM in base64")
    certificate = _pem(_bytes({"0": verifiers[0]}, "0", f"{where}.verifiers"), f"{where}.verifiers[0]")
    _verify(certificate, content, digest, writers, f"{where}.envelope.signatures[0]")
    made = {
        "envelopeHash": _sha256(text.encode()),
        "payloadHash": _sha256(payload),
        "signatures": [{"signature": _base64(content), "verifier": _as_pem(certificate)}],
    }
    return _proposed("dsse", "0.0.1", made, certificate)


def _hashedrekord_2(request: Mapping[str, Any], writers: Writers) -> Proposed:
    where = "hashedRekordRequestV002"
    digest = _bytes(request, "digest", where)
    if len(digest) != SHA256_BYTES:
        raise _bad(f"{where}.digest", f"has {len(digest)} bytes", "a SHA-256, 32 bytes in base64")
    signature = _object(request.get("signature"), f"{where}.signature")
    content = _bytes(signature, "content", f"{where}.signature")
    certificate = _verifier(signature.get("verifier"), f"{where}.signature.verifier")
    _verify(certificate, content, digest, writers, f"{where}.signature.content")
    made = {
        "hashedRekordV002": {
            "data": {"algorithm": "SHA2_256", "digest": _base64(digest)},
            "signature": _signature_2(content, certificate),
        }
    }
    return _proposed("hashedrekord", "0.0.2", made, certificate)


def _dsse_2(request: Mapping[str, Any], writers: Writers) -> Proposed:
    where = "dsseRequestV002"
    payload, content, digest = _envelope(_object(request.get("envelope"), f"{where}.envelope"), f"{where}.envelope")
    verifiers = request.get("verifiers")
    if not isinstance(verifiers, list) or len(verifiers) != 1:
        raise _bad(f"{where}.verifiers", "is no list of one certificate", "one verifier for one signature")
    certificate = _verifier(verifiers[0], f"{where}.verifiers[0]")
    _verify(certificate, content, digest, writers, f"{where}.envelope.signatures[0]")
    made = {
        "dsseV002": {
            "payloadHash": {"algorithm": "SHA2_256", "digest": _base64(hashlib.sha256(payload).digest())},
            "signatures": [_signature_2(content, certificate)],
        }
    }
    return _proposed("dsse", "0.0.2", made, certificate)


def _envelope(envelope: Mapping[str, Any], where: str) -> tuple[bytes, bytes, bytes]:
    """Payload, signature, and the digest of what is signed."""
    payload, kind = _bytes(envelope, "payload", where), _text(envelope, "payloadType", where)
    signatures = envelope.get("signatures")
    if not isinstance(signatures, list) or len(signatures) != 1:
        raise _bad(f"{where}.signatures", "is no list of one signature", "one signature: a bundle holds no more")
    content = _bytes(_object(signatures[0], f"{where}.signatures[0]"), "sig", f"{where}.signatures[0]")
    return payload, content, hashlib.sha256(pae(kind, payload)).digest()


def _verifier(value: object, where: str) -> x509.Certificate:
    verifier = _object(value, where)
    if verifier.get("keyDetails") != KEY_DETAILS:
        raise _bad(f"{where}.keyDetails", "is another suite", KEY_DETAILS)
    der = _bytes(_object(verifier.get("x509Certificate"), f"{where}.x509Certificate"), "rawBytes", where)
    try:
        return x509.load_der_x509_certificate(der)
    except ValueError as error:
        raise _bad(f"{where}.x509Certificate", "is no certificate", "DER in base64") from error


def _verify(
    certificate: x509.Certificate, signature: bytes, digest: bytes, writers: Writers, where: str
) -> None:  # fmt: skip
    writers.check(certificate, where)
    key = certificate.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise _bad(where, "is of a key that is not one of ECDSA", KEY_DETAILS)
    try:
        key.verify(signature, digest, ec.ECDSA(utils.Prehashed(hashes.SHA256())))
    except InvalidSignature as error:
        raise _bad(where, "does not verify with the certificate's key", "a signature of this digest") from error


def _issued(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _proposed(kind: str, version: str, spec: Mapping[str, Any], certificate: x509.Certificate) -> Proposed:
    body = rfc8785.dumps({"apiVersion": version, "kind": kind, "spec": dict(spec)})
    if len(body) > LONGEST_BODY:
        raise _bad("body", f"its entry has {len(body)} bytes", f"at most {LONGEST_BODY}")
    try:
        signer = signer_of(certificate)
    except ValueError as error:
        raise _bad("certificate", str(error), "a certificate of this authority") from error
    leaf = Leaf(body, f"{kind} {version}", " ".join(sorted(signer.names)), signer.issuer)
    return Proposed(leaf, leaf_hash(body))


def _signature_2(content: bytes, certificate: x509.Certificate) -> dict[str, Any]:
    raw = _base64(certificate.public_bytes(Encoding.DER))
    return {
        "content": _base64(content),
        "verifier": {"keyDetails": KEY_DETAILS, "x509Certificate": {"rawBytes": raw}},
    }


def _json(body: bytes) -> object:
    try:
        return read_json(body.decode(), max_depth=DEEPEST)
    except ValueError as error:
        raise _bad("body", "is no JSON in UTF-8 that is read here", "one JSON object, no name twice") from error


def _object(value: object, where: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise _bad(where, "is no object", "a JSON object")
    return value


def _text(of: Mapping[str, Any], name: str, where: str) -> str:
    value = of.get(name)
    if not isinstance(value, str) or not value:
        raise _bad(f"{where}.{name}", "is no text", "text")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise _bad(f"{where}.{name}", "is no text in UTF-8", "text") from error
    return value


def _bytes(of: Mapping[str, Any], name: str, where: str) -> bytes:
    try:
        return base64.b64decode(_text(of, name, where), validate=True)
    except ValueError as error:
        raise _bad(f"{where}.{name}", "is not written in base64", "base64") from error


def _pem(body: bytes, where: str) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(body)
    except ValueError as error:
        raise _bad(where, "is no certificate", "a certificate, PEM in base64") from error


def _as_pem(certificate: x509.Certificate) -> str:
    return _base64(certificate.public_bytes(Encoding.PEM))


def _sha256(body: bytes) -> dict[str, str]:
    return {"algorithm": "sha256", "value": hashlib.sha256(body).hexdigest()}


def _base64(body: bytes) -> str:
    return base64.b64encode(body).decode()


def _bad(where: str, why: str, accepted: str) -> Rejected:
    return Rejected("bad-entry", where, why, accepted)


def certificate_in(body: bytes) -> x509.Certificate | None:
    """The certificate in an entry of any kind, for monitors; None if there is none to be read."""
    try:
        spec = json.loads(body)["spec"]
        two = spec.get("hashedRekordV002") or spec.get("dsseV002")
        if two is not None:
            signature = two.get("signature") or two["signatures"][0]
            return x509.load_der_x509_certificate(
                base64.b64decode(signature["verifier"]["x509Certificate"]["rawBytes"])
            )
        one = spec["signatures"][0]["verifier"] if "signatures" in spec else spec["signature"]["publicKey"]["content"]
        return x509.load_pem_x509_certificate(base64.b64decode(one))
    except (ValueError, KeyError, TypeError, IndexError, AttributeError):
        return None

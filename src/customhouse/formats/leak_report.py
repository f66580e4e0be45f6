"""A report of leaked tokens in the form of GitHub's secret scanning partner programme; pure.

The body is a JSON array of ``{"token", "type", "url", "source"}``. Two headers name a public key and carry an ECDSA
signature (P-256, SHA-256) over the body's bytes; the keys stand in a JSON document at an address of the reporter. The
answer labels each token a true or a false positive, and names it by its SHA-256, never by itself.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from customhouse.terms.errors import Rejected

KEY_HEADER, SIGNATURE_HEADER = "github-public-key-identifier", "github-public-key-signature"
"""In lower case; the older spelling is the same in capitals."""
BODY_BYTES = 2**20
MOST_FINDS = 5000
MOST_KEYS = 100
_SHAPE = 'an array of objects with "token", "type", "url" and "source"'


@dataclass(frozen=True, slots=True)
class Find:
    """One text that looked like a token of ours, and where it was found."""

    token: str
    type: str
    url: str
    source: str

    def __repr__(self) -> str:
        return f"Find(…, {self.type!r}, {self.url!r}, {self.source!r})"

    def verdict(self, *, ours: bool) -> dict[str, str]:
        """What the reporter is told of it."""
        return {
            "token_hash": hashlib.sha256(self.token.encode()).hexdigest(),
            "token_type": self.type,
            "label": "true_positive" if ours else "false_positive",
        }


def read_report(body: bytes) -> list[Find]:
    """The finds of a report whose signature is right; raises `Rejected`."""
    try:
        value = json.loads(body)
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise Rejected("bad-report", "body", "it is not JSON", _SHAPE) from error
    if not isinstance(value, list):
        raise Rejected("bad-report", "body", "it is no array", _SHAPE)
    if len(value) > MOST_FINDS:
        raise Rejected("bad-report", "body", f"{len(value)} objects", f"at most {MOST_FINDS} at once")
    return [_find(one, position) for position, one in enumerate(value)]


def read_keys(document: bytes) -> Mapping[str, str]:
    """The public keys of a reporter's document, in PEM by their identifiers; raises `Rejected`."""
    try:
        value = json.loads(document)
        keys = value["public_keys"]
        return {str(one["key_identifier"]): str(one["key"]) for one in keys[:MOST_KEYS]}
    except (ValueError, RecursionError, TypeError, KeyError) as error:
        raise Rejected(
            "bad-keys", "keys", "the document is not as we know it", '"public_keys" with "key_identifier" and "key"'
        ) from error


def signed_by(pem: str, signature: str, body: bytes) -> bool:
    """Whether the owner of the key has signed exactly these bytes. A key of another curve signs nothing."""
    try:
        key = load_pem_public_key(pem.encode())
        if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
            return False
        key.verify(base64.b64decode(signature, validate=True), body, ec.ECDSA(SHA256()))
    except (InvalidSignature, UnsupportedAlgorithm, ValueError, binascii.Error):
        return False
    return True


def _find(value: Any, position: int) -> Find:
    if not isinstance(value, dict):
        raise Rejected("bad-report", f"body[{position}]", "it is no object", _SHAPE)
    given = {name: value.get(name) for name in ("token", "type", "url", "source")}
    texts = {name: "" if text is None else text for name, text in given.items()}
    if not texts["token"] or not all(isinstance(text, str) for text in texts.values()):
        raise Rejected("bad-report", f"body[{position}]", "it lacks a token, or holds what is no text", _SHAPE)
    return Find(texts["token"], texts["type"][:200], texts["url"][:2000], texts["source"][:100])

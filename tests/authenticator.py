"""A security key in software: it answers as a real one through a browser does, and lies in every way it is told to.

It speaks the real formats (CBOR, COSE, clientDataJSON). What a test changes is named by the fields of `Lie`.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from dataclasses import dataclass, field, replace
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

UP, UV, BE, BS, AT, ED = 0x01, 0x04, 0x08, 0x10, 0x40, 0x80
PrivateKey = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey


def text_of(data: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def bytes_of(text: str) -> bytes:
    """And back."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@dataclass(frozen=True)
class Lie:
    """What is not as it should be; None and empty leave it true."""

    origin: str | None = None
    rp_id: str | None = None
    type: str | None = None
    challenge: bytes | None = None
    client_data: dict[str, Any] = field(default_factory=dict)
    flags: int | None = None
    """All flags, without the one for attested data."""
    count: int | None = None
    credential_id: bytes | None = None
    raw_id: bytes | None = None
    user_handle: bytes | None = None
    cose: dict[int, Any] | None = None
    fmt: str = "none"
    statement: Any = field(default_factory=dict)
    attestation_object: bytes | None = None
    auth_data: bytes | None = None
    signature: bytes | None = None
    members: dict[str, Any] = field(default_factory=dict)
    """Members of the outermost object."""


TRUE = Lie()


@dataclass
class Authenticator:
    """A key with its private half. ``counts`` is False for passkeys, whose counter is always 0."""

    origin: str
    rp_id: str
    counts: bool = True
    verifies: bool = True
    algorithm: int = -7
    credential_id: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    count: int = 0
    user_handle: bytes | None = None
    discoverable: bool = False
    key: PrivateKey = field(init=False)

    def __post_init__(self) -> None:
        if self.algorithm == -8:
            self.key = ed25519.Ed25519PrivateKey.generate()
        elif self.algorithm in (-257, -65535):
            self.key = rsa.generate_private_key(65537, 2048)
        else:
            self.key = ec.generate_private_key(ec.SECP256R1())

    def create(self, options: dict[str, Any], lie: Lie = TRUE) -> str:
        """The answer to registration options, as the page's script sends it."""
        self.user_handle = bytes_of(options["user"]["id"])
        self.discoverable = options.get("authenticatorSelection", {}).get("residentKey") == "required"
        client_data = self._client_data("webauthn.create", options, lie)
        credential_id = lie.credential_id if lie.credential_id is not None else self.credential_id
        cose = cbor2.dumps(lie.cose if lie.cose is not None else self.cose)
        attested = secrets.token_bytes(16) + len(credential_id).to_bytes(2, "big") + credential_id + cose
        auth_data = self._auth_data(lie, AT) + attested
        statement = lie.statement
        if lie.fmt == "packed" and not statement:
            statement = {"alg": self.algorithm, "sig": self._sign(auth_data + hashlib.sha256(client_data).digest())}
        told = {"fmt": lie.fmt, "attStmt": statement, "authData": lie.auth_data or auth_data}
        made = lie.attestation_object if lie.attestation_object is not None else cbor2.dumps(told)
        response = {"clientDataJSON": text_of(client_data), "attestationObject": text_of(made)}
        return self._wrapped(lie, response)

    def get(self, options: dict[str, Any], lie: Lie = TRUE) -> str:
        """The answer to sign-in options."""
        if self.counts:
            self.count += 1
        client_data = self._client_data("webauthn.get", options, lie)
        auth_data = lie.auth_data or self._auth_data(lie, 0)
        signature = lie.signature or self._sign(auth_data + hashlib.sha256(client_data).digest())
        response = {
            "clientDataJSON": text_of(client_data), "authenticatorData": text_of(auth_data), "signature": text_of(signature),
        }  # fmt: skip
        handle = lie.user_handle if lie.user_handle is not None else (self.user_handle if self.discoverable else None)
        if handle:
            response["userHandle"] = text_of(handle)
        return self._wrapped(lie, response)

    @property
    def cose(self) -> dict[int, Any]:
        """The public half as COSE writes it."""
        if isinstance(self.key, ed25519.Ed25519PrivateKey):
            return {1: 1, 3: -8, -1: 6, -2: self.key.public_key().public_bytes_raw()}
        if isinstance(self.key, rsa.RSAPrivateKey):
            numbers = self.key.public_key().public_numbers()
            return {1: 3, 3: self.algorithm, -1: numbers.n.to_bytes(256, "big"), -2: b"\x01\x00\x01"}
        point = self.key.public_key().public_numbers()
        return {1: 2, 3: self.algorithm, -1: 1, -2: point.x.to_bytes(32, "big"), -3: point.y.to_bytes(32, "big")}

    def copied(self) -> Authenticator:
        """A clone: the same private half, and a counter that goes its own way."""
        clone = replace(self)
        clone.key = self.key
        return clone

    def _client_data(self, kind: str, options: dict[str, Any], lie: Lie) -> bytes:
        challenge = text_of(lie.challenge) if lie.challenge is not None else options["challenge"]
        told = {
            "type": lie.type or kind,
            "challenge": challenge,
            "origin": lie.origin or self.origin,
            "crossOrigin": False,
        }
        return json.dumps(told | lie.client_data).encode()

    def _auth_data(self, lie: Lie, more: int) -> bytes:
        flags = lie.flags if lie.flags is not None else UP | (UV if self.verifies else 0)
        count = lie.count if lie.count is not None else self.count
        return (
            hashlib.sha256((lie.rp_id or self.rp_id).encode()).digest()
            + bytes([flags | more])
            + count.to_bytes(4, "big")
        )

    def _sign(self, data: bytes) -> bytes:
        if isinstance(self.key, ed25519.Ed25519PrivateKey):
            return self.key.sign(data)
        if isinstance(self.key, rsa.RSAPrivateKey):
            return self.key.sign(data, padding.PKCS1v15(), hashes.SHA256())
        return self.key.sign(data, ec.ECDSA(hashes.SHA256()))

    def _wrapped(self, lie: Lie, response: dict[str, str]) -> str:
        raw_id = (
            lie.raw_id
            if lie.raw_id is not None
            else (lie.credential_id if lie.credential_id is not None else self.credential_id)
        )
        whole = {"id": text_of(raw_id), "rawId": text_of(raw_id), "type": "public-key", "response": response}
        return json.dumps(whole | lie.members)

"""A secret scanner that speaks the protocol of GitHub's partner programme: real keys, real signatures, a key server."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2 as httpx
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from receiver import Receiver, Reply, receiver

PLACE = "https://code.example/alice/site/blob/main/.github/deploy.sh"


def new_key(curve: ec.EllipticCurve | None = None) -> ec.EllipticCurvePrivateKey:
    """A key, of the curve that the protocol uses unless another is asked for."""
    return ec.generate_private_key(curve or ec.SECP256R1())


def find(token: str, **more: Any) -> dict[str, Any]:
    """One find as it is reported."""
    return {"token": token, "type": "customhouse_api_token", "url": PLACE, "source": "content", **more}


def hash_of(token: str) -> str:
    """By what the answer names a token."""
    return hashlib.sha256(token.encode()).hexdigest()


@dataclass
class Scanner:
    """The scanner as a test sees it; ``keys`` is what its key server tells."""

    server: Receiver
    keys: dict[str, ec.EllipticCurvePrivateKey] = field(default_factory=lambda: {"key-1": new_key()})

    @property
    def reporters(self) -> dict[str, str]:
        """The setting of an index that believes it."""
        return {"scanner": self.server.url}

    @property
    def asked(self) -> int:
        """How often its keys were fetched."""
        return len(self.server.requests)

    def document(self) -> bytes:
        """The keys as they are published."""
        keys = [
            {"key_identifier": name, "key": key.public_key().public_bytes(
                Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(), "is_current": True}
            for name, key in self.keys.items()
        ]  # fmt: skip
        return json.dumps({"public_keys": keys}).encode()

    def signed(
        self, body: bytes, *, key_id: str = "key-1", key: ec.EllipticCurvePrivateKey | None = None
    ) -> dict[str, str]:
        """The headers of a report."""
        signature = (key or self.keys[key_id]).sign(body, ec.ECDSA(SHA256()))
        return {
            "content-type": "application/json",
            "Github-Public-Key-Identifier": key_id,
            "Github-Public-Key-Signature": base64.b64encode(signature).decode(),
        }

    def report(self, client: httpx.Client, *finds: Any, **how: Any) -> httpx.Response:
        """Send a report."""
        body = json.dumps(list(finds)).encode()
        return client.post("/-/leaked-tokens/", content=body, headers=self.signed(body, **how))


@contextmanager
def scanner() -> Iterator[Scanner]:
    """A scanner whose key server is running."""
    with receiver() as server:
        made = Scanner(server)
        server.answer = lambda _request: Reply(200, made.document(), {"content-type": "application/json"})
        yield made

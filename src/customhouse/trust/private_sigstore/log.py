"""A transparency log of signatures, as Sigstore's Rekor keeps one: entries of the kind dsse 0.0.1, in memory.

Of the two versions of Rekor this is the first, because an attestation of PEP 740 carries no timestamp of an authority:
the signed time of an entry is the only one there is, and the second version has none.
"""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from typing import Any

import rfc8785
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from customhouse.terms.clock import Clock
from customhouse.trust.private_sigstore.keys import SigningKey
from customhouse.trust.private_sigstore.merkle import inclusion_proof, leaf_hash, tree_hash

KIND, VERSION = "dsse", "0.0.1"


class TransparencyLog:
    """Takes signatures, and answers each with a signed promise of the time and a proof that it is in the log."""

    def __init__(self, key: SigningKey, clock: Clock, origin: str = "customhouse.private") -> None:
        self.key = key
        self.origin = origin
        self._clock = clock
        self._leaves: list[bytes] = []
        self._lock = threading.Lock()

    def add(self, statement: bytes, signature: bytes, certificate: x509.Certificate) -> dict[str, Any]:
        """The entry of one signed statement, as bundles spell it. Whether the signature holds the caller has seen."""
        body = _body(statement, signature, certificate)
        with self._lock:
            self._leaves.append(leaf_hash(body))
            leaves = tuple(self._leaves)
        index, at = len(leaves) - 1, int(self._clock.now().timestamp())
        promise: dict[str, int | str] = {
            "body": _base64(body),
            "integratedTime": at,
            "logID": self.key.id.hex(),
            "logIndex": index,
        }
        return {
            "logIndex": str(index),
            "logId": {"keyId": _base64(self.key.id)},
            "kindVersion": {"kind": KIND, "version": VERSION},
            "integratedTime": str(at),
            "inclusionPromise": {"signedEntryTimestamp": _base64(self.key.sign(rfc8785.dumps(promise)))},
            "inclusionProof": {
                "logIndex": str(index),
                "rootHash": _base64(tree_hash(leaves)),
                "treeSize": str(len(leaves)),
                "hashes": [_base64(one) for one in inclusion_proof(index, leaves)],
                "checkpoint": {"envelope": self._checkpoint(tree_hash(leaves), len(leaves))},
            },
            "canonicalizedBody": _base64(body),
        }

    def _checkpoint(self, root: bytes, size: int) -> str:
        """A signed note (C2SP): origin, size and root, and a signature that begins with four bytes of the key's id."""
        note = f"{self.origin}\n{size}\n{_base64(root)}\n"
        signature = self.key.id[:4] + self.key.sign(note.encode())
        return f"{note}\n\N{EM DASH} {self.origin} {_base64(signature)}\n"


def _body(statement: bytes, signature: bytes, certificate: x509.Certificate) -> bytes:
    envelope = json.dumps(
        {
            "payload": _base64(statement),
            "payloadType": "application/vnd.in-toto+json",
            "signatures": [{"sig": _base64(signature)}],
        }
    )
    return rfc8785.dumps(
        {
            "apiVersion": VERSION,
            "kind": KIND,
            "spec": {
                "envelopeHash": _sha256(envelope.encode()),
                "payloadHash": _sha256(statement),
                "signatures": [
                    {"signature": _base64(signature), "verifier": _base64(certificate.public_bytes(Encoding.PEM))}
                ],
            },
        }
    )


def _sha256(body: bytes) -> dict[str, str]:
    return {"algorithm": "sha256", "value": hashlib.sha256(body).hexdigest()}


def _base64(body: bytes) -> str:
    return base64.b64encode(body).decode()

"""A private Sigstore in the memory of this process, with Rekor's first version for a log: what tests sign with.

The certificates are those of the real authority; log and trees are written here once more, from RFC 6962 and all
leaves, so that the ones in the database have something to be compared with. Of the two versions of Rekor this is the
first, because an attestation of PEP 740 carries no timestamp of an authority: the signed time of an entry is its only one.
"""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import rfc8785
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from customhouse.formats.dsse import IN_TOTO, pae
from customhouse.terms.clock import Clock
from customhouse.trust.private_sigstore.ca import Authority, OidcIdentity, root_certificate
from customhouse.trust.private_sigstore.ct import TimestampLog
from customhouse.trust.private_sigstore.keys import SigningKey
from customhouse.trust.private_sigstore.merkle import leaf_hash, node_hash

# The number of points of P-256 (FIPS 186-5); a private key is 1 to this, less one.
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def new_key() -> SigningKey:
    """A random one."""
    return SigningKey(ec.generate_private_key(ec.SECP256R1()))


def seeded_key(seed: bytes) -> SigningKey:
    """The same key for the same seed."""
    # 64 bytes, so that the remainder is as good as uniform.
    number = int.from_bytes(hashlib.sha512(b"customhouse private sigstore key\0" + seed).digest())
    return SigningKey(ec.derive_private_key(1 + number % (_ORDER - 1), ec.SECP256R1()))


def tree_hash(leaves: Sequence[bytes]) -> bytes:
    """The root over hashes of leaves (RFC 6962, 2.1)."""
    if len(leaves) < 2:
        return leaves[0] if leaves else hashlib.sha256().digest()
    split = _split(len(leaves))
    return node_hash(tree_hash(leaves[:split]), tree_hash(leaves[split:]))


def inclusion_proof(index: int, leaves: Sequence[bytes]) -> list[bytes]:
    """The hashes that lead from one leaf to the root, lowest first (2.1.1)."""
    if len(leaves) == 1:
        return []
    split = _split(len(leaves))
    if index < split:
        return [*inclusion_proof(index, leaves[:split]), tree_hash(leaves[split:])]
    return [*inclusion_proof(index - split, leaves[split:]), tree_hash(leaves[:split])]


def consistency_proof(old: int, leaves: Sequence[bytes], *, whole: bool = True) -> list[bytes]:
    """The hashes that show that the first ``old`` leaves are a tree of their own (2.1.2); 0 < old <= len(leaves)."""
    if old == len(leaves):
        return [] if whole else [tree_hash(leaves)]
    split = _split(len(leaves))
    if old <= split:
        return [*consistency_proof(old, leaves[:split], whole=whole), tree_hash(leaves[split:])]
    return [*consistency_proof(old - split, leaves[split:], whole=False), tree_hash(leaves[:split])]


def _split(size: int) -> int:
    """The largest power of two below a size of at least two."""
    return 1 << (size - 1).bit_length() - 1


class TransparencyLog:
    """Takes entries, and answers each with a signed promise of the time and a proof that it is in the log."""

    def __init__(self, key: SigningKey, clock: Clock, origin: str) -> None:
        self.key = key
        self.origin = origin
        self.leaves: list[bytes] = []
        self._clock = clock
        self._lock = threading.Lock()

    def add(self, statement: bytes, signature: bytes, certificate: x509.Certificate) -> dict[str, Any]:
        """The entry of one signed statement, as bundles spell it. Whether the signature holds the caller has seen."""
        envelope = {
            "payload": b64(statement), "payloadType": "application/vnd.in-toto+json",
            "signatures": [{"sig": b64(signature)}],
        }  # fmt: skip
        verifier = b64(certificate.public_bytes(Encoding.PEM))
        spec = {
            "envelopeHash": _sha256(json.dumps(envelope).encode()), "payloadHash": _sha256(statement),
            "signatures": [{"signature": b64(signature), "verifier": verifier}],
        }  # fmt: skip
        return self.enter("dsse", spec)

    def add_file(self, digest: bytes, signature: bytes, certificate: x509.Certificate) -> dict[str, Any]:
        """The entry of the signature of a file."""
        public_key = {"content": b64(certificate.public_bytes(Encoding.PEM))}
        spec = {
            "data": {"hash": {"algorithm": "sha256", "value": digest.hex()}},
            "signature": {"content": b64(signature), "publicKey": public_key},
        }
        return self.enter("hashedrekord", spec)

    def enter(self, kind: str, spec: Mapping[str, Any]) -> dict[str, Any]:
        """Any entry of version 0.0.1."""
        body = rfc8785.dumps({"apiVersion": "0.0.1", "kind": kind, "spec": dict(spec)})
        with self._lock:
            self.leaves.append(leaf_hash(body))
            leaves = tuple(self.leaves)
        index, at = len(leaves) - 1, int(self._clock.now().timestamp())
        promise: dict[str, Any] = {
            "body": b64(body), "integratedTime": at, "logID": self.key.id.hex(), "logIndex": index,
        }  # fmt: skip
        return {
            "logIndex": str(index),
            "logId": {"keyId": b64(self.key.id)},
            "kindVersion": {"kind": kind, "version": "0.0.1"},
            "integratedTime": str(at),
            "inclusionPromise": {"signedEntryTimestamp": b64(self.key.sign(rfc8785.dumps(promise)))},
            "inclusionProof": {
                "logIndex": str(index),
                "rootHash": b64(tree_hash(leaves)),
                "treeSize": str(len(leaves)),
                "hashes": [b64(one) for one in inclusion_proof(index, leaves)],
                "checkpoint": {"envelope": self._checkpoint(leaves)},
            },
            "canonicalizedBody": b64(body),
        }

    def checkpoint(self, size: int | None = None) -> str:
        """Of the log as it is, or as it was."""
        return self._checkpoint(self.leaves[:size])

    def _checkpoint(self, leaves: Sequence[bytes]) -> str:
        """A signed note (C2SP): origin, size and root, and a signature that begins with four bytes of the key's id."""
        note = f"{self.origin}\n{len(leaves)}\n{b64(tree_hash(leaves))}\n"
        signature = self.key.id[:4] + self.key.sign(note.encode())
        return f"{note}\n\N{EM DASH} {self.origin} {b64(signature)}\n"


@dataclass(frozen=True)
class PrivateSigstore:
    """A certificate authority, the log of its certificates and the log of signatures."""

    authority: Authority
    timestamps: TimestampLog
    log: TransparencyLog

    @classmethod
    def open(
        cls, clock: Clock, seed: bytes | None = None, name: str = "customhouse", origin: str = "customhouse.private"
    ) -> PrivateSigstore:
        """With keys from a seed, or with new ones."""
        authority, second, third = (
            new_key() if seed is None else seeded_key(seed + part) for part in (b" authority", b" timestamps", b" log")
        )
        timestamps = TimestampLog(second)
        certificate = root_certificate(authority.private, f"{name} certificates", clock.now())
        return cls(
            Authority(authority, timestamps, clock, certificate), timestamps, TransparencyLog(third, clock, origin)
        )

    def trusted_root(self, *, since: datetime | None = None) -> str:
        """Its ``trusted_root.json``; ``since`` is when the keys came into use (that of the authority's certificate)."""
        certificate = self.authority.certificate
        valid = {"start": f"{since or certificate.not_valid_before_utc:%Y-%m-%dT%H:%M:%SZ}"}
        (name,) = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        authority = {
            "subject": {"organization": "customhouse", "commonName": str(name.value)},
            "uri": "",
            "certChain": {"certificates": [{"rawBytes": b64(certificate.public_bytes(Encoding.DER))}]},
            "validFor": valid,
        }
        return json.dumps(
            {
                "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
                "tlogs": [_log(self.log.key, valid)],
                "certificateAuthorities": [authority],
                "ctlogs": [_log(self.timestamps.key, valid)],
                "timestampAuthorities": [],
            },
            indent=1,
        )

    def certificate(self, identity: OidcIdentity, key: ec.EllipticCurvePublicKey) -> x509.Certificate:
        """For whoever holds this key, for ten minutes."""
        return self.authority.certify(identity, key).certificate

    def sign(self, statement: bytes, identity: OidcIdentity) -> dict[str, Any]:
        """An attestation object: signed with a key that is used once, certified for this identity, and logged."""
        key = new_key()
        certificate = self.certificate(identity, key.private.public_key())
        signature = key.sign(pae(IN_TOTO, statement))
        entry = self.log.add(statement, signature, certificate)
        return {
            "version": 1,
            "verification_material": {
                "certificate": b64(certificate.public_bytes(Encoding.DER)),
                "transparency_entries": [entry],
            },
            "envelope": {"statement": b64(statement), "signature": b64(signature)},
        }


def b64(body: bytes) -> str:
    return base64.b64encode(body).decode()


def _log(key: SigningKey, valid: Mapping[str, str]) -> dict[str, Any]:
    return {
        "baseUrl": "",
        "hashAlgorithm": "SHA2_256",
        "publicKey": {
            "rawBytes": b64(key.public_der), "keyDetails": "PKIX_ECDSA_P256_SHA_256", "validFor": dict(valid),
        },
        "logId": {"keyId": b64(key.id)},
    }  # fmt: skip


def _sha256(body: bytes) -> dict[str, str]:
    return {"algorithm": "sha256", "value": hashlib.sha256(body).hexdigest()}

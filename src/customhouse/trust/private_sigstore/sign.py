"""A private Sigstore, and signing with it: a statement and an identity in, an attestation object out (PEP 740)."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding

from customhouse.formats.attestations import signed_bytes
from customhouse.terms.clock import Clock
from customhouse.trust.private_sigstore.ca import Authority, OidcIdentity
from customhouse.trust.private_sigstore.ct import TimestampLog
from customhouse.trust.private_sigstore.keys import SigningKey
from customhouse.trust.private_sigstore.log import TransparencyLog
from customhouse.trust.private_sigstore.trusted_root import trusted_root


@dataclass(frozen=True)
class PrivateSigstore:
    """A certificate authority, the log of its certificates and the log of signatures."""

    authority: Authority
    timestamps: TimestampLog
    log: TransparencyLog

    @classmethod
    def open(cls, clock: Clock, seed: bytes | None = None, name: str = "customhouse") -> PrivateSigstore:
        """With keys from a seed, or with new ones."""
        keys = [
            SigningKey.new() if seed is None else SigningKey.from_seed(seed + part)
            for part in (b" authority", b" timestamps", b" log")
        ]
        timestamps = TimestampLog(keys[1])
        return cls(Authority(keys[0], timestamps, clock, name), timestamps, TransparencyLog(keys[2], clock))

    def trusted_root(self, *, since: datetime | None = None) -> str:
        """Its ``trusted_root.json``."""
        certificate = self.authority.certificate
        return trusted_root(
            certificate, self.timestamps.key, self.log.key, since=since or certificate.not_valid_before_utc
        )

    def sign(self, statement: bytes, identity: OidcIdentity) -> dict[str, Any]:
        """An attestation object: signed with a key that is used once, certified for this identity, and logged."""
        key = SigningKey.new()
        certificate = self.authority.issue(identity, key.private.public_key())
        signature = key.sign(signed_bytes(statement))
        entry = self.log.add(statement, signature, certificate)
        return {
            "version": 1,
            "verification_material": {
                "certificate": base64.b64encode(certificate.public_bytes(Encoding.DER)).decode(),
                "transparency_entries": [entry],
            },
            "envelope": {
                "statement": base64.b64encode(statement).decode(),
                "signature": base64.b64encode(signature).decode(),
            },
        }

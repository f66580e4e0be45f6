"""What the private Sigstore has done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from customhouse.ledger.events import Event


@dataclass(frozen=True, slots=True)
class SigningCertificateIssued(Event):
    """Somebody has shown a token, and may sign for ten minutes."""

    kind: ClassVar[str] = "signing-certificate-issued"
    name: str
    """Who, as the certificate says it."""
    issuer: str
    """Who has vouched for that."""
    serial: str
    """Of the certificate, hexadecimal."""
    place: int
    """In the log of certificates."""


@dataclass(frozen=True, slots=True)
class SigningTokenRefused(Event):
    """A genuine token was shown again, for another key than the first time: somebody has it who should not."""

    kind: ClassVar[str] = "signing-token-refused"
    name: str
    issuer: str
    why: str


@dataclass(frozen=True, slots=True)
class SignatureLogged(Event):
    """An entry of the log of signatures."""

    kind: ClassVar[str] = "signature-logged"
    place: int
    entry_kind: str
    leaf: str
    """The entry's hash in the tree, hexadecimal."""


@dataclass(frozen=True, slots=True)
class SigningTokenGiven(Event):
    """Somebody signed in has let a program on his machine sign as himself."""

    kind: ClassVar[str] = "signing-token-given"
    user_id: str
    redirect: str
    """Where the program was listening."""


@dataclass(frozen=True, slots=True)
class CheckpointCosigned(Event):
    """As a witness this index has co-signed the checkpoint of a log of somebody else."""

    kind: ClassVar[str] = "checkpoint-cosigned"
    origin: str
    size: int
    root: str
    """Hexadecimal."""


@dataclass(frozen=True, slots=True)
class CosignatureRefused(Event):
    """A log has shown its witness something that does not continue what it has shown before."""

    kind: ClassVar[str] = "cosignature-refused"
    origin: str
    size: int
    why: str


@dataclass(frozen=True, slots=True)
class TrustRepositoryRenewed(Event):
    """New metadata of the trust repository (TUF)."""

    kind: ClassVar[str] = "trust-repository-renewed"
    versions: str
    """Role and version, with blanks between them."""


@dataclass(frozen=True, slots=True)
class SigstoreKeyRotated(Event):
    """A role signs with a new key."""

    kind: ClassVar[str] = "sigstore-key-rotated"
    role: str
    key: str
    """The SHA-256 of the new public key, hexadecimal."""


@dataclass(frozen=True, slots=True)
class SigstoreLogStarted(Event):
    """The database did not continue what a log had said: it goes on under another name, with new keys."""

    kind: ClassVar[str] = "sigstore-log-started"
    origin: str
    """Of the new log."""
    before: str
    """Of the old one."""
    said: int
    """How many entries the old one has said to have."""
    size: int
    """With how many the new one begins."""


@dataclass(frozen=True, slots=True)
class SigstoreLogKept(Event):
    """The database was put back on purpose: a log goes on under its name, without its last entries."""

    kind: ClassVar[str] = "sigstore-log-kept"
    origin: str
    said: int
    """How many entries it has said to have."""
    size: int
    """How many it has now."""

"""The key of one machine, or of one person's machine: Ed25519 (RFC 8032) in a file that only its owner reads.

The engine seals its journal with one; actors say what they say with theirs. The file holds the seed in hexadecimal.
"""

from __future__ import annotations

import base64
import binascii
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from customhouse.infra.private_file import write_private
from customhouse.terms.errors import Rejected

_SEED_HEX = 64


@dataclass(frozen=True)
class MachineKey:
    """A private key; it never shows itself."""

    _key: Ed25519PrivateKey = field(repr=False)

    @classmethod
    def new(cls) -> MachineKey:
        """A fresh one, in memory only."""
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def from_seed(cls, seed: bytes) -> MachineKey:
        """The key of 32 bytes."""
        return cls(Ed25519PrivateKey.from_private_bytes(seed))

    @property
    def public(self) -> str:
        """The public key, hexadecimal, as ``key:HEX`` in a pipeline names it."""
        return self._key.public_key().public_bytes_raw().hex()

    def sign(self, message: bytes) -> str:
        """The signature, base64."""
        return base64.b64encode(self._key.sign(message)).decode()

    def seed(self) -> bytes:
        """What is stored."""
        return self._key.private_bytes_raw()


def signed_by(public: str, signature: str, message: bytes) -> bool:
    """Whether this key (hexadecimal) made this signature (base64) over the message."""
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(public)).verify(
            base64.b64decode(signature, validate=True), message
        )
    except (InvalidSignature, ValueError, binascii.Error):
        return False
    return public == public.lower()


def open_key(path: Path, *, make: bool = True) -> MachineKey:
    """The key in the file; a new one where there is no file and ``make`` is set.

    Raises `Rejected` if the file holds no key, if others than its owner may read it, or if it is missing.
    """
    if make and not path.exists():
        _write(path, MachineKey.new())
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            text = file.read(_SEED_HEX + 2).decode("ascii", "replace").strip()
    except OSError as error:
        raise Rejected("no-key", str(path), f"the key cannot be read ({error.strerror})", "a key file") from error
    if mode & 0o077:
        raise Rejected("key-open", str(path), f"others may read it (mode {mode:o})", f"mode 600: chmod 600 {path}")
    if len(text) != _SEED_HEX or set(text) - set("0123456789abcdef"):
        raise Rejected("no-key", str(path), "it holds no key", "64 hexadecimal digits")
    return MachineKey.from_seed(bytes.fromhex(text))


def _write(path: Path, key: MachineKey) -> None:
    """Whole or not at all, and never over an older one: a second process takes the first one's key."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_private(path, f"{key.seed().hex()}\n", replaces=False)

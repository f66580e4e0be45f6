"""The index's own signing keys (Ed25519, RFC 8032): a file beside the server's key, outside the database.

The file holds one private key, and the public halves of all that came before, each with the time in which it was used.
The public ones lie here too, so that whoever can write into the database can neither sign nor name a key of his own.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from customhouse.formats.amendment import (
    Amendment,
    PublicKey,
    Signed,
    Withdrawal,
    key_id,
    keys_to_json,
    message,
    read_keys,
)
from customhouse.infra.private_file import write_private
from customhouse.infra.settings import Settings
from customhouse.terms.errors import Rejected, Unavailable

BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)
"""Since when the first key counts: nobody else can have signed before, and clocks are set back at times."""


@dataclass(frozen=True, slots=True)
class SigningKeys:
    """What the file holds. Never printed."""

    seed: bytes
    """32 bytes: the private key of the last of ``public``."""
    public: tuple[PublicKey, ...]
    """The oldest first."""

    def __repr__(self) -> str:
        return "SigningKeys(…)"

    def sign(self, record: Amendment | Withdrawal) -> Signed:
        """The record with the signature of the key of today."""
        key = Ed25519PrivateKey.from_private_bytes(self.seed)
        return Signed(record, self.public[-1].id, base64.b64encode(key.sign(message(record))).decode())


def signing_path(settings: Settings) -> Path:
    """Where the file lies."""
    return settings.signing_keys_file or settings.data / "signing-keys.json"


def make_signing_keys(settings: Settings) -> None:
    """Make the first key if there is none."""
    path = signing_path(settings)
    if not path.exists():
        seed, public = _new(BEGINNING)
        _write(path, SigningKeys(seed, (public,)), replaces=False)


def read_signing_keys(settings: Settings) -> SigningKeys:
    """What the file holds now; raises `Unavailable` if it is missing or damaged."""
    path = signing_path(settings)
    try:
        told = json.loads(path.read_text())
        keys = SigningKeys(base64.b64decode(told["private"], validate=True), read_keys(told, str(path)))
        raw = Ed25519PrivateKey.from_private_bytes(keys.seed).public_key().public_bytes_raw()
    except (OSError, ValueError, KeyError, TypeError, Rejected) as error:
        raise Unavailable("The signing key", f"{path} cannot be read: {error}") from error
    if not keys.public or keys.public[-1].raw != raw or keys.public[-1].until is not None:
        raise Unavailable("The signing key", f"{path} holds a private key and not its public half")
    return keys


def rotate_signing_key(settings: Settings, now: datetime) -> PublicKey:
    """Sign with a new key from now on. The old private key is gone; what it has signed stays good."""
    keys = read_signing_keys(settings)
    seed, public = _new(now)
    ended = replace(keys.public[-1], until=now)
    _write(signing_path(settings), SigningKeys(seed, (*keys.public[:-1], ended, public)), replaces=True)
    return public


def _new(now: datetime) -> tuple[bytes, PublicKey]:
    key = Ed25519PrivateKey.generate()
    raw = key.public_key().public_bytes_raw()
    return key.private_bytes_raw(), PublicKey(key_id(raw), raw, now)


def _write(path: Path, keys: SigningKeys, *, replaces: bool) -> None:
    text = json.dumps({"private": base64.b64encode(keys.seed).decode(), **keys_to_json(keys.public)}, indent=1)
    write_private(path, f"{text}\n", replaces=replaces)

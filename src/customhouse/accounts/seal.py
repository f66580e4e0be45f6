"""Secrets at rest that must be read again: sealed under keys derived from the server's key (AES-256-GCM).

Whoever steals the database or its backup reads none of them: the server's key is kept outside both.
"""

from __future__ import annotations

import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from customhouse.accounts.server_key import ServerKey
from customhouse.terms.errors import Broken

_NONCE_BYTES = 12


def seal(key: ServerKey, purpose: str, whose: str, secret: bytes) -> bytes:
    """Encrypt a secret. It opens for the same purpose and owner alone, so that no row can be passed off as another."""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + _cipher(key, purpose).encrypt(nonce, secret, whose.encode())


def unseal(key: ServerKey, purpose: str, whose: str, sealed: bytes) -> bytes:
    """The secret again; raises `Broken` if it is not one that `seal` made for this purpose and owner under this key."""
    try:
        return _cipher(key, purpose).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], whose.encode())
    except (InvalidTag, ValueError) as error:
        raise Broken(f"A sealed {purpose} does not open with this server's key. Was the key replaced?") from error


def _cipher(key: ServerKey, purpose: str) -> AESGCM:
    return AESGCM(key.mac("seal", purpose))

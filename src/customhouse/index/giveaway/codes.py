"""Codes at rest: recognised by a keyed hash, readable only with the server's key."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from customhouse.accounts.tokens import ServerKey

_NONCE_BYTES = 12


@dataclass(frozen=True, slots=True)
class SealedCode:
    """A code as its row holds it."""

    code_hash: str
    sealed: bytes


def seal_code(key: ServerKey, code: str) -> SealedCode:
    """Hash and encrypt. The hash is bound to the bytes, so that two rows cannot trade their codes."""
    code_hash = code_hash_of(key, code)
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return SealedCode(code_hash, nonce + _cipher(key).encrypt(nonce, code.encode(), code_hash.encode()))


def open_code(key: ServerKey, sealed: SealedCode) -> str:
    """The code itself."""
    nonce, body = sealed.sealed[:_NONCE_BYTES], sealed.sealed[_NONCE_BYTES:]
    return _cipher(key).decrypt(nonce, body, sealed.code_hash.encode()).decode()


def code_hash_of(key: ServerKey, code: str) -> str:
    """By what a code is recognised. Codes are short enough to be guessed, so a plain hash would tell them."""
    return hmac.digest(key.secret, b"giveaway-code\0" + code.encode(), hashlib.sha256).hex()


def _cipher(key: ServerKey) -> AESGCM:
    return AESGCM(hmac.digest(key.secret, b"giveaway-seal", hashlib.sha256))

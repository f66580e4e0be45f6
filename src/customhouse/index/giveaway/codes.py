"""Codes at rest: recognised by a keyed hash, readable only with the server's key."""

from __future__ import annotations

from dataclasses import dataclass

from customhouse.accounts.seal import seal, unseal
from customhouse.accounts.server_key import ServerKey

_PURPOSE = "giveaway-code"


@dataclass(frozen=True, slots=True)
class SealedCode:
    """A code as its row holds it."""

    code_hash: str
    sealed: bytes


def seal_code(key: ServerKey, code: str) -> SealedCode:
    """Hash and encrypt. The hash is bound to the bytes, so that two rows cannot trade their codes."""
    code_hash = code_hash_of(key, code)
    return SealedCode(code_hash, seal(key, _PURPOSE, code_hash, code.encode()))


def open_code(key: ServerKey, sealed: SealedCode) -> str:
    """The code itself."""
    return unseal(key, _PURPOSE, sealed.code_hash, sealed.sealed).decode()


def code_hash_of(key: ServerKey, code: str) -> str:
    """By what a code is recognised. Codes are short enough to be guessed, so a plain hash would tell them."""
    return key.mac(_PURPOSE, code).hex()

"""Bytes as text that may stand anywhere, and identifiers that nobody guesses."""

from __future__ import annotations

import base64
import secrets

ID_BYTES = 16


def base64url(raw: bytes) -> str:
    """Letters, digits, ``-`` and ``_``, without padding (RFC 4648, section 5)."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def from_base64url(text: str) -> bytes:
    """The bytes again; raises `ValueError` for every text that `base64url` would not have written."""
    raw = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    if base64url(raw) != text:
        raise ValueError("it is not as it would be written")
    return raw


def new_id() -> str:
    """128 random bits as 26 letters and digits: a-z and 2-7."""
    return base64.b32encode(secrets.token_bytes(ID_BYTES)).rstrip(b"=").decode().lower()

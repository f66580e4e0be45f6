"""The server's key, and what derives from it: no row, backup or waiting mail holds anything that opens something."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass

from customhouse.terms.encode import base64url


@dataclass(frozen=True, slots=True)
class ServerKey:
    """The 32 bytes that every secret of ours derives from. Never printed."""

    secret: bytes

    def __repr__(self) -> str:
        return "ServerKey(…)"

    def mac(self, purpose: str, what: str | bytes) -> bytes:
        """HMAC-SHA256 (RFC 2104) of something for one purpose; what is derived for another says nothing about it."""
        text = what.encode() if isinstance(what, str) else what
        return hmac.digest(self.secret, purpose.encode() + b"\0" + text, hashlib.sha256)

    def mark(self, purpose: str, what: str | bytes) -> str:
        """The same as 43 letters."""
        return base64url(self.mac(purpose, what))

    def stamp(self, purpose: str, name: str, context: str = "") -> str:
        """``NAME.MARK``: a name that nobody else can have written for this purpose.

        ``context`` is signed too and stands nowhere: who has read it back must know it.
        """
        signed = f"{name}\0{context}" if context else name
        return f"{name}.{self.mark(purpose, signed)}"

    def stamped(self, purpose: str, text: str, context: str = "") -> str | None:
        """The name, if this is its stamp; None for any other text."""
        name = text.rpartition(".")[0]
        ours = self.stamp(purpose, name, context).encode()
        return name if hmac.compare_digest(ours, text.encode(errors="replace")) else None

"""SHA-256 digests: the name of every object that we store."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from customhouse.terms.errors import Rejected

_HEX = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, order=True)
class Digest:
    """A SHA-256 digest as 64 lower-case hexadecimal digits."""

    hex: str

    @classmethod
    def parse(cls, text: str, *, where: str = "digest") -> Digest:
        """Read 64 hexadecimal digits of any case; raises `Rejected` otherwise."""
        lowered = text.lower()
        if not _HEX.fullmatch(lowered):
            raise Rejected("bad-digest", where, f"{text[:80]!r} is not a SHA-256 digest", "64 hexadecimal digits")
        return cls(lowered)

    @classmethod
    def of(cls, body: bytes) -> Digest:
        """The digest of bytes in memory."""
        return cls(hashlib.sha256(body).hexdigest())

    def __str__(self) -> str:
        return self.hex

"""Passwords: argon2id, and rules that a person can live with (NIST SP 800-63B, section 5.1.1)."""

from __future__ import annotations

import threading
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from customhouse.terms.errors import Rejected

MIN_LENGTH = 10
MAX_LENGTH = 1024
# OWASP's password storage recommendation for argon2id, as of 2026: 19 MiB, two passes, one lane.
MEMORY_KIB, PASSES, LANES = 19_456, 2, 1
# Each check takes that memory and a core for some tens of milliseconds: two at once leave the readers alone.
_AT_ONCE = threading.BoundedSemaphore(2)


def hash_password(text: str) -> str:
    """The hash to store; raises `Rejected` for a password that is too short or absurdly long."""
    if not MIN_LENGTH <= len(text) <= MAX_LENGTH:
        raise Rejected(
            "bad-password",
            "password",
            f"a password of {len(text)} characters",
            f"{MIN_LENGTH} to {MAX_LENGTH} characters",
        )
    with _AT_ONCE:
        return _hasher().hash(text)


def is_password(text: str, stored: str | None) -> bool:
    """Whether this is the password. An account without one takes as long to say no as any other."""
    with _AT_ONCE:
        try:
            matches = _hasher().verify(stored or _nobodys(), text[:MAX_LENGTH])
        except (VerificationError, InvalidHashError):
            return False
    return matches and stored is not None


@cache
def _hasher() -> PasswordHasher:
    return PasswordHasher(time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=LANES)


@cache
def _nobodys() -> str:
    return _hasher().hash("the password of nobody")

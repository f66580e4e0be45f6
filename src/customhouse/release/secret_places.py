"""Places hold no secrets: they stand in the journal, which everybody in the run reads, and all who have its bundle."""

from __future__ import annotations

from urllib.parse import urlsplit

_WORDS = ("password", "passwd", "secret", "token", "private")


def secret_in(setting: str, value: str) -> str:
    """What makes a setting of a place look like a secret; empty if nothing does."""
    if any(word in setting.lower() for word in _WORDS):
        return "looks like a secret"
    try:
        address = urlsplit(value)
    except ValueError:
        # No address, so no password of one; whoever goes there says so.
        return ""
    if address.password:
        return "holds a password"
    if setting == "url" and address.scheme in ("http", "https") and address.username:
        # Forges take a token there; nothing here goes to such an address.
        return "holds a user name, or a token in its place"
    return ""

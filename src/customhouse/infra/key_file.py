"""The file that holds the server's key, outside the database and its backups."""

from __future__ import annotations

import secrets
from pathlib import Path

from customhouse.infra.private_file import write_private
from customhouse.infra.settings import Settings
from customhouse.terms.errors import Unavailable

KEY_BYTES = 32


def key_path(settings: Settings) -> Path:
    """Where the key lies."""
    return settings.key_file or settings.data / "server.key"


def read_secret(settings: Settings) -> bytes:
    """The key's bytes; raises `Unavailable` if the file is missing or damaged."""
    path = key_path(settings)
    try:
        secret = bytes.fromhex(path.read_text().strip())
    except (OSError, ValueError) as error:
        raise Unavailable("The server's key", f"{path} cannot be read: {error}") from error
    if len(secret) != KEY_BYTES:
        raise Unavailable("The server's key", f"{path} does not hold {KEY_BYTES} bytes in hexadecimal")
    return secret


def make_key(settings: Settings) -> None:
    """Make a key if there is none."""
    path = key_path(settings)
    if not path.exists():
        write_private(path, f"{secrets.token_hex(KEY_BYTES)}\n", replaces=False)

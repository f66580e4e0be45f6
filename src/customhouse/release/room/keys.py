"""The key that seals one run's journal: derived from the server's key, which lies outside the database and its backups.

Each run has a key of its own. Whoever gets one run's key can seal lines of that run alone; a copy of the database holds
none. If the server's key is replaced, runs that are not finished cannot go on, and say so (`docs/decisions/0040`).
"""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from customhouse.accounts.server_key import ServerKey

_ENGINE, _TOKEN = "release-engine", "release-machine"


def engine_key(key: ServerKey, run: str) -> Ed25519PrivateKey:
    """The private key by which lines of this run are sealed."""
    return Ed25519PrivateKey.from_private_bytes(key.mac(_ENGINE, run))


def machine_token(key: ServerKey, run: str, machine_id: int) -> str:
    """What a machine shows that has joined: it reads the run and hands in files by it. It signs nothing."""
    return key.stamp(_TOKEN, f"{run}-{machine_id}")


def machine_of_token(key: ServerKey, token: str, run: str) -> int | None:
    """Which machine of this run a token belongs to; None for any other text."""
    name = key.stamped(_TOKEN, token)
    if name is None or not name.startswith(f"{run}-"):
        return None
    return int(name.removeprefix(f"{run}-"))

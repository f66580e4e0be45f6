"""The key that seals one run's journal: derived from the server's key, which lies outside the database and its backups.

Each run has a key of its own. Whoever gets one run's key can seal lines of that run alone; a copy of the database holds
none. If the server's key is replaced, runs that are not finished cannot go on, and say so (`docs/decisions/0040`).
"""

from __future__ import annotations

from customhouse.accounts.server_key import ServerKey
from customhouse.release.machine_key import MachineKey
from customhouse.terms.numbers import number_of

_ENGINE, _TOKEN = "release-engine", "release-machine"


def engine_key(key: ServerKey, run: str) -> MachineKey:
    """The private key by which lines of this run are sealed."""
    return MachineKey.from_seed(key.mac(_ENGINE, run))


def machine_token(key: ServerKey, run: str, machine_id: int) -> str:
    """What a machine shows that has joined: it reads the run and hands in files by it. It signs nothing."""
    return key.stamp(_TOKEN, f"{run}-{machine_id}")


def is_machine_token(token: str) -> bool:
    """Whether a token looks like one of ours; API tokens have no such shape."""
    name, dot, mark = token.partition(".")
    return bool(dot) and "-" in name and "." not in mark


def machine_of_token(key: ServerKey, token: str, run: str) -> int | None:
    """Which machine of this run a token belongs to; None for any other text."""
    name = key.stamped(_TOKEN, token)
    if name is None or not name.startswith(f"{run}-"):
        return None
    return number_of(name.removeprefix(f"{run}-"))

"""The secret by which a run passes its own lock: made once, kept on this machine; the forge learns its hash alone."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from contextlib import suppress
from pathlib import Path

from customhouse.release.actions import Problem, StepRun

SECRET = "release-lock"  # noqa: S105 - a name
_BYTES = 32


def lock_key(run: StepRun, remote: str) -> str:
    """64 hexadecimal digits, the same for the same run and remote.

    Derived from the secret ``release-lock`` where this machine has one, so that several machines can hold one lock;
    otherwise random, in a file beside the run's clone that only its owner reads.
    """
    about = f"{run.run}\0{remote}".encode()
    with suppress(Problem):
        return hmac.new(run.secrets(SECRET).encode(), about, hashlib.sha256).hexdigest()
    folder = run.repository.with_name(f"{run.repository.name}.locks")
    path = folder / hashlib.sha256(about).hexdigest()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        _keep(path, secrets.token_hex(_BYTES))
    return path.read_text("ascii")


def hash_of(key: str) -> str:
    """What the forge is told."""
    return hashlib.sha256(key.encode()).hexdigest()


def _keep(path: Path, text: str) -> None:
    """Whole or not at all, whoever else does the same now."""
    mine = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    handle = os.open(mine, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    with suppress(FileExistsError):
        os.link(mine, path)
    mine.unlink()

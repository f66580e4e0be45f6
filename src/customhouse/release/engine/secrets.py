"""Secrets of this machine, by name: from the environment, from a file, or from the keyring. None reaches a journal."""

from __future__ import annotations

import importlib
import os
import stat
from pathlib import Path

from customhouse.release.actions import Problem

PREFIX = "CUSTOMHOUSE_RELEASE_"
SERVICE = "customhouse-release"


class Secrets:
    """Callable with a name such as ``index-token``.

    Looked for, in this order: the variable ``CUSTOMHOUSE_RELEASE_INDEX_TOKEN``; the file that the variable
    ``CUSTOMHOUSE_RELEASE_INDEX_TOKEN_FILE`` names; the file of that name in ``folder``; the keyring (the extra
    ``keyring``), service ``customhouse-release``.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder

    def __call__(self, name: str) -> str:
        """The secret; raises `Problem` that says where it may be put."""
        variable = PREFIX + name.upper().replace("-", "_")
        if value := os.environ.get(variable, ""):
            return value.strip()
        if path := os.environ.get(f"{variable}_FILE", ""):
            return _read(Path(path))
        if self.folder is not None and (self.folder / name).is_file():
            return _read(self.folder / name)
        if value := _from_keyring(name):
            return value
        raise Problem(
            "no-secret", f"there is no secret {name!r} on this machine", place=name,
            next_step=f"Set {variable}, or {variable}_FILE, or: keyring set {SERVICE} {name}",
        )  # fmt: skip


def _read(path: Path) -> str:
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise Problem("no-secret", f"it cannot be read: {error}", place=str(path)) from error
    if mode & 0o077:
        raise Problem(
            "secret-open", f"others may read it (mode {mode:o})", "mode 600", place=str(path),
            next_step=f"chmod 600 {path}, and change the secret if others have an account here.",
        )  # fmt: skip
    return text


def _from_keyring(name: str) -> str:
    try:
        keyring = importlib.import_module("keyring")
        return str(keyring.get_password(SERVICE, name) or "")
    except Exception:  # noqa: BLE001 - a keyring that is missing, locked or broken is none
        return ""

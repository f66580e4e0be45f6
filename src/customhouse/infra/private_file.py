"""Files for their owner alone: written whole and durably, or not at all."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from customhouse.infra.sync_folder import sync_folder


def write_private(path: Path, text: str, *, replaces: bool) -> None:
    """Write a file of mode 600 into a folder that is there. Without ``replaces`` one that is there stays as it is."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    try:
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as new:
            new.write(text)
            new.flush()
            os.fsync(new.fileno())
        if replaces:
            temporary.replace(path)
        else:
            # A link and not a rename: if another process wrote it meanwhile, that one stays.
            with suppress(FileExistsError):
                path.hardlink_to(temporary)
        sync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)

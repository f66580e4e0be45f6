"""Which index a command means: what its flags say, else what the lock remembers, else what this user has chosen."""

from __future__ import annotations

import os
from pathlib import Path

from customhouse.consume.view_address import Place, read_place


def chosen_place(view: str, index: str, remembered: str = "") -> Place:
    """The place. Raises `Rejected` if nobody has named one."""
    if not index and "://" not in view:
        index = remembered or in_use()
    return read_place(view, index)


def in_use() -> str:
    """The address that `customhouse use` has set up for this folder, or for this user; empty if it has not."""
    # Its record is read by whoever names no index.
    from customhouse.consume.setup.record import read_uses  # noqa: PLC0415

    found = read_uses(os.environ).here(Path.cwd())
    return found.index if found is not None else ""

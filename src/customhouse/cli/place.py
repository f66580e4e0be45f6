"""Which index a command means: what its flags say, else what the lock remembers, else what this user has chosen."""

from __future__ import annotations

from customhouse.consume.view_address import Place, read_place


def chosen_place(view: str, index: str, remembered: str = "") -> Place:
    """The place. Raises `Rejected` if nobody has named one."""
    if not index and "://" not in view:
        index = remembered or in_use()
    return read_place(view, index)


def in_use() -> str:
    """The address that `customhouse use` has set up; empty if it has not."""
    return ""

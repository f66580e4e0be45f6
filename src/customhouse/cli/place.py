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


def token_for(place: Place) -> str:
    """What opens private projects there: ``CUSTOMHOUSE_TOKEN``, or what `customhouse use` keeps in the keyring.

    Empty without one, and for a place that others could listen to.
    """
    if not place.is_safe:
        return ""
    if text := os.environ.get("CUSTOMHOUSE_TOKEN", "").strip():
        return text
    from customhouse.consume.setup.record import read_uses  # noqa: PLC0415 - as below
    from customhouse.consume.setup.tokens import known_token  # noqa: PLC0415

    kept = [one for one in read_uses(os.environ).by_scope.values() if one.index == place.simple and one.keyring]
    return known_token(kept[0].keyring) if kept else ""


def in_use() -> str:
    """The address that `customhouse use` has set up for this folder, or for this user; empty if it has not."""
    # Its record is read by whoever names no index.
    from customhouse.consume.setup.record import read_uses  # noqa: PLC0415

    found = read_uses(os.environ).here(Path.cwd())
    return found.index if found is not None else ""

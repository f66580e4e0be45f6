"""Which index a command means: what its flags say, else what the lock remembers, else what this user has chosen."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlsplit

from customhouse.cli.audit_surroundings import warn
from customhouse.consume.view_address import Place, read_place
from customhouse.formats.plain import plain
from customhouse.terms.errors import Rejected


def chosen_place(view: str, index: str, remembered: str = "") -> Place:
    """The place. Raises `Rejected` if nobody has named one."""
    if not index and "://" not in view:
        # A view that is named is one of the index that is meant everywhere else, too.
        index = remembered or (os.environ.get("CUSTOMHOUSE_INDEX", "").strip() if view else "") or in_use()
    return read_place(view, index)


def token_for(place: Place, *, named: bool) -> str:
    """What opens private projects there: ``CUSTOMHOUSE_TOKEN``, or what `customhouse use` keeps in the keyring.

    Empty without one, and for a place that others could listen to. Unless whoever runs the command has ``named`` the
    place himself, the variable's token is for the hosts of `customhouse use` and ``CUSTOMHOUSE_INDEX`` alone: a lock
    may come from a stranger, with his own address in it.
    """
    if not place.is_safe:
        return ""
    from customhouse.consume.setup.record import read_uses  # noqa: PLC0415 - as below

    uses = read_uses(os.environ).by_scope.values()
    text = os.environ.get("CUSTOMHOUSE_TOKEN", "").strip()
    if text and (named or _origin(place.simple) in {
        *(_origin(one.index) for one in uses), _origin(os.environ.get("CUSTOMHOUSE_INDEX", "").strip()),
    }):  # fmt: skip
        return text
    from customhouse.consume.setup.tokens import known_token  # noqa: PLC0415 - it loads the keyring

    kept = [one for one in uses if one.index == place.simple and one.keyring]
    found = known_token(kept[0].keyring) if kept else ""
    if text and not found:
        warn(f"CUSTOMHOUSE_TOKEN is not shown to {plain(place.base or place.simple, 200)}, which only the lock names:"
             " say --index with its address.")  # fmt: skip
    return found


def refuse_elsewhere(named: Iterable[str]) -> None:
    """Refuse a lock that names another index than the one that is set up here.

    A lock may be a stranger's: it must not choose by itself who judges it. Where nothing is set up, it does.
    """
    own = [one for one in (in_use(), os.environ.get("CUSTOMHOUSE_INDEX", "").strip()) if one]
    known = {_origin(one) for one in own}
    other = next((one for one in named if one and own and _origin(one) not in known), None)
    if other is not None:
        why = f"it names {plain(other, 200)}, and packages come from {plain(own[0], 200)} here"
        raise Rejected("other-index", "lock", why, "--index with the address of the one that is to be asked")


def _origin(url: str) -> tuple[str, str] | None:
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return (parts.scheme.lower(), parts.netloc.rpartition("@")[2].lower()) if parts.netloc else None


def in_use() -> str:
    """The address that `customhouse use` has set up for this folder, or for this user; empty if it has not."""
    # Its record is read by whoever names no index.
    from customhouse.consume.setup.record import read_uses  # noqa: PLC0415

    found = read_uses(os.environ).here(Path.cwd())
    return found.index if found is not None else ""

"""Exceptions as TOML to paste below a policy: with their reason, a place for the owner, and an end."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date, datetime, timedelta

from customhouse.consume.policy.model import Excepted
from customhouse.formats.plain import plain

LONGEST = timedelta(days=180)
"""As long as an exception may last."""
OWNER = "WHO LOOKS AFTER THIS"


def exceptions_toml(excepted: Sequence[Excepted], now: datetime, *, owner: str = OWNER) -> str:
    """The tables, each with an empty line before it; an empty text if none are needed."""
    return "".join(_table(one, now, owner) for one in excepted)


def ends_on(one: Excepted, now: datetime) -> date:
    """The day on which an exception ends: when it is needed no more, at the latest after 180 days."""
    last = now + LONGEST - timedelta(days=1)
    if one.ends is not None and now < one.ends < last:
        last = one.ends + timedelta(days=1)
    return last.date()


def _table(one: Excepted, now: datetime, owner: str) -> str:
    rules = ", ".join(_text(rule) for rule in one.rules)
    return (
        "\n[[exception]]\n"
        f"package = {_text(one.name)}\n"
        f"version = {_text(f'=={one.version}')}\n"
        f"rules = [{rules}]\n"
        f"reason = {_text(one.reason)}\n"
        f"owner = {_text(owner)}\n"
        f"expires = {ends_on(one, now).isoformat()}\n"
    )


def _text(value: str) -> str:
    """A string of TOML: JSON's are, but for one sign."""
    return json.dumps(plain(value, 400), ensure_ascii=False).replace("\x7f", "\\u007f")

"""The named levels as policies."""

from __future__ import annotations

from functools import cache

from customhouse.formats.policy.read import read_level
from customhouse.formats.policy.rule import Policy


@cache
def level(name: str) -> Policy:
    """The level, ready to decide; raises `Rejected` for a name that is none."""
    return read_level(name)

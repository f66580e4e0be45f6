"""The named levels: each is a policy in TOML that people can read and print (``customhouse policy show LEVEL``)."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

LEVELS = ("open", "balanced", "strict", "curated")
"""From what breaks least to what lets in least."""
DEFAULT = "balanced"


@cache
def level_text(name: str) -> str:
    """The level's TOML; ``name`` is one of `LEVELS`."""
    return files("customhouse.formats.policy").joinpath("data", "levels", f"{name}.toml").read_text("utf-8")

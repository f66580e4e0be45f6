"""Requirements from wherever they come, before it is known which of them a resolver has to look at."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from customhouse.formats.inventory.model import Gap
from customhouse.formats.inventory.requirements_file import Wanted


@dataclass(slots=True)
class Collected:
    """What a requirements file and all that it includes say together."""

    wanted: list[tuple[str, Wanted]] = field(default_factory=list)
    """Each with its place, ``requirements.txt:3``."""
    constraints: list[tuple[str, Wanted]] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    indexes: list[str] = field(default_factory=list)
    """The first one is the main one."""
    find_links: list[str] = field(default_factory=list)
    """Folders and addresses with files beside the indexes."""
    no_index: bool = False
    seen: set[Path] = field(default_factory=set)

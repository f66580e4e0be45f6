"""What triage begins with: a table of repositories, names that many people install, and the PyPA's false positives.

Where it is from and under which licence stands in ``data/README.md``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from customhouse.advisories.triage.false_positives import FalsePositives, read_false_positives

_DATA = files("customhouse.advisories.triage") / "data"


@cache
def shipped_repositories() -> Mapping[str, tuple[str, ...]]:
    """By package, the addresses of its repositories; packages without one are there, too."""
    table = json.loads((_DATA / "package-repositories.json").read_text())
    return {name: tuple(urls) for name, urls in table.items()}


@cache
def shipped_false_positives() -> FalsePositives:
    """The PyPA's list."""
    return read_false_positives((_DATA / "false-positives.yaml").read_text(), "false-positives.yaml")


@cache
def popular_names() -> frozenset[str]:
    """Names of the 2,000 packages that are installed most."""
    text = (files("customhouse.formats") / "data" / "popular_names.txt").read_text()
    return frozenset(line.strip() for line in text.splitlines() if line and not line.startswith("#"))

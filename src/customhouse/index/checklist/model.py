"""How well a project is set up to release: values. What each item asks, `items.py` says; SLSA's level, `slsa.py`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

State = Literal["met", "unmet", "unknown"]
Group = Literal["People", "Publishing", "Releases", "Metadata"]


@dataclass(frozen=True, slots=True)
class Facts:
    """What everybody may know of a project. What cannot be told to strangers is not in it (`docs/decisions/0029`)."""

    name: str
    now: datetime
    version: str = ""
    """The newest that is offered; empty if there is none."""
    released_at: datetime | None = None
    status: str = "active"
    owners: int | None = None
    owners_have_factors: bool = False
    """Whether a second factor is required of every owner. That it is not says nothing of anybody."""
    publishers_only: bool = False
    files: int = 0
    """Of the newest version, like all that follows."""
    from_publisher: int = 0
    """How many of them a trusted publisher has sent."""
    attested: int = 0
    with_provenance: int = 0
    """How many have a SLSA provenance."""
    hosted: int = 0
    """How many of these were signed by a build service that is nobody's own machine."""
    isolated: int = 0
    """How many of these by a builder that the project's own steps cannot reach."""
    builders: tuple[str, ...] = ()
    """Who has signed it, as people read it."""
    has_wheel: bool = False
    has_sdist: bool = False
    rebuilds: int | None = None
    """How many builders came to the same in the release run of this version; None if no run is known."""
    advisories: tuple[str, ...] | None = None
    """Ids of what is known to affect it; None if this index knows no advisories at all."""
    versions: int = 0
    yanked: int = 0
    yanked_without_reason: int = 0
    licence_expression: str = ""
    licence_other: str = ""
    """A licence in another form than SPDX's."""
    description: int = 0
    """Its length."""
    requires_python: str = ""
    links: tuple[str, ...] = ()
    """Labels of its links, as people read them."""
    security_policy: bool = False


@dataclass(frozen=True, slots=True)
class Item:
    """One line of the list."""

    key: str
    group: Group
    title: str
    state: State
    why: str
    """As a sentence."""
    next_step: str = ""
    """What to do about it; empty where it is met."""
    page: str = ""
    """Where an owner does it: the part behind ``/manage/project/NAME/``."""

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "key": self.key, "group": self.group, "title": self.title, "state": self.state, "why": self.why,
            "next_step": self.next_step,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Level:
    """The level of SLSA's build track that the newest release reaches, and why no higher one."""

    number: int
    why: str
    why_not_higher: str = ""


@dataclass(frozen=True, slots=True)
class Checklist:
    """The whole list."""

    name: str
    version: str
    level: Level
    items: Sequence[Item]

    def count(self, state: State) -> int:
        """How many items are so."""
        return sum(1 for one in self.items if one.state == state)

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "project": self.name,
            "version": self.version or None,
            "met": self.count("met"),
            "unmet": self.count("unmet"),
            "unknown": self.count("unknown"),
            "slsa": {
                "track": "build", "level": self.level.number, "why": self.level.why,
                "why_not_higher": self.level.why_not_higher,
            },
            "items": [one.to_json() for one in self.items],
        }  # fmt: skip

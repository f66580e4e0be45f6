"""Why a package of a lock is what it is: who asks for it, whose bound, which rule, which advisory. Sentences."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from customhouse.consume.lock.changes import Change
from customhouse.consume.lock.listing import Listing
from customhouse.consume.lock.written import Graph
from customhouse.formats.inventory.model import Component
from customhouse.formats.inventory.requirement import Requirement
from customhouse.formats.inventory.requirements_file import Wanted
from customhouse.formats.osv.matching import read_version
from customhouse.terms.errors import Unavailable

_MOST_NAMED = 3


class Hidden(NamedTuple):
    """A version that the view does not let in."""

    version: str
    rule: str
    reason: str
    until: datetime | None = None
    """From then on the rule may say something else."""

    @property
    def words(self) -> str:
        """One sentence."""
        until = f", until {self.until:%Y-%m-%d %H:%M} UTC" if self.until is not None else ""
        rule = f" by the rule {self.rule!r}" if self.rule else ""
        reason = f": {self.reason}" if self.reason else ""
        return f"{self.version} is not let in{rule}{until}{reason}"


@dataclass(frozen=True)
class Reasons:
    """Everything that may be a reason."""

    graph: Graph
    asked: Mapping[str, Sequence[tuple[str, Wanted]]]
    """What the user asks for, by name."""
    requires: Callable[[str, str], Sequence[Requirement] | None]
    """What a release requires; None if nobody can say."""
    listing: Callable[[str], Listing | Unavailable | None]
    hidden: Callable[[str], Sequence[Hidden]]
    """The versions of a package that the view keeps back."""
    old: Mapping[str, Sequence[Component]] = field(default_factory=dict)
    mended: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Advisories that concerned the old version and do not concern the new one, by package."""
    amended: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Amendments that have a say about a package, as sentences."""
    wanted_new: frozenset[str] | None = frozenset()
    """Packages that the user wants raised; None: all."""

    def of(self, change: Change) -> tuple[str, ...]:
        """Why one package is not as it was; at least one sentence."""
        match change.kind:
            case "added":
                found = list(self._who(change.name))
            case "removed":
                found = [self._who_did(change.name)]
            case "files":
                found = ["the index lists other files of it now: added since, or taken away"]
            case _:
                found = list(self._moved(change))
        return tuple(dict.fromkeys(found)) or ("uv has chosen so: nothing that is known here asks for it",)

    def held_back(self, name: str) -> tuple[str, ...]:
        """Why the newest that there is was not taken, if the view hides it."""
        locked = [own for text in self.graph.versions.get(name, ()) if (own := read_version(text)) is not None]
        found = []
        for one in self.hidden(name):
            version = read_version(one.version)
            if version is not None and locked and version > max(locked) and not version.is_prerelease:
                found.append((version, one.words))
        return tuple(words for _version, words in sorted(found, reverse=True)[:1])

    def _who(self, name: str) -> Iterator[str]:
        for place, one in self.asked.get(name, ()):
            yield f"you ask for {one.text} ({place})"
        for parent, bound in self._bounds(name):
            yield f"{parent} requires {name}{bound}"

    def _who_did(self, name: str) -> str:
        did = [one.name for some in self.old.values() for one in some if any(e.requires == name for e in one.requires)]
        return "nothing asks for it any more" + (f": {', '.join(did[:_MOST_NAMED])} did" if did else "")

    def _bounds(self, name: str) -> Iterator[tuple[str, str]]:
        """The packages that require it, each with its bound."""
        for parent in self.graph.above.get(name, ()):
            for version in self.graph.versions.get(parent, ()):
                for one in self.requires(parent, version) or ():
                    if one.name == name:
                        yield f"{parent} {version}", one.specifier
                        break
                else:
                    yield f"{parent} {version}", ""

    def _moved(self, change: Change) -> Iterator[str]:
        name = change.name
        if ids := self.mended.get(name):
            more = f" and {len(ids) - _MOST_NAMED} more" if len(ids) > _MOST_NAMED else ""
            yield f"mends {', '.join(ids[:_MOST_NAMED])}{more}"
        yield from self.amended.get(name, ())
        for place, one in self.asked.get(name, ()):
            if _excludes(one.specifier, change.before):
                yield f"you ask for {one.text} ({place})"
        for parent, bound in self._bounds(name):
            if _excludes(bound, change.before):
                yield f"{parent} requires {name}{bound}"
        yield from self._no_longer(change)
        if change.kind == "raised" and (self.wanted_new is None or name in self.wanted_new):
            yield "you want newer versions (--upgrade)"

    def _no_longer(self, change: Change) -> Iterator[str]:
        """The old version is not there to be chosen any more."""
        listing = self.listing(change.name)
        if not isinstance(listing, Listing):
            return
        hidden = {str(read_version(one.version) or one.version): one for one in self.hidden(change.name)}
        there = {one.version for one in listing.files.values()}
        for text in change.before:
            version = str(read_version(text) or text)
            if version in hidden:
                yield hidden[version].words
            elif version not in there:
                yield f"{text} is not listed any more"
            elif version not in listing.versions():
                yield f"{text} is yanked"


def _excludes(specifier: str, versions: Sequence[str]) -> bool:
    try:
        allowed = SpecifierSet(specifier)
    except InvalidSpecifier:
        return False
    return any(not allowed.contains(one, prereleases=True) for one in versions if read_version(one) is not None)

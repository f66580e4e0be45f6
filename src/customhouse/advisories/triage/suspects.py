"""Every package that anything in a record leads to, with what leads there; pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from customhouse.advisories.triage.known import Known, sites_of, squeezed
from customhouse.advisories.triage.leads import Leads, evidence
from customhouse.advisories.triage.model import Evidence, Field
from customhouse.advisories.triage.rules import RULES
from customhouse.terms.names import MAX_NAME_LENGTH, normalize

FEWEST_ADVISED = 3
_VALID = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?", re.ASCII)


@dataclass(slots=True)
class Suspect:
    """A package while evidence is gathered."""

    display: str
    found: list[Evidence] = field(default_factory=list)
    stops: list[str] = field(default_factory=list)
    usual: bool = False
    """Whether earlier advisories concern it, and the text says at its beginning that something is wrong in it."""

    def has(self, *rules: str) -> bool:
        """Whether there is evidence by one of these rules."""
        return any(one.rule in rules for one in self.found)

    @property
    def certain(self) -> bool:
        """Whether something tells the very package."""
        return any(RULES[one.rule].certain for one in self.found)


class Suspects:
    """They by normalised name, in the order in which they were found."""

    def __init__(self) -> None:
        self.by_name: dict[str, Suspect] = {}

    def add(self, name: str, display: str = "", *pieces: Evidence) -> Suspect | None:
        """Add evidence for a package, one piece of each rule; None for what cannot be a package's name."""
        normalized = normalize(name)
        if len(normalized) > MAX_NAME_LENGTH or not _VALID.fullmatch(normalized) or normalized.isdigit():
            return None
        suspect = self.by_name.setdefault(normalized, Suspect(display or name))
        suspect.found.extend(one for one in pieces if not suspect.has(one.rule))
        return suspect


def suspects_of(leads: Leads, known: Known) -> dict[str, Suspect]:
    """Find them."""
    found = Suspects()
    _of_registry(found, leads, known)
    for repository, url in leads.repositories.items():
        _of_repository(found, repository, url, known)
    _of_issuer(found, leads, known)
    for url in leads.pages:
        if name := next((known.sites[one] for one in sites_of(url) if one in known.sites), ""):
            found.add(name, "", evidence("own-site", url, "reference"))
    for named in leads.named:
        usual = known.advised.get(named.name, 0) >= FEWEST_ADVISED and named.is_object
        if named.is_subject or usual:
            suspect = found.add(named.name, named.spelled)
            if suspect is not None:
                # The text's own spelling, which is looked for in it again.
                suspect.display = named.spelled
                suspect.usual = suspect.usual or usual
    return found.by_name


def _of_registry(found: Suspects, leads: Leads, known: Known) -> None:
    for name, url in leads.registry.items():
        found.add(name, "", evidence("registry-link", url, "reference"))
    for name, shown in leads.entries.items():
        found.add(name, "", evidence("registry-entry", shown, "product"))
    for name, url in leads.databases.items():
        found.add(_spelled(name, leads, known), "", evidence("package-database", url, "reference"))


def _of_repository(found: Suspects, repository: str, url: str, known: Known) -> None:
    built, earlier = known.repositories.get(repository, frozenset()), known.earlier.get(repository, {})
    names = built | earlier.keys()
    for name in sorted(names):
        suspect = found.add(name)
        if suspect is None:
            continue
        if not suspect.has("repository", "earlier-repository"):
            rule = "repository" if name in built else "earlier-repository"
            suspect.found.append(evidence(rule, url, "reference"))
        if known.is_shared(repository, name):
            suspect.stops.append("several")
    tail = repository.rpartition("/")[2]
    if normalize(tail) not in names:
        found.add(known.by_squeezed.get(squeezed(tail), tail), "", evidence("repository-name", url, "reference"))


def _of_issuer(found: Suspects, leads: Leads, known: Known) -> None:
    """What an issuer calls the product is a package's name if it is known as one, or is said to be for Python."""
    tables: tuple[tuple[Mapping[str, str], str, Field, bool], ...] = (
        (leads.python_cpes, "cpe-python", "cpe", True),
        (leads.products, "product-name", "product", True),
        (leads.vendored, "product-name", "product", False),
        (leads.cpes, "cpe-name", "cpe", False),
    )
    for table, rule, place, alone in tables:
        for name, shown in table.items():
            if name in known.names or name in found.by_name or (alone and leads.for_python):
                found.add(name, shown if normalize(shown) == name else name, evidence(rule, shown, place))


def _spelled(name: str, leads: Leads, known: Known) -> str:
    """How a name that a database has squeezed is written: as the issuer does, else as a package that is known."""
    for spelled in leads.products.values():
        if squeezed(spelled) == squeezed(name):
            return spelled.replace(" ", "-")
    return known.by_squeezed.get(squeezed(name), name)

"""A VEX statement in frozen values: what somebody says of one vulnerability in some products, until when, and why.

The words are OpenVEX's (version 0.2). It has neither an owner nor an expiry nor conditions under which a statement
counts no more; these are ours, and `notes` says how they travel in the formats of others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from customhouse.formats.vex.ranges import holds
from customhouse.terms.errors import Rejected

CODE = "bad-vex"


class Status(StrEnum):
    """What a vulnerability is to a product (OpenVEX 0.2, "Status Labels")."""

    NOT_AFFECTED = "not_affected"
    AFFECTED = "affected"
    FIXED = "fixed"
    UNDER_INVESTIGATION = "under_investigation"


STRICTEST = (Status.AFFECTED, Status.UNDER_INVESTIGATION, Status.FIXED, Status.NOT_AFFECTED)
"""Where statements contradict each other, the first of these counts."""


class Justification(StrEnum):
    """Why a product is not affected (OpenVEX 0.2, "Status Justifications"; the same five words are CSAF's flags)."""

    COMPONENT_NOT_PRESENT = "component_not_present"
    VULNERABLE_CODE_NOT_PRESENT = "vulnerable_code_not_present"
    VULNERABLE_CODE_NOT_IN_EXECUTE_PATH = "vulnerable_code_not_in_execute_path"
    VULNERABLE_CODE_CANNOT_BE_CONTROLLED_BY_ADVERSARY = "vulnerable_code_cannot_be_controlled_by_adversary"
    INLINE_MITIGATIONS_ALREADY_EXIST = "inline_mitigations_already_exist"


@dataclass(frozen=True, slots=True)
class Product:
    """What a statement is about: a package of PyPI's kind in some versions, or a thing that only its address names."""

    name: str = ""
    """Normalised as PEP 503 says; empty if it is no Python package."""
    specifier: str = ""
    """As of PEP 440: ``==1.9`` or ``>=1,<2``; empty for every version."""
    address: str = ""
    """Of a thing that is no Python package: its purl or another identifier, as it stands there."""
    parts: tuple[Product, ...] = ()
    """What inside it the vulnerability is in; if there are none, it is in the product itself."""

    def covers(self, name: str, version: str) -> bool:
        """Whether this is the package, in this version; ``name`` is normalised."""
        return self.name != "" and self.name == name and holds(self.specifier, version)

    def __str__(self) -> str:
        own = f"{self.name}{self.specifier}" or self.address
        inside = ", ".join(str(part) for part in self.parts)
        return f"{own} (for {inside})" if inside else own


@dataclass(frozen=True, slots=True)
class Reopening:
    """When a statement counts no more, beside its expiry: the facts that it rests on have changed."""

    advisory: bool = True
    """The advisory was modified after the statement was made."""
    components: tuple[str, ...] = ()
    """One of these packages, by its normalised name, is there: "we are safe because gunicorn is not installed"."""


@dataclass(frozen=True, slots=True)
class Statement:
    """What somebody says of one vulnerability in some products. The version that a product names is a condition too."""

    id: str
    vulnerability: str
    """Its main name: CVE-2026-1, PYSEC-2026-2, …"""
    products: tuple[Product, ...]
    status: Status
    timestamp: datetime
    """Since when it is known to be true."""
    aliases: tuple[str, ...] = ()
    description: str = ""
    """Of the vulnerability."""
    justification: Justification | None = None
    impact: str = ""
    """Why it is not affected, in words; required if there is no justification."""
    action: str = ""
    """What to do about it; required if it is affected."""
    responses: tuple[str, ...] = ()
    """CycloneDX's words for what the maker will do: will_not_fix, update, …"""
    reason: str = ""
    """How the status was determined, in words."""
    owner: str = ""
    """Who answers for it; empty if the author of the document does."""
    expires: date | None = None
    """The last day on which it counts."""
    reopening: Reopening = field(default_factory=Reopening)
    supplier: str = ""
    version: int = 1
    updated: datetime | None = None
    narrower: str = ""
    """CycloneDX's own word if it says more than ours: ``false_positive``, ``requires_dependency``."""

    @property
    def names(self) -> frozenset[str]:
        """Every name that it gives the vulnerability."""
        return frozenset((self.vulnerability, *self.aliases))

    @property
    def since(self) -> datetime:
        """When it was said last."""
        return self.updated or self.timestamp


@dataclass(frozen=True, slots=True)
class Document:
    """Statements of one author."""

    id: str
    author: str
    timestamp: datetime
    statements: tuple[Statement, ...]
    role: str = ""
    version: int = 1
    updated: datetime | None = None
    tooling: str = ""


@dataclass(frozen=True, slots=True)
class Written:
    """A document in somebody's format as plain JSON values, and a sentence for each thing that it cannot say."""

    document: Mapping[str, object]
    losses: tuple[str, ...] = ()


MAX_STATEMENTS = 5_000
MAX_PRODUCTS = 5_000
"""Of one statement."""
MAX_TEXT = 20_000
"""Characters of one text."""


def check(statement: Statement, where: str) -> None:
    """Hold a statement to OpenVEX's rules; raises `Rejected`.

    One that says "not affected" gives a justification or an impact statement; one that says "affected" says what to
    do. Nothing else has a justification. Each names a vulnerability and a product.
    """
    if not statement.vulnerability:
        raise Rejected(CODE, f"{where}: vulnerability", "it has no name", "CVE-…, GHSA-…, PYSEC-…")
    if not statement.products:
        raise Rejected(CODE, f"{where}: products", "there are none", "at least one product")
    if statement.status is Status.NOT_AFFECTED and not (statement.justification or statement.impact):
        raise Rejected(
            CODE, f"{where}: status", "it says not_affected and not why", "a justification or an impact statement"
        )
    if statement.status is Status.AFFECTED and not statement.action:
        raise Rejected(CODE, f"{where}: status", "it says affected and not what to do", "an action statement")
    if statement.justification and statement.status is not Status.NOT_AFFECTED:
        raise Rejected(
            CODE, f"{where}: justification", f"it is given for {statement.status}", "one for not_affected only"
        )

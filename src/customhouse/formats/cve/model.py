"""A CVE record in frozen values: what CVE JSON 5.1, NVD's API 2.0 and its old feed 1.1 have in common.

Nothing here says whether it concerns a Python package: that is judged in `advisories/triage`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from customhouse.formats.osv.model import Credit, Severity

Form = Literal["cve-5", "nvd-2.0", "nvd-1.1", "osv"]
Issuer = Literal["cna", "adp", "nvd"]
State = Literal["published", "rejected", "reserved"]


@dataclass(frozen=True, slots=True)
class Cpe:
    """One name of the Common Platform Enumeration 2.3 (NISTIR 7695), reduced to what tells packages apart."""

    part: str
    """a: application, o: operating system, h: hardware"""
    vendor: str
    product: str
    version: str = "*"
    target_software: str = "*"


@dataclass(frozen=True, slots=True)
class Span:
    """Which versions are affected, as text: from ``introduced`` on, to before ``fixed`` or to ``last`` inclusive."""

    introduced: str = "0"
    fixed: str = ""
    last: str = ""
    kind: str = ""
    """The record's ``versionType``: semver, python, git, custom, …"""

    @property
    def bounded(self) -> bool:
        """Whether it ends somewhere."""
        return bool(self.fixed or self.last)

    @property
    def single(self) -> bool:
        """Whether it is one version only, which says nothing of the versions around it."""
        return bool(self.last) and self.introduced == self.last


@dataclass(frozen=True, slots=True)
class Product:
    """Something that is affected, as one issuer names it."""

    issuer: Issuer
    vendor: str = ""
    name: str = ""
    package: str = ""
    """``packageName``: the name in the registry of ``collection``."""
    collection: str = ""
    """``collectionURL``: the registry's address."""
    repo: str = ""
    cpes: tuple[Cpe, ...] = ()
    spans: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True)
class Reference:
    """Where more is to be read."""

    url: str
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CveRecord:
    """One vulnerability."""

    id: str
    form: Form
    state: State = "published"
    disputed: bool = False
    assigner: str = ""
    published: datetime | None = None
    modified: datetime | None = None
    title: str = ""
    description: str = ""
    """In English; of a rejected record the reason."""
    products: tuple[Product, ...] = ()
    references: tuple[Reference, ...] = ()
    severity: tuple[Severity, ...] = ()
    weaknesses: tuple[str, ...] = ()
    """CWE-79 and so on."""
    credits: tuple[Credit, ...] = ()
    aliases: tuple[str, ...] = ()
    """Of another database's record: what else the vulnerability is called."""

    @property
    def text(self) -> str:
        """All that it says in words."""
        return f"{self.title}\n{self.description}" if self.title else self.description


@dataclass(frozen=True, slots=True)
class Damage:
    """A record that cannot be read: where, and why."""

    where: str
    why: str


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much of one record is read. What is longer is cut, more of a kind is left out; numbers with room to spare.

    The largest description of 44,130 records was 9,000 characters, the longest list of references 500.
    """

    text: int = 20_000
    name: int = 300
    url: int = 2_000
    products: int = 500
    references: int = 500
    versions: int = 2_000
    cpes: int = 200


BOUNDS = Bounds()

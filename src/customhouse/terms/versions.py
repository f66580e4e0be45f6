"""Versions and specifiers that come from outside, read within limits (PEP 440).

PEP 440 has no limit, but Python converts no more than 4300 digits to a number: on more of them `packaging` raises a
plain ``ValueError`` and not its own ``InvalidVersion``. So whatever a stranger has typed is read here.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from packaging.version import InvalidVersion, Version

from customhouse.terms.errors import Rejected

if TYPE_CHECKING:
    from packaging.specifiers import Specifier, SpecifierSet

LONGEST_VERSION = 200
"""Characters of one version."""
LONGEST_SPECIFIERS = 2000
"""Characters of a whole set of specifiers."""
ACCEPTED = "a version as of PEP 440, like 1.0.2"


def version_of(text: str) -> Version | None:
    """The version; None for what is none, and for more than `LONGEST_VERSION` characters."""
    if len(text) > LONGEST_VERSION:
        return None
    try:
        return Version(text)
    except InvalidVersion:
        return None


def parse_version(text: str, where: str, code: str = "bad-version") -> Version:
    """The same; raises `Rejected` with this code for what is none."""
    if len(text) > LONGEST_VERSION:
        raise Rejected(code, where, f"{len(text)} characters", f"at most {LONGEST_VERSION}")
    found = version_of(text)
    if found is None:
        raise Rejected(code, where, f"{text[:80]!r} is no version", ACCEPTED)
    return found


def specifiers_of(text: str) -> SpecifierSet | None:
    """A set of specifiers such as ``>=1.2,<2``; None for what is none, or longer than anybody needs."""
    # Whoever only compares versions, as an audit does, is spared what it loads.
    from packaging.specifiers import InvalidSpecifier, SpecifierSet  # noqa: PLC0415

    if len(text) > LONGEST_SPECIFIERS:
        return None
    try:
        found = SpecifierSet(text)
    except InvalidSpecifier:
        return None
    return found if are_short(found) else None


def are_short(specifiers: Iterable[Specifier]) -> bool:
    """Whether each names a version of at most `LONGEST_VERSION` characters: comparing with a longer one may raise."""
    return all(len(one.version) <= LONGEST_VERSION for one in specifiers)

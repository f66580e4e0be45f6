"""One requirement (PEP 508), cut into its parts: quick to load, and quick on lines that mean harm."""

from __future__ import annotations

import re
from typing import NamedTuple

from customhouse.terms.names import normalize

LONGEST_NAME = 300
LONGEST_REQUIREMENT = 20_000
NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?", re.ASCII)


class Requirement(NamedTuple):
    """One requirement, apart."""

    name: str
    """Normalised."""
    extras: frozenset[str]
    specifier: str
    marker: str
    url: str = ""


def split_requirement(text: str) -> Requirement | None:
    """The parts of a requirement (PEP 508); None for what is none. Specifiers and markers are not looked into.

    It is cut with plain steps: every pattern with optional blanks between optional parts takes a hostile line cubed.
    """
    line = text.strip()
    named = NAME.match(line[:LONGEST_NAME])
    if named is None or len(line) > LONGEST_REQUIREMENT:
        return None
    rest = line[named.end() :].lstrip()
    extras: frozenset[str] = frozenset()
    if rest.startswith("["):
        inside, closed, rest = rest[1:].partition("]")
        if not closed or not all(not one.strip() or NAME.fullmatch(one.strip()) for one in inside.split(",")):
            return None
        extras = frozenset(normalize(one.strip()) for one in inside.split(",") if one.strip())
        rest = rest.lstrip()
    if rest.startswith("@"):
        # An address may hold a semicolon; the one before a marker has a blank before it.
        address, _, marker = rest[1:].partition(" ;")
        return (
            Requirement(normalize(named[0]), extras, "", marker.strip(), address.strip()) if address.strip() else None
        )
    bounds, _, marker = rest.partition(";")
    bounds = bounds.strip()
    if bounds.startswith("(") and bounds.endswith(")"):
        bounds = bounds[1:-1].strip()
    if bounds and (bounds[0] not in "=<>!~" or any(one in bounds for one in "()@;")):
        return None
    return Requirement(normalize(named[0]), extras, "".join(bounds.split()), marker.strip())

"""What writers for programs have in common: the order of findings, and addresses of packages and vulnerabilities."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import quote

from customhouse.consume.audit.model import Component, Finding

_PLACE = re.compile(r"(?P<file>.+?)(?::|, line )(?P<line>\d{1,9})\b", re.DOTALL)


def in_order(findings: Sequence[Finding]) -> list[Finding]:
    """By package, version, place and vulnerability: two audits of the same thing differ where the thing does."""
    return sorted(
        findings,
        key=lambda one: (one.component.name, one.component.version, one.component.where, one.same.names[0]),
    )


def purl(component: Component) -> str:
    """The package's URL (purl specification, type ``pypi``); the interpreter's is of type ``generic``."""
    kind = "generic" if component.name == "cpython" else "pypi"
    return f"pkg:{kind}/{quote(component.name, safe='-._~')}@{quote(component.version, safe='-._~')}"


def page_of(vulnerability: str) -> str:
    """Where people read of it."""
    return f"https://osv.dev/vulnerability/{quote(vulnerability, safe='-._~')}"


def place_of(component: Component) -> tuple[str, int | None]:
    """The file that a component stands in, and the line if its place tells one."""
    found = _PLACE.match(component.where)
    if found:
        return found["file"], int(found["line"])
    return component.where.partition(" (")[0], None

"""Package URLs of PyPI (ECMA-427, type ``pypi``): ``pkg:pypi/django@5.0.6``."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote

from customhouse.terms.names import normalize

LONGEST_PURL = 4000


@dataclass(frozen=True, slots=True)
class Purl:
    """The parts of a package URL that an audit needs."""

    kind: str
    """``pypi``, ``npm``, ``rpm`` …"""
    name: str
    """Normalised if the kind is PyPI's; with its namespace otherwise."""
    version: str


def read_purl(text: str) -> Purl | None:
    """The parts; None for what is no package URL."""
    if len(text) > LONGEST_PURL or text[:4].lower() != "pkg:":
        return None
    body = text[4:].partition("#")[0].partition("?")[0].strip("/")
    kind, slash, rest = body.partition("/")
    # A namespace may begin with "@" (npm); the version's stands behind the last slash.
    path, _, last = rest.rpartition("/")
    name, _, version = last.partition("@") if not last.startswith("@") else (last, "", "")
    whole = unquote(f"{path}/{name}" if path else name)
    if not slash or not name:
        return None
    kind = kind.lower()
    return Purl(kind, normalize(whole) if kind == "pypi" else whole, unquote(version))

"""Which links and addresses of a project this index vouches for (A57; finding TOB-3 of the first audit of PyPI).

A mark that says "verified" is worth what the most clever address can make of it. Browsers forgive: they drop tabs and
line ends, turn backslashes into slashes, take what stands before an ``@`` for a password, resolve ``..`` and ``%2e``,
fold full-width letters into ASCII. So an address earns the mark only if it is written so plainly that nothing in it is
left to be interpreted; every other one is shown without it.

Sources: the WHATWG URL standard (section 4.4, basic URL parser), RFC 3986 (section 6.2, comparison), RFC 5322 (3.4.1).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from typing import NamedTuple

MAX_URL = 2000
_DEFAULT_PORTS = {"http": 80, "https": 443}
# Letters, digits and the marks that mean nothing to any reader. No "\", no "@" before the path, no "%" up to the query,
# no ";" (some servers cut a segment there), nothing outside ASCII.
_PLAIN = re.compile(
    r"(?P<scheme>[Hh][Tt][Tt][Pp][Ss]?)://"
    r"(?P<host>[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])"
    r"(?::(?P<port>[1-9][0-9]{0,4}))?"
    r"(?P<path>(?:/[A-Za-z0-9._~!$&'()*+,=:@-]*)*)"
    r"(?P<rest>(?:\?[A-Za-z0-9._~!$&'()*+,=:@/?%;-]*)?(?:#[A-Za-z0-9._~!$&'()*+,=:@/?%;-]*)?)"
)
_LOCAL_PART = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
_DOMAIN = r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?"
_ADDRESS = re.compile(rf"({_LOCAL_PART})@({_DOMAIN})")
# A display name that holds no address, no quote and no bracket of its own: it may lie about the name, not about the
# address.
_NAMED_ADDRESS = re.compile(rf"[^@<>\",;:()\\\[\]\x00-\x1f\x7f]*<({_LOCAL_PART})@({_DOMAIN})>")


class _Place(NamedTuple):
    scheme: str
    host: str
    port: int
    path: str


def verified(url: str, prefixes: Iterable[str]) -> bool:
    """Whether an address lies under one that this index vouches for.

    Both must be plain: ``http`` or ``https``, a host of ASCII letters, digits, dots and dashes that ends with no dot,
    no user, no backslash, no blank or control character, no escape and no empty, ``.`` or ``..`` segment in the path.
    Then scheme, host and port must be equal, whatever the case of the first two and whether the scheme's own port is
    written, and the path must be the prefix's own or go on behind a slash: ``/project/demo`` does not cover
    ``/project/demo-evil``. A query or fragment changes nothing; a prefix has neither.
    """
    place = _place(url)
    return place is not None and any(_covers(prefix, place) for prefix in prefixes)


def _covers(prefix: str, place: _Place) -> bool:
    vouched = None if "?" in prefix or "#" in prefix else _place(prefix)
    if vouched is None or vouched[:3] != place[:3]:
        return False
    root = vouched.path.removesuffix("/")
    return place.path in (root, f"{root}/") or place.path.startswith(f"{root}/")


def _place(url: str) -> _Place | None:
    """Where a plainly written address leads; None for every other."""
    found = _PLAIN.fullmatch(url) if len(url) <= MAX_URL else None
    if found is None:
        return None
    segments = found["path"].split("/")
    if any(segment in (".", "..") for segment in segments) or "" in segments[1:-1]:
        return None
    if ".." in found["host"] or _reads_as_number(found["host"]):
        return None
    scheme = found["scheme"].lower()
    port = int(found["port"] or _DEFAULT_PORTS[scheme])
    return _Place(scheme, found["host"].lower(), port, found["path"])


def _reads_as_number(host: str) -> bool:
    """Whether browsers take the host for an IPv4 address, and it is not written as one usually is."""
    last = host.rpartition(".")[2].lower()
    numeric = last.isdecimal() or re.fullmatch(r"0x[0-9a-f]*", last) is not None
    usual = re.fullmatch(r"(?:(?:0|[1-9][0-9]{0,2})\.){3}(?:0|[1-9][0-9]{0,2})", host) is not None
    return numeric and not usual


def verified_address(field: str, addresses: AbstractSet[str]) -> str:
    """The address that Author-email or Maintainer-email names, if it is one of ``addresses``; else "".

    The field must be one plain address, alone or in angle brackets behind a name without any address in it, so that no
    name can wear another's. The domain's case does not count; the rest must be equal.
    """
    found = _ADDRESS.fullmatch(field) or _NAMED_ADDRESS.fullmatch(field)
    if found is None:
        return ""
    named = _folded(found[1], found[2])
    known = (_ADDRESS.fullmatch(address) for address in addresses)
    return named if any(one is not None and _folded(one[1], one[2]) == named for one in known) else ""


def _folded(local: str, domain: str) -> str:
    return f"{local}@{domain.lower()}"

"""Where a request may go: a web address, taken apart so strictly that no two programs can read it differently."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Literal, TypeAlias
from urllib.parse import SplitResult, urljoin, urlsplit

from customhouse.terms.errors import Rejected

Address: TypeAlias = IPv4Address | IPv6Address
ACCEPTED = "an address like https://example.org/path"
LONGEST = 2000
HIGHEST_PORT = 65535
_PORTS: dict[Literal["http", "https"], int] = {"http": 80, "https": 443}
# Printable ASCII without space, quotes, angle brackets, backslash, caret, backtick, braces and bar (RFC 3986).
_WRITTEN = re.compile(r"[!#-;=?-\[\]_a-z~]+", re.ASCII)
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?", re.ASCII)
_LONGEST_NAME = 253
# What ends in a number is an IPv4 address in one of its old spellings (WHATWG URL, "ends in a number").
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Target:
    """A checked address. ``path`` begins with a slash and carries the query; ``host`` is lower case, IPv6 bare."""

    scheme: Literal["http", "https"]
    host: str
    port: int
    path: str

    @classmethod
    def parse(cls, text: str, *, where: str = "url") -> Target:
        """An address from outside; raises `Rejected` for whatever one program might read otherwise than another.

        Only http and https. No user name, no fragment, no character that must be written as ``%XX``, and an IPv4
        address only in its one usual spelling: decimal, octal and hexadecimal forms of 127.0.0.1 are refused.
        """
        if len(text) > LONGEST:
            raise Rejected("bad-url", where, f"{len(text)} characters", f"at most {LONGEST}")
        if not _WRITTEN.fullmatch(text):
            raise Rejected("bad-url", where, "it holds a space or a character that an address cannot hold", ACCEPTED)
        try:
            parts = urlsplit(text)
            port = parts.port
        except ValueError as error:
            raise Rejected("bad-url", where, "it is not an address", ACCEPTED) from error
        scheme = _scheme(parts, where)
        if "@" in parts.netloc:
            raise Rejected("bad-url", where, "it holds a user name", "an address without one")
        if "#" in text:
            raise Rejected("bad-url", where, "it holds a fragment ('#')", "an address without one")
        if port == 0 or parts.netloc.endswith(":"):
            raise Rejected("bad-url", where, "it has no usable port", f"1 to {HIGHEST_PORT}, or none")
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return cls(scheme, _host(parts.hostname or "", where), port or _PORTS[scheme], path)

    @property
    def address(self) -> Address | None:
        """The address if the host is written as one, and not as a name."""
        return literal(self.host)

    @property
    def origin(self) -> str:
        """Scheme, host and port, as much as may be shown to those who must not see the path."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" + ("" if self.port == _PORTS[self.scheme] else f":{self.port}")

    def __str__(self) -> str:
        return self.origin + self.path

    def joined(self, location: str) -> Target:
        """Where a redirect leads from here; as strict as `parse`."""
        if not _WRITTEN.fullmatch(location):
            raise Rejected("bad-url", "Location", "it holds a character that an address cannot hold", ACCEPTED)
        return Target.parse(urljoin(str(self), location), where="Location")


def literal(host: str) -> Address | None:
    """The address that a host is written as, in its one usual spelling; None for a name."""
    try:
        return IPv6Address(host) if ":" in host else IPv4Address(host)
    except AddressValueError:
        return None


def _scheme(parts: SplitResult, where: str) -> Literal["http", "https"]:
    for scheme in _PORTS:
        if parts.scheme == scheme:
            return scheme
    raise Rejected("bad-url", where, f"{parts.scheme[:20]!r} is not a scheme that we speak", "http:// or https://")


def _host(host: str, where: str) -> str:
    """A name, or an address in its usual spelling."""
    if ":" in host:
        if literal(host) is None or "%" in host:
            raise Rejected("bad-url", where, "the host is not an IPv6 address without a zone", ACCEPTED)
        return host
    host = host.removesuffix(".")
    labels = host.split(".")
    if _NUMBER.fullmatch(labels[-1]) and literal(host) is None:
        raise Rejected("bad-url", where, f"{host[:80]!r} is an odd spelling of an address", "four decimal numbers")
    if len(host) > _LONGEST_NAME or not all(map(_LABEL.fullmatch, labels)):
        raise Rejected("bad-url", where, f"{host[:80]!r} is not a host", "a name of ASCII letters, digits and dashes")
    return host

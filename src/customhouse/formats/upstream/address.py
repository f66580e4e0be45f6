"""Addresses on somebody else's page: which are kept, made absolute."""

from __future__ import annotations

import re
from posixpath import basename
from urllib.parse import quote, unquote, urljoin, urlsplit

LONGEST = 2000
# What an address may hold without being written as %XX (RFC 3986), and what is beyond ASCII, which is written so.
_WRITTEN = re.compile(r"[!#-;=?-\[\]_a-z~\u00a0-\ud7ff\ue000-\U0010ffff]+")
# Whether it is one, and may be connected to, is judged when it is fetched (`infra.targets`, `infra.reach`).
_HOST = re.compile(r"[a-z0-9._-]+|\[[0-9a-f:.]+\]", re.ASCII)
_LONGEST_HOST = 253
_PORT = re.compile(r"(?::[0-9]{1,5})?")
_BESIDES = "!#$%&'()*+,/:;=?@[]~"


def absolute(base: str, text: str) -> tuple[str, str] | None:
    """An address on a page as (address, fragment), or None for one that is not kept.

    Only http and https, no user name, no control character, space or backslash: whatever one program reads as another
    address than the next one. A dot segment is resolved as browsers and pip do.
    """
    text = text.strip(" ")
    if len(text) > LONGEST or not _WRITTEN.fullmatch(text):
        return None
    try:
        parts = urlsplit(urljoin(base, text))
        parts.port  # noqa: B018 - it raises for what is none
    except ValueError:
        return None
    host, port = _split(parts.netloc)
    if parts.scheme not in ("http", "https") or len(host) > _LONGEST_HOST or not _HOST.fullmatch(host):
        return None
    if not _PORT.fullmatch(port):
        return None
    path, query = quote(parts.path or "/", _BESIDES), quote(parts.query, _BESIDES)
    found = parts._replace(netloc=host + port, path=path, query=query, fragment="").geturl()
    return None if len(found) > LONGEST else (found, parts.fragment)


def last_part(url: str) -> str:
    """The file name that an address ends in, without query."""
    return unquote(basename(urlsplit(url).path), errors="replace")


def _split(netloc: str) -> tuple[str, str]:
    """Host in lower case, and port with its colon. A user name makes a host that is none."""
    bracket = netloc.rfind("]")
    colon = netloc.find(":", bracket + 1)
    return (netloc.lower(), "") if colon < 0 else (netloc[:colon].lower(), netloc[colon:])

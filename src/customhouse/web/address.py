"""How the world reaches us, for the few places that must say it in full, and where a form may lead."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from starlette.requests import Request

from customhouse.infra.client_address import is_trusted, parse_networks
from customhouse.infra.settings import Settings

_OUR_PATH = re.compile(r"/(?:[A-Za-z0-9._~@:+%-][A-Za-z0-9._~@:+%/-]*)?", re.ASCII)
DEFAULT_NEXT = "/account/"
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})


def site_url(settings: Settings, request: Request) -> str:
    """The address that the operator has set, or else the one that was asked; no slash at the end."""
    if settings.url:
        return settings.url.rstrip("/")
    return str(request.base_url.replace(scheme=scheme_of(settings, request))).rstrip("/")


def scheme_of(settings: Settings, request: Request) -> str:
    """``http`` or ``https``: what the line says, or what a front end that we trust says of its own line (A38)."""
    said = request.headers.get("x-forwarded-proto", "").rpartition(",")[2].strip().lower()
    peer = request.client.host if request.client is not None else ""
    if said in ("http", "https") and is_trusted(peer, parse_networks(settings.trusted_proxies)):
        return said
    return request.url.scheme


def names_of(settings: Settings) -> frozenset[str]:
    """The names of hosts that we answer to, without ports: ours, loopback, where we listen. None of them means any.

    Only an operator who has said what our address is has said, too, what it is not.
    """
    if not settings.url:
        return frozenset()
    ours = {_name(urlsplit(settings.url).hostname or ""), _name(settings.host.lower())}
    return LOOPBACK_NAMES | ours - {""}


def _name(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def safe_next(text: str | None) -> str:
    """Where to go after a form: a path of this index, nothing else (A40)."""
    wanted = (text or "")[:500]
    odd = "//" in wanted or "%2f" in wanted.lower() or "%5c" in wanted.lower() or "%0" in wanted
    return wanted if wanted and not odd and _OUR_PATH.fullmatch(wanted) else DEFAULT_NEXT

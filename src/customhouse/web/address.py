"""How the world reaches us, for the few places that must say it in full, and where a form may lead."""

from __future__ import annotations

import re

from starlette.requests import Request

from customhouse.infra.settings import Settings

_OUR_PATH = re.compile(r"/(?:[A-Za-z0-9._~@:+%-][A-Za-z0-9._~@:+%/-]*)?", re.ASCII)
DEFAULT_NEXT = "/account/"


def site_url(settings: Settings, request: Request) -> str:
    """The address that the operator has set, or else the one that was asked; no slash at the end."""
    return (settings.url or str(request.base_url)).rstrip("/")


def safe_next(text: str | None) -> str:
    """Where to go after a form: a path of this index, nothing else (A40)."""
    wanted = (text or "")[:500]
    odd = "//" in wanted or "%2f" in wanted.lower() or "%5c" in wanted.lower() or "%0" in wanted
    return wanted if wanted and not odd and _OUR_PATH.fullmatch(wanted) else DEFAULT_NEXT

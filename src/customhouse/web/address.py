"""How the world reaches us, for the few places that must say it in full."""

from __future__ import annotations

from starlette.requests import Request

from customhouse.infra.settings import Settings


def site_url(settings: Settings, request: Request) -> str:
    """The address that the operator has set, or else the one that was asked; no slash at the end."""
    return (settings.url or str(request.base_url)).rstrip("/")

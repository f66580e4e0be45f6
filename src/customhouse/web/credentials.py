"""What a request brings to show who sent it: an API token, an address."""

from __future__ import annotations

import base64
import binascii

from starlette.requests import Request

from customhouse.infra.client_address import client_address, parse_networks
from customhouse.infra.settings import Settings
from customhouse.terms.errors import Refused


def token_of(authorization: str | None) -> str:
    """The API token of an Authorization header: Basic with the user ``__token__``, or Bearer."""
    scheme, _, credentials = (authorization or "").partition(" ")
    if scheme.lower() == "bearer" and credentials:
        return credentials.strip()
    if scheme.lower() == "basic":
        try:
            user, colon, password = base64.b64decode(credentials.strip(), validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            user = colon = password = ""
        if colon and user == "__token__":
            return password
        if colon:
            raise Refused(
                "not-a-token",
                "Passwords are not taken here.",
                "Use the user name __token__ and an API token as the password.",
                status=401,
            )
    raise Refused(
        "no-token",
        "This needs an API token.",
        "Use the user name __token__ and a token made by `customhouse token create` as the password.",
        status=401,
    )


def client_of(settings: Settings, request: Request) -> str:
    """The client's address, as far as front ends that we trust say it."""
    peer = request.client.host if request.client is not None else ""
    forwarded = ", ".join(request.headers.getlist("x-forwarded-for")) if settings.trusted_proxies else ""
    return client_address(peer, forwarded, parse_networks(settings.trusted_proxies))

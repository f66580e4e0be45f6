"""The issuer of tokens for people (OpenID Connect): what it says of itself, its keys, and codes for tokens.

Where a person says yes is a page (`web/pages/sigstore_sign.py`).
"""

from __future__ import annotations

from http import HTTPStatus
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response

from customhouse.accounts.limits import Counted, network_of
from customhouse.accounts.users import find_user_by_id
from customhouse.app import App
from customhouse.terms.errors import Refused, Rejected, TooMany
from customhouse.trust.private_sigstore.people import (
    CLIENT,
    OUT_OF_BAND,
    TOKEN_LIFE,
    Redeem,
    bad_code,
    basic_client,
    redeem,
)
from customhouse.trust.private_sigstore.service import Sigstore
from customhouse.web.api.sigstore import BASE, FAILURES, SigstoreApi, as_json
from customhouse.web.credentials import client_of
from customhouse.web.doors import Door, own_door
from customhouse.web.permissions import Permission

OIDC = f"{BASE}/oidc"
BODY_BYTES = 16 * 1024
_MOST_FIELDS = 20


class SigstorePeople:
    """The doors."""

    def __init__(self, app: App, api: SigstoreApi) -> None:
        self._app = app
        self._api = api

    def doors(self) -> list[Door]:
        """Discovery, keys, and the exchange."""
        read = Permission.PUBLIC_READ
        return [
            own_door("GET", f"{OIDC}/.well-known/openid-configuration", self._api.getting(_document), read),
            own_door("GET", f"{OIDC}/keys", self._api.getting(self._keys), read),
            own_door("POST", f"{OIDC}/token", self._api.posting(self._token, BODY_BYTES), Permission.SIGSTORE_REDEEM),
        ]

    def _keys(self, sigstore: Sigstore, _request: Request, _body: bytes) -> Response:
        return as_json({"keys": list(sigstore.own.public_keys(sigstore.keys.now(), self._app.clock.now()))})

    def _token(self, sigstore: Sigstore, request: Request, body: bytes) -> Response:
        """A code for a token (RFC 6749, 4.1.3; RFC 7636, 4.5). Every code works once, whatever comes of it."""
        counted = Counted(FAILURES, network_of(client_of(self._app.settings, request)))
        attempt = self._app.limiter.take(counted, sentence="Too many requests from your network have failed.")
        try:
            made = self._redeemed(sigstore, request, body)
        except TooMany:
            raise
        except (Refused, Rejected) as error:
            code = error.code if error.code.startswith("invalid_") else "invalid_request"
            found = {"error": code, "error_description": str(error), "message": str(error)}
            return as_json(found, HTTPStatus.BAD_REQUEST)
        self._app.limiter.give_back(attempt, counted)
        seconds = int(TOKEN_LIFE.total_seconds())
        # Clients of Sigstore use the access token as the ID token.
        return as_json({"access_token": made, "id_token": made, "token_type": "Bearer", "expires_in": seconds})

    def _redeemed(self, sigstore: Sigstore, request: Request, body: bytes) -> str:
        form = _form(request, body)
        client = basic_client(request.headers.get("authorization", "")) or form.get("client_id", "")
        if client != CLIENT:
            raise Refused("invalid_client", "This client is not known here.", f"client_id={CLIENT}.", status=400)
        if form.get("grant_type") != "authorization_code":
            raise Refused(
                "invalid_grant", "Only codes are exchanged here.", "grant_type=authorization_code.", status=400
            )
        wish = Redeem(form.get("code", ""), form.get("redirect_uri", OUT_OF_BAND), form.get("code_verifier", ""))
        redeemed = self._app.do(redeem, wish)
        if redeemed is None:
            raise bad_code()
        with self._app.database.read() as sql:
            user = find_user_by_id(sql, redeemed.account_id)
        if user.frozen:
            raise bad_code()
        subject = subject_of(self._app, user.name)
        return sigstore.own.token(sigstore.keys.now(), subject, redeemed, self._app.clock.now())


def subject_of(app: App, name: str) -> str:
    """How certificates name somebody with an account here. No mail address: the log of certificates is public."""
    return f"{app.settings.public_url}/user/{name}"


def _document(sigstore: Sigstore, _request: Request, _body: bytes) -> Response:
    return as_json(sigstore.own.document())


def _form(request: Request, body: bytes) -> dict[str, str]:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise Rejected("bad-form", "body", "is no form", "application/x-www-form-urlencoded")
    try:
        pairs = parse_qsl(body.decode(), max_num_fields=_MOST_FIELDS, errors="strict", keep_blank_values=True)
    except ValueError as error:
        raise Rejected("bad-form", "body", "cannot be read", "a form in UTF-8") from error
    found = dict(pairs)
    if len(found) != len(pairs) or any("\0" in name + value for name, value in pairs):
        raise Rejected("bad-form", "body", "has a field twice, or the character 0", "each field once")
    return found

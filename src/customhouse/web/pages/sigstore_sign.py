"""Where a person lets a program on his own machine sign as himself: asked by ``/auth`` (OpenID Connect), answered here.

What the program asks for goes into the page's own address, so that whoever must sign in first, or prove himself again,
comes back to it. Nothing is given before he has pressed the button, and the answer leads to his own machine alone. It
is a link and a ``Refresh``, because forms may lead nowhere else than here (``form-action``).
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from urllib.parse import urlencode, urlsplit

from starlette.responses import Response

from customhouse.formats.strict_json import read_json
from customhouse.terms.encode import base64url, from_base64url
from customhouse.terms.errors import Rejected
from customhouse.trust.private_sigstore.people import GiveCode, Outing, give_code, read_outing
from customhouse.web.api.sigstore import sigstore_of
from customhouse.web.api.sigstore_people import OIDC, subject_of
from customhouse.web.doors import Door, door
from customhouse.web.permissions import Permission
from customhouse.web.secret_address import without_referrer
from customhouse.web.visit import Visit

ASKED = f"{OIDC}/asked/{{outing}}/"
LONGEST = 460
"""Of what is packed into an address: the way back after signing in takes no more than 500 letters."""


def sigstore_sign_doors() -> list[Door]:
    """The doors."""
    return [
        door("GET", f"{OIDC}/auth", ask, Permission.PUBLIC_READ),
        door("GET", ASKED, asked_page, Permission.SIGSTORE_IDENTIFY_FORM),
        door("POST", ASKED, agree, Permission.SIGSTORE_IDENTIFY),
    ]


def ask(visit: Visit) -> Response:
    """A program sends somebody here: look at what it asks for, and go where it can be answered."""
    sigstore_of(visit.app)
    outing = read_outing(visit.query)
    return visit.go(f"{OIDC}/asked/{_packed(outing)}/")


def asked_page(visit: Visit) -> Response:
    """Ask whether it was him."""
    sigstore_of(visit.app)
    outing = _unpacked(visit.path["outing"])
    where = "" if outing.is_out_of_band else urlsplit(outing.redirect_uri).netloc
    subject = subject_of(visit.app, visit.me.name)
    return without_referrer(visit.page("sigstore_asked.html", where=where, subject=subject))


def agree(visit: Visit) -> Response:
    """It was: give the program a code for a token."""
    sigstore = sigstore_of(visit.app)
    outing, code = _unpacked(visit.path["outing"]), secrets.token_urlsafe(32)
    proved_by = visit.session.proved_by if visit.session is not None else ""
    visit.app.do(give_code, GiveCode(outing, visit.me.id, visit.me.identity, proved_by, code))
    if outing.is_out_of_band:
        return without_referrer(visit.page("sigstore_given.html", code=code, onward=""))
    given = {"code": code, "state": outing.state, "iss": sigstore.own.url}
    onward = f"{outing.redirect_uri}?{urlencode({name: value for name, value in given.items() if value})}"
    answer = without_referrer(visit.page("sigstore_given.html", code="", onward=onward))
    answer.headers["refresh"] = f"0; url={onward}"
    return answer


def _packed(outing: Outing) -> str:
    listed = [outing.redirect_uri, outing.challenge, outing.state, outing.nonce]
    packed = base64url(json.dumps(listed, separators=(",", ":")).encode())
    if len(packed) > LONGEST:
        raise Rejected("too-long", "state", "is too long together with the rest", "a state of some 40 letters")
    return packed


def _unpacked(text: str) -> Outing:
    """What stands in the address, looked at as if a program had just sent it: anybody can write an address."""
    try:
        listed = read_json(from_base64url(text).decode() if len(text) <= LONGEST else "", max_depth=1)
        redirect, challenge, state, nonce = (str(one) for one in listed)
    except (ValueError, TypeError) as error:
        raise Rejected("bad-address", "address", "is not whole", "the address that a program opens") from error
    asked: Mapping[str, str] = {
        "redirect_uri": redirect, "code_challenge": challenge, "state": state, "nonce": nonce,
        "client_id": "sigstore", "response_type": "code", "scope": "openid", "code_challenge_method": "S256",
    }  # fmt: skip
    return read_outing(asked)

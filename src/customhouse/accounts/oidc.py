"""Coming from another login: OpenID Connect Core 1.0, authorization code flow with PKCE (RFC 7636) and RFC 9207.

Nothing is written when somebody sets out. What he brings back is a state that we have signed: what for, when, for which
browser. Nonce and verifier derive from it and the server's key, so no row holds them; the state is used up in the deed
that his return leads to. Of the tokens that the issuer gives, the ID token is read once and none is kept.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from urllib.parse import quote, urlencode

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from customhouse.accounts.linked import Claimed
from customhouse.accounts.server_key import ServerKey
from customhouse.infra.fetch import Answer, Order, Outbound
from customhouse.infra.issuer import LIMIT_BYTES, SECONDS, Issuers, Source
from customhouse.infra.settings import OidcLogin
from customhouse.infra.targets import Target
from customhouse.terms.clock import Clock
from customhouse.terms.encode import base64url, from_base64url
from customhouse.terms.errors import Refused, Rejected, Unavailable

Purpose = Literal["sign-in", "link", "case"]
"""Come in; link the identity to an account; show in a case of recovery that one can still sign in there."""
PURPOSES: tuple[Purpose, ...] = ("sign-in", "link", "case")
ALGORITHMS = ("RS256", "ES256")
STATE_LIFE = timedelta(minutes=10)
ID_TOKEN_LIFE = timedelta(minutes=10)
SKEW = timedelta(seconds=30)
"""How far the issuer's clock may be ahead of ours."""
LONGEST_NAME, LONGEST_SUBJECT, LONGEST_CODE = 120, 255, 1000
SCOPE = "openid profile email"


@dataclass(frozen=True, slots=True)
class Outing:
    """What somebody set out for: the purpose, where to go afterwards, and the whole text of the state."""

    purpose: Purpose
    onward: str
    text: str


@dataclass(frozen=True, slots=True)
class Endpoints:
    """What an issuer says of itself."""

    authorization: str
    token: str
    keys: str
    posts_secret: bool
    """Whether it takes the secret only in the form, not in a header."""


@dataclass(frozen=True)
class Logins:
    """The other logins of this index."""

    all: Sequence[OidcLogin]
    issuers: Issuers
    outbound: Outbound
    key: ServerKey
    clock: Clock
    site: str

    def named(self, name: str) -> OidcLogin:
        """The login of that name; raises `Refused` (404)."""
        for one in self.all:
            if one.name == name:
                return one
        raise Refused("unknown-login", f"There is no login named {name[:40]!r} here.", status=404)

    def title_of(self, issuer: str) -> str:
        """What an issuer is called here; its address if it is configured no longer."""
        return next((one.title for one in self.all if one.issuer == issuer), issuer)

    def set_out(self, login: OidcLogin, purpose: Purpose, onward: str, browser: str) -> str:
        """The address at the issuer where somebody proves who he is. ``browser`` is a secret that only this one has."""
        state = self._state(login, purpose, onward, browser)
        verifier = self.key.mark("oidc-verifier", state)
        challenge = base64url(hashlib.sha256(verifier.encode()).digest())
        asked = {
            "response_type": "code",
            "client_id": login.client_id,
            "redirect_uri": self.return_address(login),
            "scope": SCOPE,
            "state": state,
            "nonce": self.key.mark("oidc-nonce", state),
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        if purpose != "sign-in":
            # Somebody who is signed in there for weeks shows nothing new: he must prove himself again.
            asked["prompt"] = "login"
            asked["max_age"] = "0"
        address = self._endpoints(login).authorization
        return f"{address}{'&' if '?' in address else '?'}{urlencode(asked, quote_via=quote)}"

    def read_state(self, login: OidcLogin, text: str, browser: str) -> Outing:
        """What a returning browser had set out for; raises the same `Refused` for every state that is not its own."""
        packed = self.key.stamped("oidc-state", text, _context(login, browser))
        if packed is None:
            raise _bad_return("its state is not one of this browser")
        read = json.loads(from_base64url(packed))
        age = self.clock.now() - datetime.fromisoformat(read["at"])
        if not timedelta() <= age <= STATE_LIFE:
            raise _bad_return("it took too long")
        return Outing(next(one for one in PURPOSES if one == read["for"]), read["next"], text)

    def redeem(self, login: OidcLogin, outing: Outing, code: str, issuer: str = "") -> Claimed:
        """Who the issuer says it was. ``issuer`` is what the return names, if it does (RFC 9207).

        Raises `Refused` for everything that is wrong with the return, `Unavailable` if the issuer is away.
        """
        if issuer and issuer != login.issuer:
            raise _bad_return("it comes from another issuer")
        if not 0 < len(code) <= LONGEST_CODE:
            raise _bad_return("it has no code")
        answer = self._ask_for_token(login, outing, code)
        read = _object(answer.body)
        if not answer.fine or not isinstance(read.get("id_token"), str):
            raise _bad_return("the issuer does not take its code")
        claims = self._verified(login, read["id_token"], self.key.mark("oidc-nonce", outing.text), outing.purpose)
        return Claimed(login.issuer, claims["sub"], _shown_name(claims), outing.text)

    def return_address(self, login: OidcLogin) -> str:
        """Where the issuer sends people back to; from the settings, never from a request."""
        return f"{self.site}/account/linked/{login.name}/back/"

    def _state(self, login: OidcLogin, purpose: Purpose, onward: str, browser: str) -> str:
        said = {"for": purpose, "next": onward, "at": self.clock.now().isoformat(), "id": secrets.token_urlsafe(16)}
        return self.key.stamp("oidc-state", base64url(json.dumps(said).encode()), _context(login, browser))

    def _ask_for_token(self, login: OidcLogin, outing: Outing, code: str) -> Answer:
        endpoints = self._endpoints(login)
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.return_address(login),
            "code_verifier": self.key.mark("oidc-verifier", outing.text),
        }
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        secret = login.client_secret.get_secret_value()
        if secret and not endpoints.posts_secret:
            # RFC 6749, section 2.3.1: both are encoded as in a form before they are joined.
            pair = f"{quote(login.client_id, safe='')}:{quote(secret, safe='')}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        else:
            form |= {"client_id": login.client_id} | ({"client_secret": secret} if secret else {})
        order = Order(Target.parse(endpoints.token), "POST", headers, urlencode(form).encode())
        return self._fetch(order)

    def _verified(self, login: OidcLogin, token: str, nonce: str, purpose: Purpose) -> Mapping[str, Any]:
        """The claims of an ID token, if everything about it is right; raises `Refused` otherwise."""
        claims = self._signed_claims(login, token)
        now = self.clock.now()
        audience = claims.get("aud")
        if claims.get("iss") != login.issuer:
            raise _bad_return("its token names another issuer")
        client = login.client_id
        if audience not in (client, [client]) or claims.get("azp", client) != client:
            raise _bad_return("its token is for somebody else")
        sent = claims.get("nonce")
        if not isinstance(sent, str) or not hmac.compare_digest(sent.encode(), nonce.encode()):
            raise _bad_return("its token answers another question")
        issued, expires = _moment(claims.get("iat")), _moment(claims.get("exp"))
        if issued is None or expires is None or expires <= now or not -SKEW <= now - issued <= ID_TOKEN_LIFE:
            raise _bad_return("its token is not of this moment")
        proved = _moment(claims.get("auth_time"))
        if purpose != "sign-in" and (proved is None or now - proved > ID_TOKEN_LIFE):
            raise _bad_return("nobody has proved himself there just now")
        subject = claims.get("sub")
        if not isinstance(subject, str) or not 0 < len(subject) <= LONGEST_SUBJECT or not subject.isprintable():
            raise _bad_return("its token names nobody")
        return claims

    def _signed_claims(self, login: OidcLogin, token: str) -> Mapping[str, Any]:
        """The claims under a signature by one of the issuer's keys; keys that are new are asked for now and then."""
        try:
            keys = self.issuers.keys(_source(login), lacking=_key_id(token))
            usable = KeySet.import_key_set({"keys": [dict(one) for one in keys]})
            signed = jws.deserialize_compact(token, usable, algorithms=list(ALGORITHMS))
        except (JoseError, ValueError, KeyError, TypeError):
            raise _bad_return("its token is not signed by the issuer") from None
        return _object(signed.payload)

    def _endpoints(self, login: OidcLogin) -> Endpoints:
        return _endpoints_of(login, self.issuers.document(_source(login)))

    def _fetch(self, order: Order) -> Answer:
        return self.outbound.fetch(order, seconds=SECONDS, limit_bytes=LIMIT_BYTES)


def _source(login: OidcLogin) -> Source:
    return Source(login.issuer, login.title)


def _key_id(token: str) -> str | None:
    """Which key a token says it is signed with; None if it does not say."""
    try:
        named = _object(from_base64url(token.partition(".")[0])).get("kid")
    except ValueError:
        return None
    return named if isinstance(named, str) else None


def _context(login: OidcLogin, browser: str) -> str:
    """What a state is bound to besides its own words."""
    return f"{login.name}\0{login.issuer}\0{browser}"


def _endpoints_of(login: OidcLogin, read: Mapping[str, Any]) -> Endpoints:
    """The addresses that an issuer names; as secure as the issuer itself."""
    found: dict[str, str] = {}
    for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
        try:
            target = Target.parse(str(read.get(name, "")), where=name)
        except Rejected as error:
            raise Unavailable(login.title, f"it names no {name}") from error
        if login.issuer.startswith("https:") and target.scheme != "https":
            raise Unavailable(login.title, f"its {name} is not secure")
        found[name] = str(target)
    # OpenID Connect Discovery 1.0: without the list it is "client_secret_basic".
    methods = read.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
    return Endpoints(
        found["authorization_endpoint"], found["token_endpoint"], found["jwks_uri"],
        posts_secret="client_secret_basic" not in methods,
    )  # fmt: skip


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        read = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return read if isinstance(read, dict) else {}


def _moment(value: object) -> datetime | None:
    """Seconds since 1970 as a moment; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < 2**33:
        return None
    return datetime.fromtimestamp(value, tz=UTC)


def _shown_name(claims: Mapping[str, Any]) -> str:
    """How the issuer calls somebody, for people to recognise: never used to find an account."""
    for name in ("preferred_username", "email", "name", "sub"):
        value = claims.get(name)
        if isinstance(value, str) and (plain := "".join(one for one in value if one.isprintable()).strip()):
            return plain[:LONGEST_NAME]
    return ""


def _bad_return(why: str) -> Refused:
    return Refused("bad-return", f"This return from the other login does not count: {why}.", "Begin again.")

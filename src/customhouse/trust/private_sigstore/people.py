"""The issuer of tokens for people: OpenID Connect Core 1.0, authorization code flow with PKCE (RFC 7636).

Programs on somebody's own machine (RFC 8252) ask it who sits there, so that he can sign as himself. A code is good for
two minutes and once, and a token for ten minutes. Whoever gets the code without having begun lacks the verifier.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.serialization import load_der_public_key

from customhouse.infra.sigstore_keys import KeyRecord
from customhouse.ledger.tx import Tx
from customhouse.terms.encode import base64url
from customhouse.terms.errors import Refused, Rejected
from customhouse.terms.identity import Identity
from customhouse.trust.jwt import Expected
from customhouse.trust.private_sigstore.events import SigningTokenGiven
from customhouse.trust.private_sigstore.keyring import Keyring
from customhouse.trust.private_sigstore.tables import sigstore_code

CLIENT = "sigstore"
"""The one client that is known, and the audience of its tokens: every Sigstore client calls itself so."""
CODE_LIFE = timedelta(minutes=2)
TOKEN_LIFE = timedelta(minutes=10)
OUT_OF_BAND = "urn:ietf:wg:oauth:2.0:oob"
"""The code is shown, and typed into the program."""
LONGEST_REDIRECT = 300
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}", re.ASCII)
_PRINTED = re.compile(r"[\x21-\x7e]{0,200}", re.ASCII)
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_COORDINATE_BYTES = 32


@dataclass(frozen=True, slots=True)
class Outing:
    """What a program asks for, checked."""

    redirect_uri: str
    challenge: str
    state: str
    nonce: str

    @property
    def is_out_of_band(self) -> bool:
        """Whether the code is shown to the person."""
        return self.redirect_uri == OUT_OF_BAND


@dataclass(frozen=True, slots=True)
class GiveCode:
    """A person has said yes."""

    outing: Outing
    account_id: int
    identity: Identity
    proved_by: str
    code: str

    def __repr__(self) -> str:
        return f"GiveCode({self.identity})"


@dataclass(frozen=True, slots=True)
class Redeem:
    """A program brings the code back."""

    code: str
    redirect_uri: str
    verifier: str

    def __repr__(self) -> str:
        return "Redeem(…)"


@dataclass(frozen=True, slots=True)
class Redeemed:
    """Whom the code was for."""

    account_id: int
    nonce: str
    proved_by: str


@dataclass(frozen=True, slots=True)
class OwnIssuer:
    """The issuer as others know it."""

    url: str

    def expected(self) -> Expected:
        """What its tokens are."""
        return Expected(self.url, CLIENT, promises_jti=True, longest_age=TOKEN_LIFE)

    def document(self) -> dict[str, Any]:
        """What it says of itself (OpenID Connect Discovery 1.0)."""
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/auth",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys",
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "grant_types_supported": ["authorization_code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256"],
            "scopes_supported": ["openid", "email"],
            "token_endpoint_auth_methods_supported": ["none", "client_secret_basic"],
            "claims_supported": ["iss", "sub", "aud", "exp", "iat", "nbf", "jti", "nonce", "amr"],
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": True,
        }

    def public_keys(self, keys: Keyring, now: datetime) -> Sequence[Mapping[str, Any]]:
        """The keys whose tokens are good now, as JWKs (RFC 7517): an old one until its last token is dead."""
        good = [one for one in keys.all("people") if one.until is None or now < one.until + TOKEN_LIFE]
        return [_jwk(one) for one in good]

    def token(self, keys: Keyring, subject: str, redeemed: Redeemed, now: datetime) -> str:
        """An ID token (JWT, ES256) that says who sits there."""
        moment = int(now.timestamp())
        claims = {
            "iss": self.url, "sub": subject, "aud": CLIENT, "iat": moment, "nbf": moment,
            "exp": moment + int(TOKEN_LIFE.total_seconds()), "jti": secrets.token_urlsafe(18),
            "amr": [redeemed.proved_by],
        }  # fmt: skip
        if redeemed.nonce:
            claims["nonce"] = redeemed.nonce
        header = {"alg": "ES256", "typ": "JWT", "kid": _key_id(keys.record("people"))}
        signed = f"{_part(header)}.{_part(claims)}"
        first, second = utils.decode_dss_signature(
            keys.ecdsa("people").sign(signed.encode(), ec.ECDSA(hashes.SHA256()))
        )
        raw = first.to_bytes(_COORDINATE_BYTES) + second.to_bytes(_COORDINATE_BYTES)
        return f"{signed}.{base64url(raw)}"


def read_outing(asked: Mapping[str, str]) -> Outing:
    """What a program asks for at ``/auth``; raises `Rejected`. Nobody is ever sent to another place than loopback."""
    redirect = asked.get("redirect_uri", "")
    if not _is_own_machine(redirect):
        raise Rejected(
            "bad-redirect", "redirect_uri", "is no address on your own machine",
            f"http://localhost:PORT/… or {OUT_OF_BAND} (RFC 8252)",
        )  # fmt: skip
    if asked.get("client_id") != CLIENT or asked.get("response_type") != "code":
        raise Rejected(
            "bad-client", "client_id", "is another program or another flow", "client_id=sigstore&response_type=code"
        )
    if "openid" not in asked.get("scope", "").split():
        raise Rejected("bad-scope", "scope", "does not ask who somebody is", "scope=openid")
    if asked.get("code_challenge_method") != "S256" or not _CHALLENGE.fullmatch(asked.get("code_challenge", "")):
        raise Rejected("bad-challenge", "code_challenge", "is none", "code_challenge_method=S256 (RFC 7636)")
    state, nonce = asked.get("state", ""), asked.get("nonce", "")
    if not _PRINTED.fullmatch(state) or not _PRINTED.fullmatch(nonce):
        raise Rejected("bad-state", "state", "is longer than 200 letters, or not plain", "short plain text")
    return Outing(redirect, asked["code_challenge"], state, nonce)


def give_code(wish: GiveCode, tx: Tx) -> None:
    """Write the code down, as a hash."""
    tx.sql.execute(sigstore_code.delete().where(sigstore_code.c.expires_at < tx.now()))
    tx.sql.execute(
        sigstore_code.insert().values(
            code_hash=_hash(wish.code), account_id=wish.account_id, redirect_uri=wish.outing.redirect_uri,
            challenge=wish.outing.challenge, nonce=wish.outing.nonce, proved_by=wish.proved_by,
            expires_at=tx.now() + CODE_LIFE,
        )
    )  # fmt: skip
    tx.record(SigningTokenGiven(wish.identity, None, user_id=wish.identity.id, redirect=wish.outing.redirect_uri))


def redeem(wish: Redeem, tx: Tx) -> Redeemed | None:
    """Use a code up, whatever comes of it; None if it is worth nothing, so that the use is written in any case."""
    gone = (
        sigstore_code.delete()
        .where(sigstore_code.c.code_hash == _hash(wish.code))
        .returning(
            sigstore_code.c.account_id, sigstore_code.c.redirect_uri, sigstore_code.c.challenge, sigstore_code.c.nonce,
            sigstore_code.c.proved_by, sigstore_code.c.expires_at,
        )
    )  # fmt: skip
    row = tx.sql.execute(gone).one_or_none()
    if row is None or row.expires_at < tx.now() or row.redirect_uri != wish.redirect_uri:
        return None
    if not _VERIFIER.fullmatch(wish.verifier):
        return None
    challenge = base64url(hashlib.sha256(wish.verifier.encode()).digest())
    if not hmac.compare_digest(challenge, row.challenge):
        return None
    return Redeemed(row.account_id, row.nonce, row.proved_by)


def bad_code() -> Refused:
    """What every code that is worth nothing is answered with (RFC 6749, 5.2)."""
    return Refused(
        "invalid_grant", "This code is not known, used already, too old, or of another program.", "Begin again.",
        status=400,
    )  # fmt: skip


def _is_own_machine(address: str) -> bool:
    if address == OUT_OF_BAND:
        return True
    if len(address) > LONGEST_REDIRECT or not address.isascii() or not address.isprintable() or " " in address:
        return False
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        return False
    plain = parts.username is None and parts.password is None and not parts.fragment and not parts.query
    odd = "\\" in address
    return parts.scheme == "http" and parts.hostname in _LOOPBACK and bool(port) and plain and not odd


def _jwk(record: KeyRecord) -> dict[str, Any]:
    key = load_der_public_key(record.public_der)
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise TypeError("people's tokens are signed by ECDSA")
    numbers = key.public_numbers()
    x, y = (base64url(one.to_bytes(_COORDINATE_BYTES)) for one in (numbers.x, numbers.y))
    return {"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": _key_id(record), "x": x, "y": y}


def _key_id(record: KeyRecord) -> str:
    return hashlib.sha256(record.public_der).hexdigest()[:16]


def _part(value: Mapping[str, Any]) -> str:
    return base64url(json.dumps(value, separators=(",", ":")).encode())


def _hash(code: str) -> str:
    return hashlib.sha256(code.encode("utf-8", "surrogatepass")).hexdigest()


def basic_client(header: str) -> str:
    """Which client a Basic header names; empty if none."""
    kind, _, rest = header.partition(" ")
    if kind.lower() != "basic":
        return ""
    try:
        return base64.b64decode(rest, validate=True).decode().partition(":")[0]
    except ValueError:
        return ""

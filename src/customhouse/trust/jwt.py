"""ID tokens of builds: what must be true of one before any claim in it is believed (A21, A22; RFC 7519, RFC 8725).

Nothing here knows the time, an issuer or a database by itself: the keys and the moment are handed in. Everything that
is wrong is answered with one kind of `Refused` (422) that says what.
"""

from __future__ import annotations

import base64
import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, TypeAlias

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from customhouse.formats.strict_json import read_json
from customhouse.terms.encode import from_base64url
from customhouse.terms.errors import Refused

Claims: TypeAlias = Mapping[str, Any]

LONGEST = 2**14
"""A token in letters. Those of GitHub have some 2,000; those of GitLab name every group of a person."""
LEEWAY = timedelta(seconds=30)
"""How far the issuer's clock may be from ours."""
LONGEST_AGE = timedelta(minutes=10)
"""A token is used at once; whoever shows an old one has found it somewhere. What ``exp`` says may be less."""
LONGEST_JTI = 255
DEEPEST = 4
SMALLEST_RSA_BITS, LARGEST_RSA_BITS = 2048, 8192
_KEY_TYPES = {"RS256": "RSA", "ES256": "EC"}
# RFC 8725, 3.10: a header must not lead us to a key, and what it declares critical we do not know.
_FORBIDDEN = frozenset({"jku", "jwk", "x5u", "x5c", "crit", "b64", "cty", "zip", "enc"})
_COMPACT = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)", re.ASCII)
_LATEST = 253_370_764_799
"""The last second of the year 9998: to what comes a year later no leeway can be added, for there is no year 10000."""


@dataclass(frozen=True, slots=True)
class Unverified:
    """A token taken apart, and nothing of it believed yet."""

    text: str
    algorithm: str
    key_id: str
    issuer: str
    claims: Claims

    def __repr__(self) -> str:
        return f"Unverified(by {self.issuer}, …)"


@dataclass(frozen=True, slots=True)
class Expected:
    """What a token must be for."""

    issuer: str
    audience: str
    promises_jti: bool
    longest_age: timedelta = LONGEST_AGE


@dataclass(frozen=True, slots=True)
class IdToken:
    """A token that is genuine, for us, and of this moment."""

    claims: Claims
    identifier: str
    """By which it is told from every other token of its issuer: its ``jti``, or a hash of what was signed."""
    dead_at: datetime
    """From then on it is refused for its age alone."""

    def __repr__(self) -> str:
        return f"IdToken({self.identifier[:8]}…)"


def take_apart(text: str) -> Unverified:
    """Read a token without believing it; raises `Refused` for what is no compact JWS of a kind that we take."""
    if len(text) > LONGEST:
        raise bad_token(f"it has {len(text)} characters, and at most {LONGEST} are read")
    match = _COMPACT.fullmatch(text)
    if match is None:
        raise bad_token("it is not three parts of base64url with dots between them")
    header = _object(match[1], "header")
    if forbidden := sorted(_FORBIDDEN & header.keys()):
        raise bad_token(f"its header has {forbidden[0]!r}, which is never followed")
    algorithm, key_id, kind = header.get("alg"), header.get("kid"), header.get("typ", "JWT")
    if not isinstance(algorithm, str) or algorithm not in _KEY_TYPES:
        raise bad_token("it is not signed by RS256 or ES256")
    if not isinstance(kind, str) or kind.upper() != "JWT":
        raise bad_token("it says of itself that it is no JWT")
    if not isinstance(key_id, str) or not key_id:
        raise bad_token("it does not say which key it is signed with")
    claims = _object(match[2], "payload")
    issuer = claims.get("iss")
    if not isinstance(issuer, str):
        raise bad_token("it does not say who has issued it")
    return Unverified(text, algorithm, key_id, issuer, claims)


def verify(token: Unverified, keys: Sequence[Claims], expected: Expected, now: datetime) -> IdToken:
    """The token, if one of the issuer's keys has signed it and all that it says of itself is right at this moment."""
    if token.issuer != expected.issuer:
        raise bad_token("it is issued by somebody else")
    if not any(_signs(key, token) for key in keys):
        raise bad_token("none of its issuer's keys has signed it")
    claims = token.claims
    if claims.get("aud") not in (expected.audience, [expected.audience]):
        raise bad_token(f"it is not for {expected.audience!r} alone")
    dead_at = _check_time(claims, expected, now)
    return IdToken(claims, _identifier(token, expected), dead_at)


def bad_token(why: str) -> Refused:
    """What is said of every token that is not good."""
    return Refused(
        "invalid-token", f"This ID token is not accepted: {why}.",
        "Ask for a new one where the build runs, and exchange it at once.", status=422,
    )  # fmt: skip


def _check_time(claims: Claims, expected: Expected, now: datetime) -> datetime:
    """Refuse what is not of this moment; returns from when on it is dead, whatever it says."""
    issued, expires = _moment(claims, "iat"), _moment(claims, "exp")
    if issued is None or expires is None:
        raise bad_token("it does not say when it was issued and until when it is good")
    if now >= expires + LEEWAY:
        raise bad_token("it has expired")
    if issued > now + LEEWAY:
        raise bad_token("it was issued in the future")
    if now - issued > expected.longest_age:
        minutes = int(expected.longest_age.total_seconds() // 60)
        raise bad_token(f"it was issued more than {minutes} minutes ago")
    not_before = _moment(claims, "nbf")
    if not_before is not None and not_before > now + LEEWAY:
        raise bad_token("it is not good yet")
    return min(expires + LEEWAY, issued + expected.longest_age)


def _identifier(token: Unverified, expected: Expected) -> str:
    """By what its use is remembered. Without ``jti`` that is what was signed: a signature can be written otherwise."""
    given = token.claims.get("jti")
    if given is None:
        if expected.promises_jti:
            raise bad_token("it has no jti, which its issuer promises")
        return "sha256:" + sha256(token.text.rpartition(".")[0].encode()).hexdigest()
    if not isinstance(given, str) or not 0 < len(given) <= LONGEST_JTI or not given.isprintable():
        raise bad_token("its jti is no short text")
    return given


def _signs(key: Claims, token: Unverified) -> bool:
    """Whether this key is the one that the token names, fits its algorithm, is strong enough, and has signed it."""
    if key.get("kid") != token.key_id or key.get("alg", token.algorithm) != token.algorithm:
        return False
    if key.get("kty") != _KEY_TYPES[token.algorithm]:
        return False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            known = _imported(key)
            if known is not None:
                jws.deserialize_compact(token.text, known, algorithms=[token.algorithm])
    except (JoseError, ValueError, KeyError, TypeError, OverflowError):
        return False
    return known is not None


def _imported(key: Claims) -> RSAKey | ECKey | None:
    """The key, from no more than what makes it one; None if it is weak or too large to be meant well."""
    if key["kty"] == "EC":
        if key.get("crv") != "P-256":
            return None
        return ECKey.import_key({name: key[name] for name in ("kty", "crv", "x", "y")})
    modulus, exponent = _number(key["n"]), _number(key["e"])
    if not SMALLEST_RSA_BITS <= modulus.bit_length() <= LARGEST_RSA_BITS or exponent < 3 or exponent % 2 == 0:  # noqa: PLR2004 - the smallest exponent of RFC 8017
        return None
    return RSAKey.import_key({name: key[name] for name in ("kty", "n", "e")})


def _number(text: str) -> int:
    return int.from_bytes(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), "big")


def _object(part: str, where: str) -> dict[str, Any]:
    """One part as a JSON object, each name once: of two values another program might read the other."""
    try:
        text = from_base64url(part).decode()
        read = read_json(text, max_depth=DEEPEST)
    except ValueError as error:
        raise bad_token(f"its {where} is not what base64url makes of one strict JSON object") from error
    if not isinstance(read, dict):
        raise bad_token(f"its {where} is no JSON object")
    if "\\u0000" in text:
        # No name of ours holds it, and PostgreSQL stores no such text.
        raise bad_token(f"its {where} holds the character 0")
    return read


def _moment(claims: Claims, name: str) -> datetime | None:
    """A NumericDate (RFC 7519); None if there is none. Raises `Refused` for what is no such number."""
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= _LATEST:
        raise bad_token(f"its {name} is no moment")
    return datetime.fromtimestamp(value, tz=UTC)

"""ID tokens of builds: each thing that can be wrong with one, as itself, and that a right one is taken (A21, A22)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import pytest
from joserfc import jws
from joserfc.jwk import ECKey, RSAKey

from build_service import AUDIENCE, ec_key, rsa_key, signed, timed
from clock import TurnableClock
from customhouse.terms.errors import Refused
from customhouse.trust.jwt import LONGEST, Expected, IdToken, take_apart, verify
from trust.claims import GITHUB

ISSUER = "https://forge.example"
EXPECTED = Expected(ISSUER, AUDIENCE, promises_jti=True)
Token = Callable[[TurnableClock], str]


def taken(clock: TurnableClock, text: str, *keys: Mapping[str, Any], expected: Expected = EXPECTED) -> IdToken:
    known = keys or (ec_key().as_dict(private=False), rsa_key().as_dict(private=False))
    return verify(take_apart(text), known, expected, clock.now())


def build(clock: TurnableClock, key: ECKey | RSAKey | None = None, **changes: Any) -> str:
    claims = timed(GITHUB, clock, ISSUER) | changes
    return signed({name: value for name, value in claims.items() if value is not None}, key)


def with_header(clock: TurnableClock, **header: Any) -> str:
    return signed(timed(GITHUB, clock, ISSUER), **header)


def written(header: str | bytes, payload: str | bytes, signature: str = "AAAA") -> str:
    parts = [part.encode() if isinstance(part, str) else part for part in (header, payload)]
    return ".".join([*(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts), signature])


def rewritten(text: str, part: int, change: Callable[[bytes], bytes]) -> str:
    """The same token with one part changed and the signature of before."""
    parts = text.split(".")
    raw = base64.urlsafe_b64decode(parts[part] + "=" * (-len(parts[part]) % 4))
    parts[part] = base64.urlsafe_b64encode(change(raw)).rstrip(b"=").decode()
    return ".".join(parts)


def test_a_right_token_is_taken_under_either_algorithm(clock: TurnableClock) -> None:
    for key in (ec_key(), rsa_key()):
        token = taken(clock, build(clock, key, jti="of this token"))
        assert (token.identifier, token.claims["repository"]) == ("of this token", "acme/demo")
    assert taken(clock, build(clock, aud=[AUDIENCE])).claims["aud"] == [AUDIENCE]


def by_shared_secret(clock: TurnableClock) -> str:
    """HS256 with the public key, which everybody knows, as the secret."""
    head, body, _ = with_header(clock).split(".")
    head = base64.urlsafe_b64encode(json.dumps({"alg": "HS256", "kid": "rsa", "typ": "JWT"}).encode()).decode()
    mac = hmac.digest(rsa_key().as_pem(private=False), f"{head.rstrip('=')}.{body}".encode(), hashlib.sha256)
    return f"{head.rstrip('=')}.{body}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"


def nested(clock: TurnableClock) -> str:
    """A token in a token."""
    return signed_text(build(clock).encode(), cty="JWT")


def signed_text(payload: bytes, **header: object) -> str:
    full = {"alg": "ES256", "typ": "JWT", "kid": "one"} | header
    return jws.serialize_compact(full, payload, ec_key(), algorithms=["ES256"])


FORBIDDEN = ("jku", "jwk", "x5u", "x5c", "crit", "b64", "cty", "zip", "enc")


def forbidding(name: str) -> Token:
    """A header with this name."""
    return lambda _: written(json.dumps({"alg": "ES256", "kid": "one", name: "x"}), "{}")


WRONG_FORM: dict[str, tuple[Token, str]] = {
    "nothing": (lambda _: "", "three parts"),
    "no dots": (lambda _: "x", "three parts"),
    "two parts": (lambda clock: build(clock).rpartition(".")[0], "three parts"),
    "a JWE has five": (lambda clock: build(clock) + ".AAAA.AAAA", "three parts"),
    "not base64url": (lambda clock: build(clock).replace(".", "+.", 1), "three parts"),
    "padding": (lambda clock: build(clock).replace(".", "=.", 1), "three parts"),
    "an embedded NUL": (lambda clock: build(clock) + "\0", "three parts"),
    "a megabyte": (lambda clock: build(clock, junk="x" * 2**20), "characters"),
    "just too long": (lambda clock: build(clock, junk="x" * LONGEST), "characters"),
    "no JSON": (lambda _: written("{", "{}"), "header"),
    "a list": (lambda _: written("[]", "{}"), "header is no JSON object"),
    "a header twice": (lambda _: written('{"alg":"ES256","alg":"none"}', "{}"), "header"),
    "a claim twice": (lambda _: written('{"alg":"ES256","kid":"one"}', '{"iss":"a","iss":"b"}'), "payload"),
    "NaN": (lambda _: written('{"alg":"ES256","kid":"one"}', '{"iss":"a","exp":NaN}'), "payload"),
    "half a character": (lambda _: written('{"alg":"ES256","kid":"one"}', '{"iss":"\\ud800"}'), "payload"),
    "the character 0 in a claim": (lambda clock: build(clock, repository="acme/\0demo"), "the character 0"),
    "no UTF-8": (lambda _: written('{"alg":"ES256","kid":"one"}', b'{"iss":"\xff"}'), "payload"),
    "too deep": (lambda _: written('{"alg":"ES256","kid":"one"}', '{"iss":[[[[[[]]]]]]}'), "payload"),
    "far too deep": (lambda _: written('{"alg":"ES256","kid":"one"}', "[" * 5000), "payload"),
    "a number of thousands of digits": (
        lambda _: written('{"alg":"ES256","kid":"one"}', '{"exp":' + "9" * 5000 + "}"), "payload",
    ),
    "alg none": (lambda _: written('{"alg":"none","kid":"one"}', '{"iss":"a"}'), "RS256 or ES256"),
    "alg None": (lambda _: written('{"alg":null,"kid":"one"}', '{"iss":"a"}'), "RS256 or ES256"),
    "alg nOnE": (lambda _: written('{"alg":"nOnE","kid":"one"}', '{"iss":"a"}'), "RS256 or ES256"),
    "alg a list": (lambda _: written('{"alg":["ES256"],"kid":"one"}', '{"iss":"a"}'), "RS256 or ES256"),
    "PS256": (lambda _: written('{"alg":"PS256","kid":"one"}', '{"iss":"a"}'), "RS256 or ES256"),
    "HS256 with the public key": (by_shared_secret, "RS256 or ES256"),
    "typ of an access token": (lambda clock: with_header(clock, typ="at+jwt"), "no JWT"),
    "typ a number": (lambda clock: with_header(clock, typ="dpop+jwt"), "no JWT"),
    "no kid": (lambda clock: with_header(clock, kid=None), "which key"),
    "an empty kid": (lambda clock: with_header(clock, kid=""), "which key"),
    "no issuer": (lambda clock: build(clock, iss=None), "who has issued it"),
    "an issuer that is no text": (lambda clock: build(clock, iss=["https://forge.example"]), "who has issued it"),
    "nested": (nested, "cty"),
    **{f"header {name}": (forbidding(name), name) for name in FORBIDDEN},
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG_FORM)
def test_a21_what_is_no_token_of_ours_is_refused(clock: TurnableClock, case: str) -> None:
    make, why = WRONG_FORM[case]
    with pytest.raises(Refused, match=why) as refused:
        taken(clock, make(clock))
    assert (refused.value.status, refused.value.code) == (422, "invalid-token")


def public(key: ECKey | RSAKey, **changes: object) -> dict[str, Any]:
    return key.as_dict(private=False) | changes


def test_a21_a_signature_counts_only_under_the_issuers_own_key(clock: TurnableClock) -> None:
    token, other = build(clock), ECKey.generate_key("P-256", {"kid": "one"})
    unsigned_by = "none of its issuer's keys"
    cases: dict[str, tuple[str, list[dict[str, Any]]]] = {
        "another key of that name": (build(clock, other), [public(ec_key())]),
        "a key of another name": (token, [public(ec_key(), kid="two")]),
        "no keys": (token, []),
        "a path as kid": (with_header(clock, kid="../../etc/passwd"), [public(ec_key())]),
        "SQL as kid": (with_header(clock, kid="' OR 1=1 --"), [public(ec_key())]),
        "an address as kid": (with_header(clock, kid="https://evil.example/keys"), [public(ec_key())]),
        "zeros": (token.rpartition(".")[0] + "." + "A" * 86, [public(ec_key())]),
        "an empty signature": (token.rpartition(".")[0] + ".AA", [public(ec_key())]),
        "another claim": (rewritten(token, 1, lambda raw: raw.replace(b"acme/demo", b"evil/demo")), [public(ec_key())]),
        "another header": (rewritten(token, 0, lambda raw: raw.replace(b"JWT", b"jwt")), [public(ec_key())]),
        "ES256 under an RSA key": (token, [public(rsa_key(), kid="one")]),
        "RS256 under an EC key": (build(clock, rsa_key()), [public(ec_key(), kid="rsa")]),
        "a key for another algorithm": (token, [public(ec_key(), alg="RS256")]),
        "another curve": (token, [public(ec_key(), crv="P-384")]),
        "a point off the curve": (token, [public(ec_key(), y=ec_key().as_dict(private=False)["x"])]),
        "a damaged key": (token, [public(ec_key(), x="%%")]),
        "half a key": (token, [{"kty": "EC", "crv": "P-256", "kid": "one"}]),
        "an even exponent": (build(clock, rsa_key()), [public(rsa_key(), e="Ag")]),
        "an exponent of one": (build(clock, rsa_key()), [public(rsa_key(), e="AQ")]),
    }  # fmt: skip
    for text, keys in cases.values():
        with pytest.raises(Refused, match=unsigned_by):
            verify(take_apart(text), keys, EXPECTED, clock.now())


@pytest.mark.filterwarnings("ignore:Key size")
def test_a21_a_weak_rsa_key_signs_nothing(clock: TurnableClock) -> None:
    weak = rsa_key("weak", 1024)
    text = build(clock, weak)
    with pytest.raises(Refused, match="none of its issuer's keys"):
        taken(clock, text, public(weak))


def test_a_key_is_found_among_others_of_the_same_name(clock: TurnableClock) -> None:
    other = ECKey.generate_key("P-256", {"kid": "one"})
    assert taken(clock, build(clock), public(other), public(ec_key())).identifier


CLAIMS: dict[str, tuple[dict[str, Any], str]] = {
    "another audience": ({"aud": "pypi"}, "not for 'index.test' alone"),
    "no audience": ({"aud": None}, "not for"),
    "ours among others": ({"aud": [AUDIENCE, "pypi"]}, "not for"),
    "an empty list": ({"aud": []}, "not for"),
    "ours twice": ({"aud": [AUDIENCE, AUDIENCE]}, "not for"),
    "ours with a slash": ({"aud": f"{AUDIENCE}/"}, "not for"),
    "in capitals": ({"aud": AUDIENCE.upper()}, "not for"),
    "issuer with a slash": ({"iss": f"{ISSUER}/"}, "somebody else"),
    "issuer in capitals": ({"iss": ISSUER.upper()}, "somebody else"),
    "issuer without its s": ({"iss": "http://forge.example"}, "somebody else"),
    "an issuer that looks alike": ({"iss": "https://forge.examp1e"}, "somebody else"),
    "issuer with a user name": ({"iss": "https://forge.example@evil.example"}, "somebody else"),
    "no expiry": ({"exp": None}, "until when"),
    "no beginning": ({"iat": None}, "until when"),
    "an expiry in words": ({"exp": "tomorrow"}, "exp is no moment"),
    "an expiry of true": ({"exp": True}, "exp is no moment"),
    "an expiry before 1970": ({"exp": -1}, "exp is no moment"),
    "an expiry after all time": ({"exp": 1e300}, "exp is no moment"),
    "an expiry with which no clock can be compared": ({"exp": 253_402_300_799}, "exp is no moment"),
    "a beginning with which no clock can be compared": ({"nbf": 253_402_300_799}, "nbf is no moment"),
    "an expiry in the year 9999": ({"exp": 253_370_764_800}, "exp is no moment"),
    "no jti": ({"jti": None}, "no jti"),
    "an empty jti": ({"jti": ""}, "jti is no short text"),
    "a jti that is a number": ({"jti": 7}, "jti is no short text"),
    "a long jti": ({"jti": "x" * 256}, "jti is no short text"),
    "a jti of two lines": ({"jti": "a\nb"}, "jti is no short text"),
    "a jti with a NUL": ({"jti": "a\0b"}, "the character 0"),
}


@pytest.mark.parametrize("case", CLAIMS)
def test_a22_a_token_for_somebody_else_is_refused(clock: TurnableClock, case: str) -> None:
    changes, why = CLAIMS[case]
    with pytest.raises(Refused, match=why):
        taken(clock, build(clock, **changes))


SECONDS: dict[str, tuple[dict[str, int], bool]] = {
    "expired for 29 s": ({"exp": -29}, True),
    "expired for 31 s": ({"exp": -31}, False),
    "issued in 29 s": ({"iat": 29}, True),
    "issued in 32 s": ({"iat": 32}, False),
    "good in 29 s": ({"nbf": 29}, True),
    "good in 32 s": ({"nbf": 32}, False),
    "issued 599 s ago": ({"iat": -599}, True),
    "issued 601 s ago": ({"iat": -601}, False),
    "issued 601 s ago, good for ten years": ({"iat": -601, "exp": 315_360_000}, False),
    "good for ten years": ({"exp": 315_360_000}, True),
}


@pytest.mark.parametrize("case", SECONDS)
def test_a22_time_is_judged_to_half_a_minute_and_age_to_ten(clock: TurnableClock, case: str) -> None:
    shifts, good = SECONDS[case]
    now = int(clock.now().timestamp())
    moved: dict[str, Any] = {name: now + shift for name, shift in shifts.items()}
    text = build(clock, **moved)
    if good:
        assert taken(clock, text).identifier
        return
    with pytest.raises(Refused):
        taken(clock, text)


def test_a_token_is_dead_after_ten_minutes_whatever_it_says(clock: TurnableClock) -> None:
    now = int(clock.now().timestamp())
    token = taken(clock, build(clock, exp=now + 10**9))
    assert (token.dead_at - clock.now()).total_seconds() == pytest.approx(600, abs=1)
    slow = Expected(ISSUER, AUDIENCE, promises_jti=True, longest_age=timedelta(hours=1))
    assert taken(clock, build(clock, iat=now - 3500, exp=now + 60), expected=slow).identifier


def test_a_token_without_jti_is_known_by_what_was_signed(clock: TurnableClock) -> None:
    """Of an ECDSA signature (r, s) there is a second one, (r, n-s), that is as good: it must be the same token."""
    free = Expected(ISSUER, AUDIENCE, promises_jti=False)
    text = build(clock, jti=None)
    head, body, signature = text.split(".")
    raw = base64.urlsafe_b64decode(signature + "==")
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    twin = raw[:32] + (order - int.from_bytes(raw[32:], "big")).to_bytes(32, "big")
    other = f"{head}.{body}.{base64.urlsafe_b64encode(twin).rstrip(b'=').decode()}"
    assert other != text
    assert taken(clock, text, expected=free).identifier == taken(clock, other, expected=free).identifier


def test_nothing_of_a_token_is_in_what_it_prints(clock: TurnableClock) -> None:
    text = build(clock)
    for shown in (repr(take_apart(text)), repr(taken(clock, text))):
        assert text.split(".")[2] not in shown
        assert "acme" not in shown

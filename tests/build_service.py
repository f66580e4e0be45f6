"""A service that builds things, on loopback: it issues whatever ID token a test wants, as GitHub or another would."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from uuid import uuid4

from joserfc import jws
from joserfc.jwk import ECKey, RSAKey

from customhouse.terms.clock import Clock
from receiver import Behaviour, Receiver, Reply, Request, receiver

Claims = Mapping[str, Any]
AUDIENCE = "index.test"
LIFE_SECONDS = 300


@cache
def ec_key(name: str = "one") -> ECKey:
    """One key for all tests: making one is quick, but not for nothing."""
    return ECKey.generate_key("P-256", {"kid": name, "use": "sig", "alg": "ES256"})


@cache
def rsa_key(name: str = "rsa", bits: int = 2048) -> RSAKey:
    """Likewise; these take a while to make."""
    return RSAKey.generate_key(bits, {"kid": name, "use": "sig", "alg": "RS256"})


def signed(claims: Claims, key: ECKey | RSAKey | None = None, **header: object) -> str:
    """These claims under this key, whatever they say. A header of None leaves that name out."""
    key = key or ec_key()
    algorithm = "RS256" if isinstance(key, RSAKey) else "ES256"
    full = {"alg": algorithm, "typ": "JWT", "kid": key.kid} | header
    known = {name: value for name, value in full.items() if value is not None}
    return jws.serialize_compact(known, json.dumps(claims).encode(), key, algorithms=[algorithm])


def timed(claims: Claims, clock: Clock, issuer: str, audience: str = AUDIENCE) -> dict[str, Any]:
    """The claims of a build, with those that every fresh token has."""
    now = int(clock.now().timestamp())
    fresh = {"iss": issuer, "aud": audience, "jti": str(uuid4()), "iat": now, "nbf": now - 5, "exp": now + LIFE_SECONDS}
    return {**fresh, **claims}


@dataclass
class BuildService:
    """The service. Change any of it; ``receiver.requests`` counts who has asked."""

    receiver: Receiver
    clock: Clock
    published: list[ECKey | RSAKey] = field(default_factory=lambda: [ec_key()])
    document: Callable[[dict[str, Any]], dict[str, Any]] = lambda honest: honest
    keys: Callable[[Request], Behaviour] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.receiver.port}"

    def setting(self, kind: str = "github", name: str = "forge", **more: object) -> dict[str, Any]:
        """Its entry in the settings ``oidc_issuers``."""
        return {"name": name, "title": "Forge", "issuer": self.url, "kind": kind, **more}

    def token(self, claims: Claims, key: ECKey | RSAKey | None = None, **changes: object) -> str:
        """A fresh token for a build with these claims; a change to None leaves a claim out."""
        full = timed(claims, self.clock, self.url) | changes
        return signed({name: value for name, value in full.items() if value is not None}, key)

    def asked(self, path: str) -> int:
        """How often somebody has asked for this path."""
        return sum(request.path == path for request in self.receiver.requests)

    def answer(self, request: Request) -> Behaviour:
        if request.path == "/.well-known/openid-configuration":
            return _json(self.document({"issuer": self.url, "jwks_uri": f"{self.url}/keys"}))
        if self.keys is not None:
            return self.keys(request)
        return _json({"keys": [key.as_dict(private=False) for key in self.published]})


@contextmanager
def build_service(clock: Clock) -> Iterator[BuildService]:
    """It runs."""
    with receiver() as running:
        made = BuildService(running, clock)
        running.answer = made.answer
        yield made


def _json(value: object) -> Reply:
    return Reply(200, json.dumps(value).encode(), {"content-type": "application/json"})

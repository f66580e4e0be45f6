"""An issuer that lies as a test tells it to: it signs whatever claims it is given, with whatever key."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from clock import TurnableClock
from receiver import Receiver, Reply, Request, receiver

Claims = dict[str, Any]


@dataclass
class FalseIssuer:
    """What it says: change any of it."""

    receiver: Receiver
    clock: TurnableClock
    key: ECKey | RSAKey
    published: list[Mapping[str, Any]] = field(default_factory=list)
    claims: Callable[[Claims], Claims] = lambda honest: honest
    header: dict[str, Any] = field(default_factory=lambda: {"alg": "ES256", "kid": "one"})
    signed_by: ECKey | RSAKey | None = None
    discovery: Callable[[Claims], Claims] = lambda honest: honest
    forged: Callable[[str], str] = lambda token: token
    asked: dict[str, list[str]] = field(default_factory=dict)
    token_requests: list[Request] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.receiver.port}"

    def login(self, **more: str) -> dict[str, str]:
        """The entry for the settings."""
        return {
            "name": "harbour", "title": "Harbour login", "issuer": self.url, "client_id": "customhouse",
            "client_secret": "a secret", **more,
        }  # fmt: skip

    def send_back(self, address: str, *, code: str = "a-code", **more: str) -> str:
        """What an honest browser would open after the address to which we have sent it."""
        self.asked = parse_qs(urlsplit(address).query)
        extra = "".join(f"&{name}={value}" for name, value in more.items())
        return f"/account/linked/harbour/back/?code={code}&state={self.asked['state'][0]}{extra}"

    def answer(self, request: Request) -> Reply:
        path = request.path.partition("?")[0]
        if path == "/.well-known/openid-configuration":
            honest: Claims = {
                "issuer": self.url, "authorization_endpoint": f"{self.url}/auth", "token_endpoint": f"{self.url}/token",
                "jwks_uri": f"{self.url}/keys",
            }  # fmt: skip
            return _json(self.discovery(honest))
        if path == "/keys":
            return _json({"keys": self.published})
        self.token_requests.append(request)
        now = int(self.clock.now().timestamp())
        honest = {
            "iss": self.url, "aud": "customhouse", "sub": "subject-1", "iat": now, "exp": now + 300, "auth_time": now,
            "nonce": self.asked["nonce"][0], "preferred_username": "alice-there",
        }  # fmt: skip
        algorithms = [self.header["alg"]]
        token = jwt.encode(self.header, self.claims(honest), self.signed_by or self.key, algorithms=algorithms)
        return _json({"access_token": "never used", "token_type": "Bearer", "id_token": self.forged(token)})


@contextmanager
def false_issuer(clock: TurnableClock) -> Iterator[FalseIssuer]:
    """It runs."""
    key = ECKey.generate_key("P-256", {"kid": "one", "use": "sig", "alg": "ES256"})
    with receiver() as running:
        made = FalseIssuer(running, clock, key, [key.as_dict(private=False)])
        running.answer = made.answer
        yield made


def rsa_key() -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": "two", "use": "sig"})


def unsigned(token: str) -> str:
    """The same claims under ``alg: none``."""
    header = base64.urlsafe_b64encode(json.dumps({"alg": "none"}).encode()).rstrip(b"=").decode()
    return f"{header}.{token.split('.')[1]}."


def by_shared_secret(token: str, secret: bytes) -> str:
    """The same claims under HS256; with the issuer's public key as the secret, which anybody knows."""
    header = base64.urlsafe_b64encode(json.dumps({"alg": "HS256", "kid": "one"}).encode()).rstrip(b"=").decode()
    signed = f"{header}.{token.split('.')[1]}"
    mac = hmac.digest(secret, signed.encode(), hashlib.sha256)
    return f"{signed}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def _json(value: object) -> Reply:
    return Reply(200, json.dumps(value).encode(), {"content-type": "application/json"})

"""A running Customhouse with its private Sigstore, whose machines get ID tokens from a build service of the tests.

Its clock is the system's: unmodified clients look at their own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2 as httpx
from sigstore.models import Bundle, ClientTrustConfig
from sigstore.oidc import IdentityToken
from sigstore.sign import Signer, SigningContext
from sigstore.verify import Verifier
from sigstore.verify.policy import Identity

from build_service import BuildService, build_service
from customhouse.terms.clock import SystemClock
from world import Server

BUILDER = "builder-a"


@dataclass
class RunningSigstore:
    """The server, and who vouches for machines."""

    server: Server
    builds: BuildService

    @property
    def base(self) -> str:
        """Its address."""
        return f"{self.server.url}/sigstore"

    @property
    def issuer(self) -> str:
        """Who vouches for machines."""
        return self.builds.url

    def identity(self, subject: str = BUILDER) -> str:
        """How certificates name a machine."""
        return f"{self.issuer}#{subject}"

    def token(self, subject: str = BUILDER, **changes: object) -> str:
        """A fresh ID token of a machine."""
        known: dict[str, object] = {"aud": "sigstore", **changes}
        return self.builds.token({"sub": subject}, None, **known)

    def get(self, path: str) -> httpx.Response:
        return httpx.get(self.base + path)

    def post(self, path: str, body: bytes | str | dict[str, Any], **headers: str) -> httpx.Response:
        content = json.dumps(body) if isinstance(body, dict) else body
        return httpx.post(self.base + path, content=content, headers={"content-type": "application/json", **headers})

    def trust_config(self, version: int = 2) -> ClientTrustConfig:
        """What the client is given."""
        config = ClientTrustConfig.from_json(self.get("/trust_config.json").text)
        config.force_tlog_version = version
        return config

    @contextmanager
    def signer(self, version: int = 2, token: str = "") -> Iterator[Signer]:
        """The library, signing as a machine."""
        context = SigningContext.from_trust_config(self.trust_config(version))
        with context.signer(IdentityToken(token or self.token())) as made:
            yield made

    def verifier(self) -> Verifier:
        """The library, verifying offline."""
        return Verifier(trusted_root=self.trust_config().trusted_root)

    def verify(self, body: bytes, bundle: str, subject: str = BUILDER, issuer: str = "") -> None:
        """Verify an artifact; raises the library's `VerificationError`."""
        policy = Identity(identity=self.identity(subject), issuer=issuer or self.issuer)
        self.verifier().verify_artifact(body, Bundle.from_json(bundle), policy)


@contextmanager
def running_sigstore(folder: Path, *, more: Sequence[tuple[str, str]] = ()) -> Iterator[RunningSigstore]:
    """It runs until the end of the block."""
    with build_service(SystemClock()) as builds:
        setting = builds.setting("custom", "builds", claims=["sub"], jti=True)
        environment = {
            "CUSTOMHOUSE_SIGSTORE": "true",
            "CUSTOMHOUSE_OIDC_ISSUERS": json.dumps([setting]),
            "CUSTOMHOUSE_SIGSTORE_ISSUERS": '["builds"]',
            "CUSTOMHOUSE_PRIVATE_NETWORKS_ALLOWED": '["127.0.0.0/8"]',
            **dict(more),
        }
        server = Server(folder / "data", environment=environment)
        server.start()
        try:
            yield RunningSigstore(server, builds)
        finally:
            server.stop()

"""A running Customhouse with its private Sigstore, whose machines get ID tokens from a build service of the tests.

Its clock is the system's: unmodified clients look at their own.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2 as httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from sigstore.models import Bundle, ClientTrustConfig
from sigstore.oidc import IdentityToken
from sigstore.sign import Signer, SigningContext
from sigstore.verify import Verifier
from sigstore.verify.policy import Identity

from build_service import BuildService, build_service
from customhouse.formats.dsse import pae
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


def csr_of(key: ec.EllipticCurvePrivateKey, signs: ec.EllipticCurvePrivateKey | None = None) -> bytes:
    """A certificate signing request as clients make it, PEM."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    made = builder.sign(key, hashes.SHA256())
    if signs is None:
        return made.public_bytes(Encoding.PEM)
    other = builder.sign(signs, hashes.SHA256())
    # The key of one and the signature of the other: nobody has shown that he has the key.
    algorithm = bytes.fromhex("300a06082a8648ce3d040302")
    signature = b"\0" + other.signature
    return pem_of(_sequence(made.tbs_certrequest_bytes + algorithm + bytes([3, len(signature)]) + signature))


def pem_of(der: bytes, kind: str = "CERTIFICATE REQUEST") -> bytes:
    return f"-----BEGIN {kind}-----\n{base64.encodebytes(der).decode()}-----END {kind}-----\n".encode()


def _sequence(body: bytes) -> bytes:
    return bytes([0x30, 0x81, len(body)]) + body


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def b64(body: bytes) -> str:
    return base64.b64encode(body).decode()


@dataclass(frozen=True)
class Holder:
    """Somebody with a certificate, who writes his requests himself."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @classmethod
    def at(cls, sigstore: RunningSigstore, token: str = "") -> Holder:
        key = new_key()
        body = {"certificateSigningRequest": b64(csr_of(key))}
        answer = sigstore.post("/api/v2/signingCert", body, authorization=f"Bearer {token or sigstore.token()}")
        assert answer.status_code == httpx.codes.OK, answer.text
        return cls(key, certificate_in(answer))

    def request_v2(self, body: bytes) -> dict[str, Any]:
        """hashedRekordRequestV002."""
        der = self.certificate.public_bytes(Encoding.DER)
        verifier = {"x509Certificate": {"rawBytes": b64(der)}, "keyDetails": "PKIX_ECDSA_P256_SHA_256"}
        signature = {"content": b64(self.key.sign(body, ec.ECDSA(hashes.SHA256()))), "verifier": verifier}
        return {"hashedRekordRequestV002": {"digest": b64(hashlib.sha256(body).digest()), "signature": signature}}

    def dsse_v2(self, payload: bytes, kind: str = "application/vnd.in-toto+json") -> dict[str, Any]:
        """dsseRequestV002."""
        signature = self.key.sign(pae(kind, payload), ec.ECDSA(hashes.SHA256()))
        envelope = {"payload": b64(payload), "payloadType": kind, "signatures": [{"sig": b64(signature)}]}
        verifier = self.request_v2(b"")["hashedRekordRequestV002"]["signature"]["verifier"]
        return {"dsseRequestV002": {"envelope": envelope, "verifiers": [verifier]}}


def certificate_in(answer: httpx.Response) -> x509.Certificate:
    """The first certificate of the authority's answer."""
    (chain,) = answer.json().values()
    return x509.load_pem_x509_certificate(chain["chain"]["certificates"][0].encode())

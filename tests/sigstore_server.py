"""A private Sigstore on loopback, for the unmodified sigstore client: Fulcio's and Rekor's (version 1) two addresses.

The clock must be the system's: the client looks at its own when it uses a certificate.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from attesting import LONG_AGO
from customhouse.formats.dsse import IN_TOTO, pae
from customhouse.terms.clock import SystemClock
from customhouse.trust.private_sigstore.claims import identity_of
from customhouse.trust.roots import Root
from memory_sigstore import PrivateSigstore
from receiver import Receiver, Reply, Request, receiver

ClaimsOf = Callable[[str], Mapping[str, Any]]


@dataclass
class SigstoreServer:
    """It runs."""

    sigstore: PrivateSigstore
    receiver: Receiver
    claims_of: ClaimsOf
    """Verifies a token and returns its claims; raises `ValueError` otherwise."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.receiver.port}"

    @property
    def trusted_root(self) -> str:
        """Its ``trusted_root.json``."""
        return self.sigstore.trusted_root(since=LONG_AGO)

    @property
    def root(self) -> Root:
        return Root("server", self.trusted_root.encode())

    @property
    def trust_config(self) -> str:
        """A client trust config, as ``--trust-config`` takes it."""
        valid = {"start": f"{LONG_AGO:%Y-%m-%dT%H:%M:%SZ}"}
        service = [{"url": self.url, "majorApiVersion": 1, "validFor": valid, "operator": "customhouse"}]
        return json.dumps(
            {
                "mediaType": "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json",
                "trustedRoot": json.loads(self.trusted_root),
                "signingConfig": {
                    "mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json",
                    "caUrls": service, "oidcUrls": service, "rekorTlogUrls": service,
                    "rekorTlogConfig": {"selector": "ANY"}, "tsaConfig": {"selector": "ANY"},
                },
            }
        )  # fmt: skip

    def answer(self, request: Request) -> Reply:
        """One request."""
        try:
            if request.path == "/api/v2/signingCert":
                return self._certificate(request)
            if request.path == "/api/v1/log/entries":
                return self._entry(json.loads(request.body))
        except Exception as error:  # noqa: BLE001 - told to the client, whatever it is
            return Reply(400, json.dumps({"code": 3, "message": str(error)}).encode(), _JSON)
        return Reply(404, b"{}", _JSON)

    def _certificate(self, request: Request) -> Reply:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        csr = x509.load_pem_x509_csr(base64.b64decode(json.loads(request.body)["certificateSigningRequest"]))
        key = csr.public_key()
        if not csr.is_signature_valid or not isinstance(key, ec.EllipticCurvePublicKey):
            raise ValueError("the request is not signed with an ECDSA key")
        made = self.sigstore.certificate(identity_of(self.claims_of(token)), key)
        chain = [one.public_bytes(Encoding.PEM).decode() for one in (made, self.sigstore.authority.certificate)]
        body = {"signedCertificateEmbeddedSct": {"chain": {"certificates": chain}}}
        return Reply(200, json.dumps(body).encode(), _JSON)

    def _entry(self, asked: dict[str, Any]) -> Reply:
        """Rekor's own spelling of what `TransparencyLog.add` returns."""
        proposed = asked["spec"]["proposedContent"]
        envelope = json.loads(proposed["envelope"])
        certificate = x509.load_pem_x509_certificate(base64.b64decode(proposed["verifiers"][0]))
        statement = base64.b64decode(envelope["payload"])
        signature = base64.b64decode(envelope["signatures"][0]["sig"])
        key = certificate.public_key()
        assert isinstance(key, ec.EllipticCurvePublicKey)
        key.verify(signature, pae(IN_TOTO, statement), ec.ECDSA(hashes.SHA256()))
        made = self.sigstore.log.add(statement, signature, certificate)
        proof = made["inclusionProof"]
        entry = {
            "body": made["canonicalizedBody"],
            "integratedTime": int(made["integratedTime"]),
            "logID": _hex(made["logId"]["keyId"]),
            "logIndex": int(made["logIndex"]),
            "verification": {
                "signedEntryTimestamp": made["inclusionPromise"]["signedEntryTimestamp"],
                "inclusionProof": {
                    "logIndex": int(proof["logIndex"]),
                    "treeSize": int(proof["treeSize"]),
                    "rootHash": _hex(proof["rootHash"]),
                    "hashes": [_hex(one) for one in proof["hashes"]],
                    "checkpoint": proof["checkpoint"]["envelope"],
                },
            },
        }
        return Reply(201, json.dumps({made["logIndex"]: entry}).encode(), _JSON)


_JSON = {"content-type": "application/json"}


def _hex(text: str) -> str:
    return base64.b64decode(text).hex()


@contextmanager
def sigstore_server(claims_of: ClaimsOf) -> Iterator[SigstoreServer]:
    """It runs until the end of the block."""
    with receiver() as listening:
        made = SigstoreServer(PrivateSigstore.open(SystemClock()), listening, claims_of)
        listening.answer = made.answer
        yield made

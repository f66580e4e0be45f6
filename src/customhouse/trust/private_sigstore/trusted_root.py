"""The ``trusted_root.json`` of a private Sigstore: what whoever verifies must know of it, and nothing secret."""

from __future__ import annotations

import base64
import json
from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from customhouse.trust.private_sigstore.keys import SigningKey

MEDIA_TYPE = "application/vnd.dev.sigstore.trustedroot+json;version=0.1"


def trusted_root(
    authority: x509.Certificate, timestamps: SigningKey, log: SigningKey, *, since: datetime, url: str = ""
) -> str:
    """The root as JSON. ``since`` is when the keys came into use; readers distrust a log whose time has not come."""
    valid = {"start": since.strftime("%Y-%m-%dT%H:%M:%SZ")}
    name = authority.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
    return json.dumps(
        {
            "mediaType": MEDIA_TYPE,
            "tlogs": [_log(log, valid, url)],
            "certificateAuthorities": [
                {
                    "subject": {"organization": "customhouse", "commonName": str(name)},
                    "uri": url,
                    "certChain": {"certificates": [{"rawBytes": _base64(authority.public_bytes(Encoding.DER))}]},
                    "validFor": valid,
                }
            ],
            "ctlogs": [_log(timestamps, valid, url)],
            "timestampAuthorities": [],
        },
        indent=1,
    )


def _log(key: SigningKey, valid: dict[str, str], url: str) -> dict[str, Any]:
    return {
        "baseUrl": url,
        "hashAlgorithm": "SHA2_256",
        "publicKey": {
            "rawBytes": _base64(key.public_der),
            "keyDetails": "PKIX_ECDSA_P256_SHA_256",
            "validFor": valid,
        },
        "logId": {"keyId": _base64(key.id)},
    }


def _base64(body: bytes) -> str:
    return base64.b64encode(body).decode()

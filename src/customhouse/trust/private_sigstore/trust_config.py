"""What clients must know of this Sigstore: its trust root, how to sign with it, and both together.

An old key stays in the root with the end of its time (``validFor.end``): what it has signed verifies, and nobody signs
with it any more.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.x509.oid import NameOID

from customhouse.infra.sigstore_keys import KeyRecord
from customhouse.trust.private_sigstore.keyring import Keyring
from customhouse.trust.private_sigstore.note import ED25519, NoteKey, raw_ed25519

OPERATOR = "customhouse"
ROOT_TYPE = "application/vnd.dev.sigstore.trustedroot+json;version=0.1"
CONFIG_TYPE = "application/vnd.dev.sigstore.signingconfig.v0.2+json"
TRUST_CONFIG_TYPE = "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json"
OIDC_PATH = "/oidc"
TIME_PATH = "/api/v1/timestamp"


def trusted_root_of(keys: Keyring) -> dict[str, Any]:
    """``trusted_root.json``: every key that has ever signed here, and nothing secret."""
    return {
        "mediaType": ROOT_TYPE,
        "tlogs": [
            *(_log(one, "PKIX_ED25519", log_id_v2(one)) for one in keys.all("entries-v2")),
            *(_log(one, "PKIX_ECDSA_P256_SHA_256", _key_id(one)) for one in keys.all("entries-v1")),
        ],
        "certificateAuthorities": [_authority(one, keys) for one in keys.all("authority")],
        "ctlogs": [_log(one, "PKIX_ECDSA_P256_SHA_256", _key_id(one)) for one in keys.all("certificates")],
        "timestampAuthorities": [_authority(one, keys, TIME_PATH) for one in keys.all("time")],
    }


def signing_config_of(keys: Keyring, base: str) -> dict[str, Any]:
    """``signing_config.v0.2.json``: where to sign. ``base`` is the address of this Sigstore, without a slash."""

    def service(path: str, version: int, since: datetime) -> dict[str, Any]:
        return {
            "url": base + path, "majorApiVersion": version, "validFor": {"start": _moment(since)}, "operator": OPERATOR,
        }  # fmt: skip

    first = min(keys.record(role).since for role in ("authority", "entries-v1", "entries-v2", "time", "people"))
    return {
        "mediaType": CONFIG_TYPE,
        "caUrls": [service("", 1, first)],
        "oidcUrls": [service(OIDC_PATH, 1, first)],
        "rekorTlogUrls": [service("", 2, first), service("", 1, first)],
        "tsaUrls": [service(TIME_PATH, 1, first)],
        "rekorTlogConfig": {"selector": "ANY"},
        "tsaConfig": {"selector": "ANY"},
    }


def trust_config_of(keys: Keyring, base: str) -> dict[str, Any]:
    """Both, as ``sigstore --trust-config`` takes them."""
    return {
        "mediaType": TRUST_CONFIG_TYPE,
        "trustedRoot": trusted_root_of(keys),
        "signingConfig": signing_config_of(keys, base),
    }


def log_id_v2(record: KeyRecord) -> bytes:
    """How the second version of Rekor names a log's key: the id of the key that signs its checkpoints (C2SP)."""
    return note_key(record).id


def note_key(record: KeyRecord) -> NoteKey:
    """The key of the log of signatures, as it signs checkpoints."""
    return NoteKey(record.origin, ED25519, raw_ed25519(record.public_der))


def _key_id(record: KeyRecord) -> bytes:
    return hashlib.sha256(record.public_der).digest()


def _log(record: KeyRecord, details: str, key_id: bytes) -> dict[str, Any]:
    return {
        "baseUrl": record.url,
        "hashAlgorithm": "SHA2_256",
        "publicKey": {"rawBytes": _base64(record.public_der), "keyDetails": details, "validFor": _valid(record)},
        "logId": {"keyId": _base64(key_id)},
    }


def _authority(record: KeyRecord, keys: Keyring, path: str = "") -> dict[str, Any]:
    own = x509.load_der_x509_certificate(record.certificates[0])
    name = own.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
    return {
        "subject": {"organization": OPERATOR, "commonName": str(name)},
        "uri": keys.all("entries-v2")[0].url + path,
        "certChain": {"certificates": [{"rawBytes": _base64(one)} for one in record.certificates]},
        "validFor": _valid(record),
    }


def _valid(record: KeyRecord) -> Mapping[str, str]:
    start = {"start": _moment(record.since)}
    return start if record.until is None else {**start, "end": _moment(record.until)}


def _moment(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def _base64(body: bytes) -> str:
    return base64.b64encode(body).decode()

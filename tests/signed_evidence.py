"""What experts sign of the files that they hand in: an in-toto statement, in a DSSE envelope."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from customhouse.formats.dsse import IN_TOTO, pae

SLSA, LINK = "https://slsa.dev/provenance/v1", "https://in-toto.io/attestation/link/v0.3"


def statement(files: Iterable[Path], commit: str, kind: str = SLSA) -> bytes:
    source = [{"uri": "git+https://example.org/demo", "digest": {"gitCommit": commit}}]
    predicate: dict[str, Any] = (
        {"buildDefinition": {"resolvedDependencies": source}} if kind == SLSA else {"materials": source}
    )
    subjects = [{"name": one.name, "digest": {"sha256": hashlib.sha256(one.read_bytes()).hexdigest()}} for one in files]
    whole = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": subjects,
        "predicateType": kind,
        "predicate": predicate,
    }
    return json.dumps(whole).encode()


def envelope(payload: bytes, key: Ed25519PrivateKey) -> str:
    signature = base64.b64encode(key.sign(pae(IN_TOTO, payload))).decode()
    return json.dumps(
        {
            "payload": base64.b64encode(payload).decode(),
            "payloadType": IN_TOTO,
            "signatures": [{"sig": signature}],
        }
    )

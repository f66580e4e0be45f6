"""The file with the keys of the private Sigstore: beside the server's other keys, outside the database (0600).

For each role it holds the keys in the order in which they were used. The last one signs; of those before only the
public half and the certificates are left, with the time of their use. A private key is in the file itself, or in a
hardware module of which the file knows the label.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from customhouse.infra.private_file import write_private
from customhouse.infra.settings import Settings
from customhouse.terms.errors import Unavailable

WHO = "The keys of the private Sigstore"


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """One key of one role. Never printed."""

    since: datetime
    until: datetime | None
    """Until when it signed; None: it still does."""
    public_der: bytes
    """SubjectPublicKeyInfo."""
    private_der: bytes = b""
    """PKCS #8, without a password; empty where it lies elsewhere or is gone."""
    hardware_label: str = ""
    certificates: tuple[bytes, ...] = ()
    """DER, the key's own first, the root last."""
    origin: str = ""
    """Of a log: how its checkpoints begin."""
    url: str = ""
    """Of a log: where it was when the key was made."""

    def __repr__(self) -> str:
        return f"KeyRecord({self.since:%Y-%m-%d}, …)"


KeyFile = Mapping[str, tuple[KeyRecord, ...]]
"""By role, the oldest first."""


def sigstore_keys_path(settings: Settings) -> Path:
    """Where the file lies."""
    return settings.sigstore_keys_file or settings.data / "sigstore-keys.json"


def read_sigstore_keys(path: Path) -> KeyFile:
    """What the file holds; raises `Unavailable` if it is missing or damaged."""
    try:
        told = json.loads(path.read_text())
        return {role: tuple(_read(one) for one in listed) for role, listed in told["roles"].items()}
    except FileNotFoundError as error:
        raise Unavailable(WHO, f"{path} is not there; `customhouse sigstore keys` makes it") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Unavailable(WHO, f"{path} cannot be read: {error}") from error


def write_sigstore_keys(path: Path, keys: KeyFile, *, replaces: bool) -> None:
    """Write the file durably. Without ``replaces`` a file that is there stays."""
    text = json.dumps({"roles": {role: [_written(one) for one in listed] for role, listed in keys.items()}}, indent=1)
    write_private(path, f"{text}\n", replaces=replaces)


def _written(record: KeyRecord) -> dict[str, Any]:
    found = {
        "since": record.since.isoformat(),
        "until": None if record.until is None else record.until.isoformat(),
        "public": _base64(record.public_der),
        "private": _base64(record.private_der),
        "hardware": record.hardware_label,
        "certificates": [_base64(one) for one in record.certificates],
        "origin": record.origin,
        "url": record.url,
    }
    return {name: value for name, value in found.items() if value or name == "until"}


def _read(told: Mapping[str, Any]) -> KeyRecord:
    until = told.get("until")
    return KeyRecord(
        datetime.fromisoformat(told["since"]),
        None if until is None else datetime.fromisoformat(until),
        _bytes(told["public"]),
        _bytes(told.get("private", "")),
        told.get("hardware", ""),
        tuple(_bytes(one) for one in told.get("certificates", ())),
        told.get("origin", ""),
        told.get("url", ""),
    )


def _base64(body: bytes) -> str:
    return base64.b64encode(body).decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)

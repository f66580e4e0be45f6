"""What an index shows to installers (PEP 691), asked for one thing: is this file published already?"""

from __future__ import annotations

from typing import Any

from customhouse.client.problem import Declined
from customhouse.client.wire import Wire
from customhouse.terms.errors import Unavailable

MEDIA_TYPE = "application/vnd.pypi.simple.v1+json"


def published_digest(wire: Wire, normalized: str, filename: str) -> str | None:
    """The SHA-256 of a published file, or None if there is none or the index does not tell."""
    try:
        answer = wire.ask("GET", wire.index.simple(normalized), headers={"Accept": MEDIA_TYPE}, what="project page")
        listed: Any = answer.json(wire.index.host).get("files")
    except (Declined, Unavailable):
        return None
    for one in listed if isinstance(listed, list) else []:
        if isinstance(one, dict) and one.get("filename") == filename and isinstance(one.get("hashes"), dict):
            digest = one["hashes"].get("sha256")
            return str(digest).lower() if digest is not None else None
    return None

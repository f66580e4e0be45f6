"""The Dead Simple Signing Envelope (DSSE 1.0): what a signature in one is of."""

from __future__ import annotations

IN_TOTO = "application/vnd.in-toto+json"
"""The payload type of in-toto's statements."""


def pae(payload_type: str, payload: bytes) -> bytes:
    """The pre-authentication encoding: what is really signed."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)

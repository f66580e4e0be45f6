"""Signatures after "Standard Webhooks" 1.0.0 (symmetric, ``v1``), with keys that no database holds.

A hook's key is ``HMAC-SHA256(server key, "webhook" 0 id 0 epoch)``. It is shown once, as ``whsec_`` and base64. What is
signed is ``id.timestamp.body``, with the bytes exactly as they are sent; the identifier and the time hold no full stop.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime

from customhouse.hooks.model import BOTH_KEYS_FOR, Hook

PREFIX = "whsec_"


def hook_key(server_key: bytes, hook_id: str, epoch: int) -> bytes:
    """The 32 bytes that a hook's deliveries of this epoch are signed with."""
    return hmac.digest(server_key, b"webhook\0" + hook_id.encode() + b"\0" + str(epoch).encode(), hashlib.sha256)


def written(key: bytes) -> str:
    """A key as people copy it."""
    return PREFIX + base64.b64encode(key).decode()


def keys_of(server_key: bytes, hook: Hook, now: datetime) -> list[bytes]:
    """The key of now, and for a day after a rotation the one before, so that receivers need not change at once."""
    keys = [hook_key(server_key, hook.id, hook.epoch)]
    if hook.rotated_at is not None and hook.epoch > 1 and now - hook.rotated_at < BOTH_KEYS_FOR:
        keys.append(hook_key(server_key, hook.id, hook.epoch - 1))
    return keys


def message_id(hook_id: str, serial: int) -> str:
    """The same for every attempt at one delivery, so that a receiver can tell that he has it already."""
    return f"msg_{hook_id}_{serial}"


def signed_headers(identifier: str, at: datetime, body: bytes, keys: Sequence[bytes]) -> Mapping[str, str]:
    """The three headers of the specification, one signature for each key."""
    timestamp = str(int(at.timestamp()))
    content = f"{identifier}.{timestamp}.".encode() + body
    signatures = [base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode() for key in keys]
    return {
        "webhook-id": identifier,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }

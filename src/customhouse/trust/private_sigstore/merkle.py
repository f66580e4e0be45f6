"""The two hashes of which Merkle trees of RFC 6962, section 2.1, are made. The trees themselves: `tiles.py`."""

from __future__ import annotations

import hashlib


def leaf_hash(body: bytes) -> bytes:
    """The hash of one leaf."""
    return hashlib.sha256(b"\0" + body).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node."""
    return hashlib.sha256(b"\1" + left + right).digest()

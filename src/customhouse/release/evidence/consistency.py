"""Whether one tree of a log has grown out of another: a consistency proof, verified (RFC 9162, section 2.1.4.2)."""

from __future__ import annotations

import hmac
from collections.abc import Sequence

from customhouse.trust.private_sigstore.merkle import node_hash


def consistent(old: int, new: int, old_root: bytes, new_root: bytes, hashes: Sequence[bytes]) -> bool:
    """Whether the first ``old`` leaves of the new tree are those of the old one."""
    if old == new:
        return not hashes and hmac.compare_digest(old_root, new_root)
    if not 0 < old < new:
        return old == 0 and not hashes
    path = list(hashes) if old & (old - 1) else [old_root, *hashes]
    if not path:
        return False
    first, last = old - 1, new - 1
    while first & 1:
        first, last = first >> 1, last >> 1
    small = large = path[0]
    for one in path[1:]:
        if last == 0:
            return False
        if first & 1 or first == last:
            small, large = node_hash(one, small), node_hash(one, large)
            while not first & 1 and first:
                first, last = first >> 1, last >> 1
        else:
            large = node_hash(large, one)
        first, last = first >> 1, last >> 1
    return last == 0 and hmac.compare_digest(small, old_root) and hmac.compare_digest(large, new_root)

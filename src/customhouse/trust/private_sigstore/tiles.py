"""Merkle trees (RFC 6962, section 2.1) kept as tiles of 256 hashes (C2SP tlog-tiles): O(log n) for everything.

A tile of level L and number N holds the roots of 256 complete subtrees of ``256**L`` leaves each, those from
``256 * N`` on. Only the last tile of a level is not full, and it only grows; so what was read once stays true.
Whoever has a function that gives tiles can compute roots and proofs here: the log from its rows, a monitor over HTTP.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from functools import lru_cache

from customhouse.trust.private_sigstore.merkle import node_hash

WIDTH = 256
HASH_BYTES = 32
_LEVELS = 8
"""Levels of the tree in one level of tiles."""
EMPTY = hashlib.sha256().digest()
"""The root of nothing."""

Tiles = Callable[[int, int], bytes]
"""``tiles(level, number)``: the hashes of one tile, one after the other; at least those that the size asks for."""


def width_of(level: int, number: int, size: int) -> int:
    """How many hashes a tile has in a tree of this size; 0 if it has no such tile."""
    complete = size >> (_LEVELS * level)
    return max(0, min(WIDTH, complete - number * WIDTH))


def root_of(tiles: Tiles, size: int) -> bytes:
    """The root of the tree of the first ``size`` leaves."""
    return _range_hash(remembering(tiles), 0, size) if size else EMPTY


def prove_inclusion(tiles: Tiles, index: int, size: int) -> list[bytes]:
    """The hashes that lead from a leaf to the root of the first ``size`` leaves, lowest first; 0 <= index < size."""
    tiles, found, low, high = remembering(tiles), [], 0, size
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            found.append(_range_hash(tiles, middle, high))
            high = middle
        else:
            found.append(_range_hash(tiles, low, middle))
            low = middle
    return found[::-1]


def prove_consistency(tiles: Tiles, old: int, size: int) -> list[bytes]:
    """The hashes by which the tree of ``old`` leaves is seen to be the beginning of that of ``size`` (RFC 6962, 2.1.2).

    Nothing needs to be proved if one of them is empty or both are the same: then there are no hashes.
    """
    if not 0 < old < size:
        return []
    tiles, found, low, high, whole = remembering(tiles), [], 0, size, True
    while old != high:
        middle = low + _split(high - low)
        if old <= middle:
            found.append(_range_hash(tiles, middle, high))
            high = middle
        else:
            found.append(_range_hash(tiles, low, middle))
            low, whole = middle, False
    if not whole:
        found.append(_range_hash(tiles, low, high))
    return found[::-1]


def includes(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether a proof shows the hash of a leaf to be in the tree of this size and root (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    node, last, found = index, size - 1, leaf
    for one in proof:
        if not last:
            return False
        if node & 1 or node == last:
            found = node_hash(one, found)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            found = node_hash(found, one)
        node, last = node >> 1, last >> 1
    return last == 0 and found == root


def is_consistent(old: int, old_root: bytes, size: int, root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether a proof shows that a tree has only grown (RFC 9162, 2.1.4.2)."""
    if not 0 <= old <= size:
        return False
    if old in (0, size):
        return not proof and old_root == (root if old == size else EMPTY)
    hashes = list(proof)
    if old & (old - 1) == 0:
        hashes.insert(0, old_root)
    if not hashes:
        return False
    node, last = old - 1, size - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    found_old = found = hashes[0]
    for one in hashes[1:]:
        if not last:
            return False
        if node & 1 or node == last:
            found_old, found = node_hash(one, found_old), node_hash(one, found)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            found = node_hash(found, one)
        node, last = node >> 1, last >> 1
    return last == 0 and found_old == old_root and found == root


def remembering(tiles: Tiles) -> Tiles:
    """Each tile is asked for once."""
    known: dict[tuple[int, int], bytes] = {}

    def tile(level: int, number: int) -> bytes:
        if (level, number) not in known:
            known[level, number] = tiles(level, number)
        return known[level, number]

    return tile


def _range_hash(tiles: Tiles, low: int, high: int) -> bytes:
    """The hash of the leaves from ``low`` to before ``high``; ``low`` is a multiple of the next power of two."""
    count = high - low
    if count & (count - 1) == 0:
        return _complete(tiles, low, count.bit_length() - 1)
    middle = low + _split(count)
    return node_hash(_range_hash(tiles, low, middle), _range_hash(tiles, middle, high))


def _complete(tiles: Tiles, low: int, height: int) -> bytes:
    """The root of one complete subtree of ``2**height`` leaves."""
    level, rest = divmod(height, _LEVELS)
    place = low >> (_LEVELS * level)
    tile = tiles(level, place // WIDTH)
    start = place % WIDTH * HASH_BYTES
    part = tile[start : start + (HASH_BYTES << rest)]
    if len(part) != HASH_BYTES << rest:
        raise ValueError(
            f"tile {place // WIDTH} of level {level} has {len(tile) // HASH_BYTES} hashes, which is too few"
        )
    return subtree_root(part)


@lru_cache(maxsize=1024)
def subtree_root(hashes: bytes) -> bytes:
    """The root over a power of two of hashes that stand one after the other; of those asked for lately, remembered."""
    nodes = [hashes[start : start + HASH_BYTES] for start in range(0, len(hashes), HASH_BYTES)]
    while len(nodes) > 1:
        nodes = [node_hash(left, right) for left, right in zip(nodes[::2], nodes[1::2], strict=True)]
    return nodes[0]


def _split(size: int) -> int:
    """The largest power of two below a size of at least two."""
    return 1 << ((size - 1).bit_length() - 1)


def path_of(number: int) -> str:
    """How addresses spell the number of a tile: groups of three digits, all but the last with an x before them."""
    groups = [f"{number % 1000:03d}"]
    while number := number // 1000:
        groups.insert(0, f"x{number % 1000:03d}")
    return "/".join(groups)


def address_of(level: int | str, number: int, width: int) -> str:
    """Where a log has a tile of this many hashes, below its own address; level ``entries`` has what they are of."""
    return f"tile/{level}/{path_of(number)}" + ("" if width == WIDTH else f".p/{width}")

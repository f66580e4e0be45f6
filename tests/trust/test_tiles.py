"""The tree of tiles against the tree of RFC 6962 that is computed from all leaves, for every size up to 300."""

from __future__ import annotations

import hashlib
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from customhouse.trust.private_sigstore.merkle import leaf_hash
from customhouse.trust.private_sigstore.tiles import (
    EMPTY,
    HASH_BYTES,
    WIDTH,
    includes,
    is_consistent,
    path_of,
    prove_consistency,
    prove_inclusion,
    root_of,
    subtree_root,
    width_of,
)
from memory_sigstore import consistency_proof, inclusion_proof, tree_hash

MOST = 300
LEAVES = [leaf_hash(b"%d" % number) for number in range(70_000)]
ROOTS = [tree_hash(LEAVES[:size]) for size in range(MOST + 1)]


@cache
def tiles(level: int, number: int) -> bytes:
    """As the log keeps them, all full that can be."""
    if level == 0:
        return b"".join(LEAVES[number * WIDTH : (number + 1) * WIDTH])
    below = (tiles(level - 1, one) for one in range(number * WIDTH, (number + 1) * WIDTH))
    return b"".join(subtree_root(one) for one in below if len(one) == WIDTH * HASH_BYTES)


def test_the_root_of_every_size_is_that_of_rfc_6962() -> None:
    assert [root_of(tiles, size) for size in range(MOST + 1)] == ROOTS
    assert ROOTS[0] == EMPTY == hashlib.sha256().digest()


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 255, 256, 257, 299, MOST])
def test_every_entry_of_a_log_is_proved_as_rfc_6962_has_it(size: int) -> None:
    for index in range(size):
        proof = prove_inclusion(tiles, index, size)
        assert proof == inclusion_proof(index, LEAVES[:size])
        assert includes(LEAVES[index], index, size, proof, ROOTS[size])
        assert not includes(LEAVES[index + 1], index, size, proof, ROOTS[size])
        assert not includes(LEAVES[index], index + 1, size, proof, ROOTS[size]) or size == 1


def test_every_entry_of_every_size_is_included() -> None:
    for size in range(1, MOST + 1):
        for index in {0, size // 3, size // 2, size - 1}:
            assert includes(LEAVES[index], index, size, prove_inclusion(tiles, index, size), ROOTS[size])


def test_every_size_is_consistent_with_every_earlier_one() -> None:
    for size in range(MOST + 1):
        for old in range(size + 1):
            proof = prove_consistency(tiles, old, size)
            assert is_consistent(old, ROOTS[old], size, ROOTS[size], proof), (old, size)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 20, 255, 256, 257, MOST])
def test_that_a_log_has_grown_is_proved_as_rfc_6962_has_it(size: int) -> None:
    for old in range(1, size + 1):
        assert prove_consistency(tiles, old, size) == consistency_proof(old, LEAVES[:size])


def test_a_proof_holds_for_no_other_pair_of_sizes() -> None:
    for old, size in ((1, 2), (3, 8), (4, 8), (100, 256), (256, 300)):
        proof = prove_consistency(tiles, old, size)
        assert not is_consistent(old, ROOTS[old + 1], size, ROOTS[size], proof)
        assert not is_consistent(old, ROOTS[old], size, ROOTS[size - 1], proof)
        assert not is_consistent(old, ROOTS[old], size, ROOTS[size], [*proof, EMPTY])
        assert not is_consistent(old, ROOTS[old], size, ROOTS[size], proof[:-1])
        assert not is_consistent(size, ROOTS[size], old, ROOTS[old], proof)


@settings(deadline=None, max_examples=40)
@given(some.integers(1, 70_000), some.integers(0, 70_000), some.data())
def test_large_trees_prove_what_they_hold_and_nothing_else(size: int, old: int, data: some.DataObject) -> None:
    index = data.draw(some.integers(0, size - 1))
    root, old = root_of(tiles, size), min(old, size)
    proof = prove_inclusion(tiles, index, size)
    assert len(proof) <= 17
    assert includes(LEAVES[index], index, size, proof, root)
    if proof:
        broken = list(proof)
        broken[data.draw(some.integers(0, len(proof) - 1))] = EMPTY
        assert not includes(LEAVES[index], index, size, broken, root)
    assert is_consistent(old, root_of(tiles, old), size, root, prove_consistency(tiles, old, size))


def test_a_tile_that_is_too_short_is_an_error_and_no_proof() -> None:
    with pytest.raises(ValueError, match="too few"):
        root_of(lambda _level, _number: b"", 5)


def test_numbers_of_tiles_are_spelled_in_threes() -> None:
    assert [path_of(number) for number in (0, 7, 999, 1000, 1234067)] == [
        "000", "007", "999", "x001/000", "x001/x234/067",
    ]  # fmt: skip


def test_only_the_last_tile_of_a_level_is_not_full() -> None:
    assert [width_of(0, number, 600) for number in range(4)] == [256, 256, 88, 0]
    assert [width_of(1, number, 600) for number in range(2)] == [2, 0]
    assert width_of(2, 0, 600) == 0

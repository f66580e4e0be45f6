"""Sizes as people type them."""

from __future__ import annotations

import pytest

from customhouse.formats.sizes import parse_size
from customhouse.terms.errors import Rejected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("4096", 4096), ("1 kB", 1024), ("500 MB", 500 * 2**20), ("1.5 GiB", 3 * 2**29), ("2g", 2 * 2**30),
        ("1 TB", 2**40), (" 7 B ", 7), ("0.001 MB", 1048), ("10 bytes", 10),
    ],
)  # fmt: skip
def test_units_are_powers_of_1024(text: str, expected: int) -> None:
    assert parse_size(text) == expected


@pytest.mark.parametrize("text", ["", "much", "-1", "1e9", "5 apples", "1,5 GB", "٣ MB", "1" * 16, "1 PB"])
def test_what_is_no_size_is_rejected(text: str) -> None:
    with pytest.raises(Rejected, match="no size"):
        parse_size(text)

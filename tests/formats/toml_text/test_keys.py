"""What `tomllib` would take minutes for is found in a moment."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest

from customhouse.formats.inventory.toml_lock import read_lock_toml
from customhouse.formats.policy.read import read_policy
from customhouse.formats.toml_text.keys import deep_key_line
from customhouse.terms.errors import Rejected

PARTS = 50_000
DEEP = [
    "a" + ".b" * PARTS + " = 1",
    "[a" + ".b" * PARTS + "]",
    "[[a" + " . b" * PARTS + "]]",
    'x = { y = """\n#""", a' + ".b" * PARTS + " = 1 }",
    "'a'" + ".'\"'" * PARTS + " = 1",
    '"a\\""' + '."b"' * PARTS + " = 1",
]


@pytest.mark.parametrize("text", DEEP, ids=range(len(DEEP)))
def test_a_key_of_many_parts_is_refused_at_once(text: str) -> None:
    began = time.monotonic()
    with pytest.raises(Rejected, match="nested"):
        read_policy(f"\n{text}\n", now=datetime(2026, 11, 28, tzinfo=UTC))
    with pytest.raises(Rejected, match="nested"):
        read_lock_toml(f"\n{text}\n", "uv.lock")
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    "text", ["," * 200_000, "a" * 200_000, "'," * 100_000, '{"' * 100_000, "a." * 60 + "b = 1", "# " + "." * 200_000]
)
def test_everything_else_is_let_through_and_looked_at_once(text: str) -> None:
    began = time.monotonic()
    assert deep_key_line(text) == 0
    assert time.monotonic() - began < 2

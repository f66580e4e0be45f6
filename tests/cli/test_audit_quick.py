"""The quick reader of flags reads what cyclopts reads, or leaves it to cyclopts."""

from __future__ import annotations

from typing import Any

import pytest
from cyclopts import CycloptsError
from hypothesis import given, settings
from hypothesis import strategies as st

from customhouse.cli.audit_app import app
from customhouse.cli.audit_flags import Flags
from customhouse.cli.audit_quick import COMMANDS, read_flags

WORDS = [
    "--offline", "--refresh", "--no-dev", "--no-index", "--snapshot", "--output", "-o", "--baseline", "--level", "--format",
    "-f", "--old-after-days", "--vex", "--ignore", "--help", "--", "-", "-x", "--offline=true", "--level=high", "low", "high",
    "json", "sarif", "table", "terrible", "7", "-7", "007", "1_000", "uv.lock", "a b", "", "x.sqlite", "override",
    "--no-offline", "--no-vex", "é.txt",
]  # fmt: skip


def by_cyclopts(words: list[str]) -> Flags | None:
    """What cyclopts makes of it; None for what it refuses."""
    try:
        _, bound, _ = app.parse_args(words, exit_on_error=False, print_error=False)
    except CycloptsError:
        return None
    found = {key: tuple(value) if isinstance(value, list) else value for key, value in bound.arguments.items()}
    said: dict[str, Any] = {name: found.get(name, default) for name, default in Flags._field_defaults.items()}
    return Flags(**said)


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(WORDS), max_size=7))
def test_whatever_is_read_quickly_is_read_as_cyclopts_reads_it(words: list[str]) -> None:
    quick = read_flags(words)
    assert quick is None or quick == by_cyclopts(words)


@pytest.mark.parametrize(
    "words",
    [
        [], ["uv.lock"], ["uv.lock", "requirements.txt", "--offline"],
        ["--level", "high", "-f", "sarif", "-o", "x.sarif", "uv.lock", "--no-dev", "--no-index", "--no-vex", "--snapshot", "s"],
    ],
)  # fmt: skip
def test_what_people_type_most_is_read_quickly(words: list[str]) -> None:
    quick = read_flags(words)
    assert quick is not None
    assert quick == by_cyclopts(words)


@pytest.mark.parametrize(
    "words", [["--help"], ["--vex", "x"], ["--level=high"], ["override", "list"], ["--offline", "--offline"]]
)
def test_anything_else_is_left_to_cyclopts(words: list[str]) -> None:
    assert read_flags(words) is None


def test_every_command_below_is_known() -> None:
    assert set(app) - {"--help", "-h", "--version"} == COMMANDS

"""Versions and specifiers from outside: what is read, and that whatever is not is no fault of ours."""

from __future__ import annotations

import pytest
from packaging.specifiers import Specifier
from packaging.version import Version

from customhouse.terms.errors import Rejected
from customhouse.terms.versions import LONGEST_VERSION, are_short, parse_version, specifiers_of, version_of

NINES = "9" * 5000
"""More digits than Python converts to a number."""


@pytest.mark.parametrize("text", ["1.0", "v1.0.0rc1", "1!2+mine", " 1.0 ", "9" * LONGEST_VERSION])
def test_a_version_is_read(text: str) -> None:
    assert version_of(text) == parse_version(text, "here") == Version(text)


@pytest.mark.parametrize(
    "text", ["", "x", "1.0 2", "9" * (LONGEST_VERSION + 1), NINES, f"1.{NINES}", f"1.0rc{NINES}", f"1!{NINES}", "\0"]
)
def test_what_is_no_version_is_none_or_rejected_by_its_place_and_code(text: str) -> None:
    assert version_of(text) is None
    with pytest.raises(Rejected) as refused:
        parse_version(text, "here", "bad-form")
    assert (refused.value.where, refused.value.code) == ("here", "bad-form")
    assert len(str(refused.value)) < 300


@pytest.mark.parametrize("text", ["", ">=1.2,<2", "==1.*", "~=1.4.2", "===odd"])
def test_specifiers_are_read(text: str) -> None:
    found = specifiers_of(text)
    assert found is not None
    assert {str(one) for one in found} == {part for part in text.split(",") if part}


@pytest.mark.parametrize(
    "text", ["1.0", ">=x", f">={NINES}", f">=1,<{NINES}", f"=={NINES}.*", f"==1.{NINES}", ">=1," * 999]
)
def test_what_are_no_specifiers_is_none(text: str) -> None:
    assert specifiers_of(text) is None


def test_specifiers_that_name_a_version_too_long_are_told_apart() -> None:
    assert are_short([Specifier(">=1"), Specifier("==1.*")])
    assert not are_short([Specifier(">=1"), Specifier(f"<{NINES}")])

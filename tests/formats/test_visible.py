"""A41: text of a package is shown as it is, however it wants to look."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customhouse.formats.visible import BIDI, Part, visible_parts


@pytest.mark.parametrize(
    ("character", "number"),
    [
        ("\u202e", "U+202E"), ("\u2066", "U+2066"), ("\u200b", "U+200B"), ("\u200d", "U+200D"), ("\ufeff", "U+FEFF"),
        ("\x1b", "U+001B"), ("\r", "U+000D"), ("\x0c", "U+000C"), ("\x7f", "U+007F"), ("\x85", "U+0085"),
        ("\u2028", "U+2028"), ("\u00a0", "U+00A0"), ("\u3000", "U+3000"), ("\u00ad", "U+00AD"), ("\u3164", "U+3164"),
        ("\ufe0f", "U+FE0F"), ("\U000e0041", "U+E0041"), ("\U000e0100", "U+E0100"), ("\ue000", "U+E000"),
        ("\u115f", "U+115F"), ("\u2800", "U+2800"),
    ],
)  # fmt: skip
def test_a_character_without_a_picture_is_shown_by_its_number(character: str, number: str) -> None:
    assert visible_parts(f"a{character}b") == [Part("a"), Part(number, odd=True), Part("b")]


@pytest.mark.parametrize("text", ["", "plain", "\tindented  twice", "grüße 你好 שלום", "naïve — “quoted” €"])
def test_ordinary_text_of_any_script_stays_as_it_is(text: str) -> None:
    assert visible_parts(text) == ([Part(text)] if text else [])


@given(st.text())
def test_nothing_is_lost_and_nothing_unseen_is_left(text: str) -> None:
    parts = visible_parts(text)
    assert "".join(chr(int(part.text.removeprefix("U+"), 16)) if part.odd else part.text for part in parts) == text
    shown = "".join(part.text for part in parts if not part.odd)
    assert not BIDI.search(shown)
    assert all(one in " \t" or unicodedata.category(one)[0] not in "CZ" for one in shown)

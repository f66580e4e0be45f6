"""Texts become words, and words hold nothing that a query language knows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customhouse.formats.search_words import MAX_WORD, as_name, name_words, words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Foo-Bar_2.x", ["foo", "bar", "2", "x"]),
        ("Füße, déjà vu", ["fusse", "deja", "vu"]),
        ("a/b\\c:d*e'f\"g(h)^i|j&k", list("abcdefghijk")),
        ("NEAR(foo bar, 2) OR NOT -x", ["near", "foo", "bar", "2", "or", "not", "x"]),
        ("Ⅷ ﬁne ２", ["viii", "fine", "2"]),
        ("数据 набор", ["数据", "набор"]),
        ("😀 \x00\ud800 --- ''", []),
        ("x" * 500, ["x" * MAX_WORD]),
    ],
)
def test_a_text_is_parted_at_all_that_is_neither_letter_nor_digit(text: str, expected: list[str]) -> None:
    assert list(words(text)) == expected


def test_a_name_is_found_by_its_words_and_by_all_of_them_as_one() -> None:
    assert name_words("Foo-Bar.baz") == ["foo", "bar", "baz", "foobarbaz"]
    assert name_words("demo") == ["demo"]
    assert {as_name(text) for text in ("Foo Bar", "foo_bar", "FOO--bar", " foo.bar ")} == {"foo-bar"}


@given(st.text())
def test_a48_a_word_is_letters_and_digits_and_nothing_else(text: str) -> None:
    for word in words(text):
        assert word.isalnum()
        assert 0 < len(word) <= MAX_WORD

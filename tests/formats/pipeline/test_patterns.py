"""Patterns mean what Python's regular expressions mean, take linear time, and can be asked what they let in."""

from __future__ import annotations

import re
import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customhouse.formats.pipeline.patterns import LONGEST, BadPattern, read_pattern

_atom = st.sampled_from(["a", "b", r"\d", r"\w", ".", "[ab]", "[^a]", "[a-c0]", r"\.", r"\-", "-", r"[\d.]"])
_patterns = st.recursive(
    _atom,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map(lambda pair: f"({pair[0]}|{pair[1]})"),
        st.tuples(inner, st.sampled_from(["?", "*", "+", "{2}", "{1,3}", "{2,}", "{,2}"])).map(
            lambda pair: f"(?:{pair[0]}){pair[1]}"
        ),
    ),
    max_leaves=6,
)


@given(_patterns, st.text("ab01.-c\n", max_size=8))
def test_a_pattern_means_what_python_means(pattern: str, value: str) -> None:
    assert read_pattern(pattern).matches(value) is (re.fullmatch(pattern, value, re.ASCII) is not None)


@given(_patterns, st.text("ab01.-c", min_size=1, max_size=8))
def test_what_matches_was_let_in(pattern: str, value: str) -> None:
    found = read_pattern(pattern)
    if found.matches(value):
        assert set(found.admits(value)) == set(value)
        assert found.may_begin_with(value[0])


@pytest.mark.parametrize(
    "pattern", ["(a|a)*b", "(a*)*b", r"\w*\w*\w*\w*\w*\w*\w*\w*!", "(a?){100}b", "((a|b)*(a|b)*)*c"]
)
def test_no_pattern_takes_long(pattern: str) -> None:
    began = time.perf_counter()
    assert not read_pattern(pattern).matches("a" * 200)
    assert time.perf_counter() - began < 1


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("(", "ends too early|without its"), ("a)", "without its"), ("[a", "ends too early"), ("*a", "repeats nothing"),
        ("a**", "one repetition after the other"), ("a+?", "one repetition after the other"), ("^a$", "not needed"),
        (r"(a)\1", "not understood"), ("(?=a)", "are understood"), ("(?P<x>a)", "are understood"), ("a{x}", "counts nothing"),
        ("a{3,1}", "counts down"), ("[z-a]", "leads nowhere"), (r"\bа", "not understood"), ("é", "not ASCII"),
        ("((a{99}){99}){99}", "at most 2000"), ("a" * (LONGEST + 1), "at most 200"), ("\\", "ends too early"),
    ],
)  # fmt: skip
def test_what_is_not_understood_is_refused(pattern: str, why: str) -> None:
    with pytest.raises(BadPattern, match=why):
        read_pattern(pattern)


@given(st.text(max_size=30))
def test_any_text_is_a_pattern_or_refused(text: str) -> None:
    with suppress(BadPattern):
        read_pattern(text).matches("a")


def test_a_pattern_says_what_it_lets_in() -> None:
    assert read_pattern(r"\d+(\$|x)?").admits("$;1") == "$1"
    assert read_pattern(r"[\w-]+").may_begin_with("-")
    assert not read_pattern(r"\w[\w-]*").may_begin_with("-")


def test_what_leads_nowhere_is_not_let_in() -> None:
    # [^\x00-\x7f]-like: a class that no letter is in can never be passed.
    assert read_pattern(r"a|;[^\w\W]").admits(";") == ""

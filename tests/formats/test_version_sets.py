"""That one set of versions lies within another is decided exactly, over all versions that there can be."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from customhouse.formats.version_sets import compare
from customhouse.terms.errors import Rejected


@pytest.mark.parametrize(
    ("first", "second", "within", "contains"),
    [
        (">=1,<3", ">=1", True, False),
        ("<4", "<2", False, True),
        ("<3", ">=1", False, False),
        (">=1", ">=1.0", True, True),
        ("~=1.2", ">=1.2,==1.*", True, True),
        # A pre-release of 1 is in the series and not from 1 on.
        ("==1.*", ">=1,<2", False, True),
        (">1", ">=1,!=1", True, False),
        ("==1.0+local", "==1.0", True, False),
        ("", "!=1.0", False, True),
        ("==1.3.*", ">=1.3.dev0,<1.4.dev0", True, False),
        ("<1!1", "<5", False, True),
        # Who names a pre-release lets installers take pre-releases, which the other does not.
        (">=1,<3a1", ">=1", False, False),
        (">=1a1", ">=1", False, True),
        (">=1,!=2a1", ">=1", True, False),
    ],
)
def test_sets_lie_to_each_other_as_pep_440_says(first: str, second: str, within: bool, contains: bool) -> None:
    found = compare(SpecifierSet(first), SpecifierSet(second))
    assert (found.within, found.contains) == (within, contains)


@pytest.mark.parametrize("text", ["==1,==2", "<1,>=1", "<0", ">1,<1", "==1.*,!=1.*", "~=1.2,<1.2"])
def test_a_set_without_any_version_is_known_as_empty(text: str) -> None:
    assert compare(SpecifierSet(text), SpecifierSet()).empty


def test_text_is_not_compared_as_versions() -> None:
    with pytest.raises(Rejected, match="compares text"):
        compare(SpecifierSet("===1.0"), SpecifierSet())


def test_a_set_that_would_take_minutes_is_refused() -> None:
    text = ",".join(f"!=1.0a{number}.post{number}.dev{number}" for number in range(60))
    with pytest.raises(Rejected, match="too many"):
        compare(SpecifierSet(text), SpecifierSet())


@pytest.mark.parametrize("count", [41, 55, 140])
def test_a_set_that_fits_into_a_requirement_and_would_take_a_second_is_refused(count: int) -> None:
    """A hundred amendments of one project stand on one page, and whoever reads it compares them."""
    text = ",".join(f"!={number}" if count > 100 else f"!={number}a1.post1.dev1" for number in range(count))
    assert len(text) < 1000
    began = time.perf_counter()
    with pytest.raises(Rejected, match="too many"):
        compare(SpecifierSet(f">=1,{text}"), SpecifierSet(">=1"))
    assert time.perf_counter() - began < 1


def test_thirty_versions_can_be_shut_out_at_once() -> None:
    text = ",".join(f"!=1.{number}" for number in range(30))
    assert compare(SpecifierSet(f">=1,{text}"), SpecifierSet(">=1")).within


RELEASES = st.lists(st.integers(0, 2), min_size=1, max_size=3).map(lambda parts: ".".join(map(str, parts)))
VERSIONS = st.builds(
    lambda release, pre, post, dev: f"{release}{pre}{post}{dev}",
    RELEASES, st.sampled_from(["", "a0", "a1", "b1", "rc2"]), st.sampled_from(["", ".post0", ".post1"]),
    st.sampled_from(["", ".dev0", ".dev1"]),
)  # fmt: skip
LOCAL = st.sampled_from(["", "+x", "+y.1"])
SPECIFIERS = st.one_of(
    st.builds(
        lambda operator, version: operator + version, st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), VERSIONS
    ),
    st.builds(lambda operator, release: f"{operator}{release}.*", st.sampled_from(["==", "!="]), RELEASES),
    st.builds(lambda release: f"~={release}.1", RELEASES),
    st.builds(lambda version, local: f"=={version}{local}", VERSIONS, LOCAL),
)
SETS = st.lists(SPECIFIERS, max_size=3).map(lambda many: SpecifierSet(",".join(many)))


@given(first=SETS, second=SETS, version=VERSIONS, local=LOCAL)
def test_no_version_contradicts_what_is_decided(
    first: SpecifierSet, second: SpecifierSet, version: str, local: str
) -> None:
    found = compare(first, second)
    one = Version(version + local)
    in_first, in_second = first.contains(one, prereleases=True), second.contains(one, prereleases=True)
    if found.within:
        assert in_second or not in_first
    if found.contains:
        assert in_first or not in_second
    if found.empty:
        assert not in_first


@given(first=SETS, second=SETS)
def test_what_both_let_in_lies_within_each(first: SpecifierSet, second: SpecifierSet) -> None:
    both = first & second
    plain = SpecifierSet(">=0.dev0")
    assert compare(both & plain, first & plain).within

"""Project names: their three spellings, and which nobody may have."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.utils import canonicalize_name

from customhouse.formats.look_alike import look_alike, popular_names
from customhouse.formats.prohibited_names import name_refusal, stdlib_names
from customhouse.terms.digest import Digest
from customhouse.terms.errors import Rejected
from customhouse.terms.names import MAX_NAME_LENGTH, ProjectName, normalize


@pytest.mark.parametrize("text", ["a", "A1", "Demo.Pkg", "x--y", "0", "a_b-c.d"])
def test_a_good_name_is_taken_as_spelled(text: str) -> None:
    name = ProjectName.parse(text)
    assert str(name) == text
    assert name.normalized == canonicalize_name(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-a",
        "a-",
        ".a",
        "a b",
        "a/b",
        "..",
        "\u017fix",
        "\u212aelvin",
        "a\n",
        "na\u00efve",
        "x" * (MAX_NAME_LENGTH + 1),
    ],
)
def test_a_bad_name_is_refused_with_what_is_accepted(text: str) -> None:
    with pytest.raises(Rejected, match="Accepted: ") as caught:
        ProjectName.parse(text)
    assert caught.value.code == "bad-name"


@pytest.mark.parametrize(("one", "other"), [("Demo_Pkg", "demo-pkg"), ("a..b", "A-b")])
def test_spellings_of_one_name_are_equal(one: str, other: str) -> None:
    assert ProjectName(one) == ProjectName(other)
    assert len({ProjectName(one), ProjectName(other)}) == 1


@pytest.mark.parametrize(("one", "other"), [("g00gle", "google"), ("1ib", "lib"), ("al-ice", "a1ice"), ("foo", "f-oo")])
def test_names_that_people_confuse_have_one_ultranormalised_spelling(one: str, other: str) -> None:
    assert ProjectName(one).ultranormalized == ProjectName(other).ultranormalized


@given(st.from_regex(r"\A[A-Za-z0-9]([A-Za-z0-9._-]{0,30}[A-Za-z0-9])?\Z"))
def test_normalising_agrees_with_packaging_and_is_stable(text: str) -> None:
    assert normalize(text) == canonicalize_name(text) == normalize(normalize(text))


@pytest.mark.parametrize(
    ("text", "code"), [("json", "name-stdlib"), ("Json", "name-stdlib"), ("requirements.txt", "name-prohibited")]
)
def test_names_that_nobody_may_have(text: str, code: str) -> None:
    refusal = name_refusal(ProjectName(text))
    assert refusal is not None
    assert refusal.code == code


def test_an_ordinary_name_may_be_had() -> None:
    assert name_refusal(ProjectName("demo")) is None
    assert {"json", "asyncio", "distutils"} <= stdlib_names()


@pytest.mark.parametrize(
    ("name", "popular"),
    [
        ("reqests", "requests"), ("requestss", "requests"), ("erquests", "requests"), ("rewuests", "requests"),
        ("num-py", "numpy"), ("requests", None), ("demo-of-mine", None), ("abc", None),
    ],
)  # fmt: skip
def test_look_alikes_of_popular_names_are_told(name: str, popular: str | None) -> None:
    assert look_alike(name, popular_names()) == popular


@pytest.mark.parametrize("text", ["", "ab", "g" * 64, "a" * 63, "a" * 65])
def test_what_is_no_digest_is_refused(text: str) -> None:
    with pytest.raises(Rejected, match="64 hexadecimal digits"):
        Digest.parse(text)


def test_a_digest_is_lower_case() -> None:
    assert str(Digest.parse("AB" * 32)) == "ab" * 32

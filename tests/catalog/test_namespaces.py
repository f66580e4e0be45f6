"""Reserved namespaces as PEP 752 describes them: what they cover, what may be granted, what pages say."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customhouse.catalog.namespaces import Grant, covers, family, may_claim, may_grant, prefixes_of, said_of
from customhouse.formats.simple import Namespace
from customhouse.terms.errors import Refused

NOW = datetime(2026, 11, 24, tzinfo=UTC)
NAMES = st.lists(st.sampled_from(["a", "b", "cd"]), min_size=1, max_size=6).map("-".join)


def grant(prefix: str, organization: int = 1) -> Grant:
    return Grant(prefix, organization, f"org{organization}", NOW)


def code(refusal: Refused | None) -> str:
    return refusal.code if refusal is not None else ""


@pytest.mark.parametrize(
    ("prefix", "name", "expected"),
    [
        ("foo", "foo", True),
        ("foo", "foo-bar", True),
        ("foo", "foobar", False),
        ("foo-bar", "foo", False),
        ("foo-bar", "foo-barn", False),
        ("foo", "food-bar", False),
    ],
)
def test_a_namespace_covers_its_own_name_and_what_follows_a_dash(prefix: str, name: str, expected: bool) -> None:
    assert covers(prefix, name) is expected


@given(NAMES, NAMES)
def test_what_covers_a_name_is_one_of_its_prefixes(prefix: str, name: str) -> None:
    if prefix.count("-") <= 3:
        assert covers(prefix, name) == (prefix in prefixes_of(name))


@pytest.mark.parametrize(
    ("prefix", "existing", "expected"),
    [
        ("foo", [], ""),
        ("foo", [grant("bar", 2)], ""),
        ("foo", [grant("foobar", 2)], ""),
        ("foobar", [grant("foo", 2)], ""),
        ("foo", [grant("foo-bar", 2)], "namespace-overlaps"),
        ("foo-bar", [grant("foo", 2)], "namespace-overlaps"),
        ("foo", [grant("foo", 2)], "namespace-overlaps"),
        ("foo", [grant("foo-bar", 1)], ""),
        ("foo-bar", [grant("foo", 1)], ""),
        ("foo", [grant("foo", 1)], "namespace-granted"),
        ("a-b-c-d", [], ""),
        ("a-b-c-d-e", [], "namespace-too-deep"),
    ],
)
def test_grants_of_different_owners_never_overlap(prefix: str, existing: list[Grant], expected: str) -> None:
    assert code(may_grant(prefix, 1, existing)) == expected


@given(st.lists(st.tuples(NAMES, st.integers(1, 3)), max_size=12), NAMES)
def test_whatever_is_granted_a_name_has_one_owner(wishes: list[tuple[str, int]], name: str) -> None:
    granted: list[Grant] = []
    for prefix, organization in wishes:
        if may_grant(prefix, organization, granted) is None:
            granted.append(grant(prefix, organization))
    assert len({one.organization_id for one in granted if covers(one.prefix, name)}) <= 1


def test_a_new_name_inside_is_a_conflict_for_everybody_else() -> None:
    refusal = may_claim("Foo-X", [grant("foo")], acts_for=False)
    assert refusal is not None
    assert (refusal.status, refusal.code) == (409, "namespace-reserved")
    assert may_claim("Foo-X", [grant("foo")], acts_for=True) is None
    assert may_claim("x", [], acts_for=False) is None


def test_a_page_says_which_namespaces_cover_it_and_whether_its_holder_has_them() -> None:
    assert said_of(1, [grant("foo"), grant("foo-bar")]) == (
        Namespace("foo", owned=True), Namespace("foo-bar", owned=True),
    )  # fmt: skip
    assert said_of(None, [grant("foo")]) == (Namespace("foo", owned=False),)
    assert said_of(2, [grant("foo")]) == (Namespace("foo", owned=False),)
    assert said_of(1, []) == ()


def test_the_family_of_a_namespace_is_the_nearest_around_and_those_directly_inside() -> None:
    grants = [grant("foo"), grant("foo-bar"), grant("foo-bar-baz"), grant("foo-x-y"), grant("food")]
    assert family("foo", grants) == (None, ["foo-bar", "foo-x-y"])
    assert family("foo-bar-baz", grants) == ("foo-bar", [])
    assert family("food", grants) == (None, [])

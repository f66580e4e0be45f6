"""What of its holder's rights a token carries: tables of what is in, what is out, and how two scopes add up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customhouse.formats.caveats import caveats_of, scope_of
from customhouse.terms.errors import Rejected
from customhouse.terms.scope import ACTIONS, WHOLE, Action, Scope, scope_for, version_condition

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
NAMES = st.sampled_from(["demo", "other", "third"])
SCOPES = st.builds(
    scope_for,
    projects=st.lists(NAMES, max_size=2),
    versions=st.lists(st.sampled_from(["1.2", ">=1,<2", "~=1.4", "!=1.5"]), max_size=2),
    actions=st.lists(st.sampled_from(ACTIONS), max_size=3),
    networks=st.lists(st.sampled_from(["10.0.0.0/8", "10.1.0.0/16", "2001:db8::/48"]), max_size=2),
    not_before=st.none() | st.just(NOW - timedelta(hours=1)) | st.just(NOW + timedelta(hours=1)),
    expires=st.none() | st.just(NOW - timedelta(minutes=1)) | st.just(NOW + timedelta(days=1)),
)
DEEDS = st.tuples(st.sampled_from(ACTIONS), NAMES, st.sampled_from(["1.2", "1.4.1", "1.5", "2.0"]))
PLACES = st.sampled_from(["10.1.2.3", "10.9.9.9", "192.0.2.1", "2001:db8::7", ""])


@pytest.mark.parametrize(
    ("condition", "inside", "outside"),
    [
        ("1.2", ["1.2", "1.2.0", "v1.2"], ["1.2.1", "1.2+mine", "1.2rc1", "1.2.post1", "nonsense"]),
        ("==1.2.*", ["1.2", "1.2.9", "1.2+mine"], ["1.3", "1.20"]),
        (">=1.2,<2", ["1.2", "1.9", "1.3rc1"], ["1.1", "2.0", "1.2rc1"]),
        ("~=1.4", ["1.4", "1.9"], ["2.0", "1.3"]),
        ("!=1.5", ["1.4"], ["1.5"]),
        ("1!1.0", ["1!1.0"], ["1.0"]),
    ],
)
def test_versions(condition: str, inside: list[str], outside: list[str]) -> None:
    scope = scope_for(versions=[condition])
    assert all(scope.allows("upload", "demo", version) for version in inside)
    for version in outside:
        refusal = scope.refusal("upload", "demo", version)
        assert refusal is not None
        assert refusal.code == "token-version"
    assert scope.allows("read", "demo")  # where no version is known, none is wrong


@pytest.mark.parametrize("text", ["", "===1.2", "=>1", "1.2,", "1.2 or 1.3", ">=1," * 60, "\n", "١"])
def test_what_says_no_versions_is_refused(text: str) -> None:
    with pytest.raises(Rejected):
        version_condition(text)


@pytest.mark.parametrize("text", [">= 1.2 , < 2", "<2,>=1.2", "<2,>=1.2,<2"])
def test_a_condition_has_one_spelling(text: str) -> None:
    assert version_condition(text) == "<2,>=1.2"


@pytest.mark.parametrize(("given", "asked", "code"), [
    (["read"], "upload", "token-action"), (["upload"], "yank", "token-action"), (["yank"], "read", "token-action"),
    (["stage"], "upload", "token-stage-only"), (["read", "stage"], "upload", "token-stage-only"),
    (["upload"], "stage", "token-action"), (["upload", "yank"], "upload", None),
])  # fmt: skip
def test_actions_stand_for_themselves(given: list[str], asked: Action, code: str | None) -> None:
    refusal = scope_for(actions=given).refusal(asked)
    assert (refusal.code if refusal else None) == code


@pytest.mark.parametrize(("network", "inside", "outside"), [
    ("203.0.113.0/24", ["203.0.113.9", "::ffff:203.0.113.9"], ["203.0.114.1", "", "nowhere", "2001:db8::1"]),
    ("203.0.113.7", ["203.0.113.7"], ["203.0.113.8"]),
    ("2001:db8::/48", ["2001:db8::1"], ["2001:db8:1::1", "203.0.113.9"]),
])  # fmt: skip
def test_networks(network: str, inside: list[str], outside: list[str]) -> None:
    scope = scope_for(networks=[network])
    assert all(scope.refusal_here(NOW, address) is None for address in inside)
    assert all(scope.refusal_here(NOW, address) is not None for address in outside)


def test_several_of_one_kind_must_all_hold() -> None:
    scope = scope_for(networks=["10.0.0.0/8"]).and_also(scope_for(networks=["10.1.0.0/16", "192.0.2.0/24"]))
    assert scope.refusal_here(NOW, "10.1.0.1") is None
    assert scope.refusal_here(NOW, "10.2.0.1") is not None
    assert scope.refusal_here(NOW, "192.0.2.1") is not None
    nothing = scope_for(projects=["demo"]).and_also(scope_for(projects=["other"]))
    assert not nothing.allows("upload", "demo")
    assert not nothing.allows("upload", "other")
    assert "no project" in nothing.words()[0]


def test_times_begin_at_their_second_and_end_before_theirs() -> None:
    scope = scope_for(not_before=NOW, expires=NOW + timedelta(hours=1))
    assert scope.refusal_here(NOW - timedelta(seconds=1), "") is not None
    assert scope.refusal_here(NOW, "") is None
    assert scope.refusal_here(NOW + timedelta(minutes=59), "") is None
    assert scope.refusal_here(NOW + timedelta(hours=1), "") is not None


@given(scope=SCOPES)
def test_caveats_say_what_the_scope_says(scope: Scope) -> None:
    assert scope_of(caveats_of(scope)) == scope


@given(one=SCOPES, other=SCOPES, deed=DEEDS, address=PLACES)
def test_two_scopes_together_allow_what_both_allow(
    one: Scope, other: Scope, deed: tuple[Action, str, str], address: str
) -> None:
    def allows(scope: Scope) -> bool:
        return scope.allows(*deed) and scope.refusal_here(NOW, address) is None

    assert allows(one.and_also(other)) == (allows(one) and allows(other))
    assert scope_of(caveats_of(one) + caveats_of(other)) == one.and_also(other)
    assert one.and_also(WHOLE) == one == WHOLE.and_also(one)


def test_its_words_are_for_people() -> None:
    scope = scope_for(projects=["Demo", "other"], versions=["1.2"], actions=["upload", "yank"], networks=["10.0.0.0/8"],
                      not_before=NOW, expires=NOW)  # fmt: skip
    assert scope.words() == [
        "only the projects 'demo' and 'other'", "only versions ==1.2", "only to upload files and yank",
        "only from 10.0.0.0/8", "from 2026-11-24 12:00 UTC on", "until 2026-11-24 12:00 UTC",
    ]  # fmt: skip
    assert WHOLE.words() == []


def test_more_values_than_anybody_needs_are_refused() -> None:
    with pytest.raises(Rejected, match="at most 32"):
        scope_for(projects=[f"p{number}" for number in range(33)])
    with pytest.raises(Rejected):
        scope_for(networks=["10.0.0.0/33"])
    with pytest.raises(Rejected):
        scope_for(actions=["delete"])
    with pytest.raises(Rejected):
        scope_for(projects=["-x"])

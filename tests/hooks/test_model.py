"""What a webhook hears of, and when something is tried again."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from customhouse.hooks.model import (
    DELAYS,
    LONGEST_PAUSE,
    OF_ORGANIZATION,
    PROBE,
    Hook,
    Patterns,
    Place,
    ScopeKind,
    hears,
    heeded,
    pause_after,
    switches_off,
    wait_after,
)
from customhouse.ledger.public import OF_PROJECT, OPERATORS, PUBLIC
from customhouse.terms.errors import Rejected

AT = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
HOOK = Hook(
    "a" * 26, "project", 1, None, "https://example.org/", Patterns(), active=True, why_off="", epoch=1, rotated_at=None,
    created_at=AT, failures=0, first_failed_at=None, failing_at=None, paused_until=None,
)  # fmt: skip


def hook(scope: ScopeKind, *, project: int | None = None, organization: int | None = None) -> Hook:
    return replace(HOOK, scope=scope, project_id=project, organization_id=organization)


@pytest.mark.parametrize(
    ("text", "globs"),
    [("", ()), ("  ", ()), ("release-*", ("release-*",)), ("a, b\nc  a", ("a", "b", "c")), ("*", ("*",))],
)
def test_patterns_are_kinds_with_stars(text: str, globs: tuple[str, ...]) -> None:
    assert Patterns.parse(text).globs == globs


@pytest.mark.parametrize("text", ["Release", "a?", "[a]", "a;b", "é", "x" * 81, " ".join(f"k{n}" for n in range(21))])
def test_what_is_no_pattern_is_rejected(text: str) -> None:
    with pytest.raises(Rejected, match="pattern"):
        Patterns.parse(text)


def test_no_pattern_means_everything_and_a_star_any_characters() -> None:
    assert Patterns().match("anything-at-all")
    assert Patterns.parse("release-*").match("release-created")
    assert not Patterns.parse("release-*").match("file-uploaded")
    assert not Patterns.parse("release").match("release-created")


EVERYTHING = Patterns(("*",))


@pytest.mark.parametrize("kind", [*OPERATORS, "of-a-later-version", "webhook-added", "webhook-switched-off"])
def test_what_is_nobodys_business_is_told_to_no_hook_whatever_it_asks_for(kind: str) -> None:
    organizations_own = kind.startswith(OF_ORGANIZATION)
    assert not hears(replace(hook("index"), patterns=EVERYTHING), kind, Place())
    assert not hears(replace(hook("project", project=1), patterns=EVERYTHING), kind, Place(1))
    of_organization = replace(hook("organization", organization=7), patterns=EVERYTHING)
    assert hears(of_organization, kind, Place(None, 7)) is organizations_own
    assert not hears(of_organization, kind, Place(None, 8))


@pytest.mark.parametrize("kind", [kind for kind in OF_PROJECT if not kind.startswith("webhook-")])
def test_what_is_for_owners_is_told_to_their_hooks_if_they_ask_for_it(kind: str) -> None:
    silent, asking = hook("project", project=1), replace(hook("project", project=1), patterns=Patterns((kind,)))
    assert not hears(silent, kind, Place(1))
    assert hears(asking, kind, Place(1))
    assert not hears(asking, kind, Place(2))
    assert hears(replace(hook("organization", organization=7), patterns=Patterns((kind,))), kind, Place(1, 7))
    assert not hears(replace(hook("index"), patterns=Patterns((kind,))), kind, Place(1))


def test_every_public_kind_is_told_without_asking() -> None:
    for kind in PUBLIC:
        assert hears(hook("index"), kind, Place(1))
        assert hears(hook("project", project=1), kind, Place(1, private=True))


@pytest.mark.parametrize(
    ("whose", "place", "heard"),
    [
        (hook("project", project=1), Place(1), True),
        (hook("project", project=1), Place(1, private=True), True),
        (hook("project", project=1), Place(2), False),
        (hook("project", project=1), Place(), False),
        (hook("organization", organization=7), Place(1, 7), True),
        (hook("organization", organization=7), Place(1, 7, private=True), True),
        (hook("organization", organization=7), Place(None, 7), True),
        (hook("organization", organization=7), Place(1, 8), False),
        (hook("organization", organization=7), Place(1), False),
        (hook("index"), Place(1), True),
        (hook("index"), Place(), True),
        (hook("index"), Place(1, 7, private=True), False),
    ],
)
def test_a_hook_hears_of_its_own_and_the_indexs_of_all_that_is_public(whose: Hook, place: Place, heard: bool) -> None:
    assert hears(whose, "release-created", place) is heard
    assert not hears(replace(whose, patterns=Patterns(("file-*",))), "release-created", place)


def test_a_probe_goes_to_its_hook_alone_whatever_that_wants() -> None:
    silent = replace(HOOK, patterns=Patterns(("file-*",)))
    assert hears(silent, PROBE, Place(1), probe_of=silent.id)
    assert not hears(replace(silent, id="b" * 26), PROBE, Place(1), probe_of=silent.id)


def test_delays_grow_for_about_a_day_and_then_it_is_given_up() -> None:
    waits = [wait_after(attempts, hook_id="h", serial=1) for attempts in range(1, len(DELAYS) + 1)]
    known = [wait for wait in waits if wait is not None]
    assert len(known) == len(DELAYS)
    assert all(0.9 * delay <= wait <= 1.1 * delay for wait, delay in zip(known, DELAYS, strict=True))
    assert timedelta(hours=20) < sum(known, timedelta()) < timedelta(hours=27)
    assert wait_after(len(DELAYS) + 1, hook_id="h", serial=1) is None
    assert wait_after(1, hook_id="h", serial=1) == wait_after(1, hook_id="h", serial=1)
    assert wait_after(1, hook_id="h", serial=1) != wait_after(1, hook_id="h", serial=2)


def test_a_hook_that_fails_is_left_alone_for_longer_but_never_for_long() -> None:
    pauses = [pause_after(failures) for failures in (1, 2, 3, 4, 5, 100)]
    assert pauses == sorted(pauses)
    assert pauses[0] == DELAYS[0]
    assert pauses[-1] == LONGEST_PAUSE


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("", 0), ("5", 5), ("99999", 3600), ("9" * 100, 0), ("-1", 0), ("soon", 0), ("²", 0),
     ("Tue, 24 Nov 2026 12:00:00 GMT", 0)],
)  # fmt: skip
def test_a_receiver_may_ask_for_an_hour_of_peace(text: str, seconds: int) -> None:
    assert heeded(text) == timedelta(seconds=seconds)


def test_five_days_of_nothing_but_failures_switch_off() -> None:
    assert not switches_off(None, AT)
    assert not switches_off(AT, AT + timedelta(days=4, hours=23))
    assert switches_off(AT, AT + timedelta(days=5))

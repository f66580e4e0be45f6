"""Each known attack under each level: who would have been kept from it, by which rule, and who would not.

One test for each record, named after it.
"""

from __future__ import annotations

from datetime import timedelta

import pytest

from customhouse.formats.policy.attacks import Replayed, attacks, stopped_by
from customhouse.formats.policy.levels import level
from customhouse.formats.policy.read import read_policy
from customhouse.formats.policy.rule import Policy
from policies import NOW

WAITS = read_policy('level = "open"\n[[rule]]\nname = "wait"\nhide-if.age = "< 7d"', now=NOW)
"""Nothing but a wait of a week."""
NO_WAIT = read_policy('level = "balanced"\nwithout = ["cooldown"]', now=NOW)
"""`balanced` without its wait: what the other rules still see."""
EXPECTED = {
    # id: by which rule of `balanced` without its wait; and whether a wait of a week alone is enough
    "ctx": ("woken project", False),
    "torchtriton": ("", True),
    "aiocpa": ("", True),
    "ultralytics-8.3.41": ("", True),
    "ultralytics-8.3.42": ("", True),
    "ultralytics-8.3.45": ("provenance lost", True),
    "ultralytics-8.3.46": ("provenance lost", True),
    "num2words": ("", True),
    "litellm-1.82.7": ("", True),
    "litellm-1.82.8": ("", True),
    "telnyx": ("", True),
    "elementary-data": ("", True),
    "lightning-2.6.2": ("", True),
    "lightning-2.6.3": ("", True),
    "mistralai": ("", True),
    "guardrails-ai": ("", True),
    "added-to-an-old-release": ("file added to an old release", False),
}


def _of(policy: Policy, id_: str) -> Replayed:
    return next(one for one in stopped_by(policy) if one.attack.id == id_)


@pytest.mark.parametrize("id_", list(EXPECTED))
def test_attack(id_: str) -> None:
    rule, is_short = EXPECTED[id_]
    # Before an advisory names it, nothing that only waits for advisories helps.
    assert not _of(level("open"), id_).stopped
    for name in ("balanced", "strict"):
        replayed = _of(level(name), id_)
        assert (replayed.stopped, replayed.decision.rule) == (True, "cooldown")
    assert _of(level("curated"), id_).stopped
    week = _of(WAITS, id_)
    assert week.stopped == is_short
    assert week.let_in_at == (None if is_short else week.attack.uploaded + timedelta(days=7))
    left = _of(NO_WAIT, id_)
    assert (left.stopped, left.decision.rule if left.stopped else "") == (bool(rule), rule)


def test_every_record_has_its_test_and_says_where_it_is_from() -> None:
    assert {one.id for one in attacks()} == set(EXPECTED)
    for one in attacks():
        assert one.source
        assert one.how.endswith(".")
        assert one.uploaded < one.until
        assert f"{one.uploaded:%Y-%m-%d}" == one.day
        assert one.supposed, "no report says all of it"


def test_the_days_of_quiet_before_ctx_are_those_between_its_releases() -> None:
    ctx = _of(level("open"), "ctx").attack
    quiet = ctx.facts["quiet-before"].value
    assert quiet == (ctx.uploaded - ctx.facts["project-age"].value) // timedelta(days=1)


def test_the_pth_file_warns_even_whoever_does_not_wait() -> None:
    for id_ in ("litellm-1.82.8", "elementary-data"):
        assert any("runs whenever it starts" in one for one in _of(NO_WAIT, id_).decision.warnings)


def test_valid_provenance_waives_nothing() -> None:
    mistral = _of(level("balanced"), "mistralai")
    assert mistral.attack.facts["attested"].value.verified
    assert mistral.decision.rule == "cooldown"


def test_a_policy_that_lets_a_name_in_lets_its_attack_in() -> None:
    trusting = read_policy('[[rule]]\nname = "ours"\npackages = ["num2words"]\naction = "allow"', now=NOW)
    replayed = _of(trusting, "num2words")
    assert (replayed.stopped, replayed.decision.rule, replayed.let_in_at) == (False, "ours", replayed.attack.uploaded)

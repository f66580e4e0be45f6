"""Every rule of every level when nothing is known of what it asks, and when each of its signals alone is not known (P25)."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest

from customhouse.formats.policy.level_texts import LEVELS, level_text
from customhouse.formats.policy.levels import level
from customhouse.formats.policy.model import LETS_THROUGH, Fact
from customhouse.formats.policy.rule import Rule
from customhouse.formats.policy.signals import Vulnerability
from policies import NOW, Known, ago, decided, known

GOOD: dict[str, Any] = {
    "age": ago(days=900), "project-age": ago(days=3000), "last-release-age": ago(days=100), "quiet-before": 60.0,
    "added-file-age": None, "owner-changed": None, "publisher-changed": False, "provenance-lost": False,
    "attested": None, "vulnerabilities": (), "fixes": (), "malware": False, "bundled-vulnerabilities": (),
    "yanked": False, "removed": False, "status": "active", "similar-to": None, "internal-name": False,
    "kind": "wheel", "archive": frozenset(), "malformed": False,
}  # fmt: skip
"""An old, healthy wheel."""
BAD: dict[str, dict[str, Any]] = {
    "known malware": {"malware": True}, "removed upstream": {"removed": True}, "quarantined": {"status": "quarantined"},
    "unreadable archive": {"malformed": True}, "internal name": {"internal-name": True}, "cooldown": {"age": ago(days=2)},
    "new project": {"project-age": ago(days=20)}, "file added to an old release": {"added-file-age": ago(days=8), "age": ago(days=20)},
    "woken project": {"quiet-before": 2000.0, "age": ago(days=20)}, "publisher changed": {"publisher-changed": True, "age": ago(days=20)},
    "provenance lost": {"provenance-lost": True, "age": ago(days=20)}, "similar name": {"similar-to": "requests", "project-age": ago(days=80), "age": ago(days=20)},
    "known exploited": {"vulnerabilities": (Vulnerability("CVE-1", exploited=True, fixed_in=("2",)),)},
    "known vulnerable": {"vulnerabilities": (Vulnerability("CVE-1", severity="high", fixed_in=("2",)),)},
    "vulnerable library inside": {"bundled-vulnerabilities": (Vulnerability("CVE-1", severity="high", library="libwebp"),)},
    "exploited library inside": {"bundled-vulnerabilities": (Vulnerability("CVE-1", exploited=True, library="libwebp"),)},
    "owners changed": {"owner-changed": ago(days=3)}, "runs at every start": {"archive": frozenset(("pth-file",))},
    "code that cannot be read": {"archive": frozenset(("encrypted-code",))}, "runs code when it is built": {"kind": "sdist"},
    "withdrawn by its owner": {"yanked": True}, "not maintained": {"status": "archived"},
}  # fmt: skip
WRITTEN = {
    (name, found[1]): found[2]
    for name in LEVELS
    for found in re.finditer(r'name = "([^"]+)"\n.*?unknown = "(\w+)"', level_text(name), re.DOTALL)
}
"""What each level's text says of unknown, read without the reader that is tested."""


def _facts(**more: Any) -> Known:
    facts = {**GOOD, **more}
    return Known({signal: Fact(value, "a test") for signal, value in facts.items()})


def _rules() -> list[Any]:
    return [pytest.param(name, rule, id=f"{name}: {rule.name}") for name in LEVELS for rule in level(name).rules]


def test_a_healthy_file_passes_every_level_but_curated() -> None:
    for name in ("open", "balanced", "strict"):
        found = decided(level(name), _facts())
        assert (found.action, found.warnings) == ("allow", ()), name
    assert decided(level("curated"), _facts()).rule == "not chosen"


@pytest.mark.parametrize(("name", "rule"), _rules())
def test_each_rule_meets_what_it_is_for(name: str, rule: Rule) -> None:
    found = decided(level(name), _facts(**BAD.get(rule.name, {})))
    if rule.action == "warn" and name != "curated":
        assert found.action == "warn"
        assert found.rule == rule.name
    elif rule.action != "warn":
        assert (found.action, found.rule) == (rule.action, rule.name)


@pytest.mark.parametrize(("name", "rule"), _rules())
def test_each_rule_when_what_it_asks_is_not_known(name: str, rule: Rule) -> None:
    said = WRITTEN[name, rule.name]
    asked = {one.signal for table in rule.tables for one in table}
    if not asked:
        assert rule.name == "not chosen"
        return
    # Everything else that the rule asks is as it would have to be, so that the unknown alone decides.
    others = {**GOOD, **BAD[rule.name]}
    for signal in asked:
        facts = {key: Fact(value, "a test") for key, value in others.items() if key != signal}
        alone = level(name)
        found = decided(_only(alone, rule), Known(facts), hosted=False)
        limited = signal in alone.limits and alone.limits[signal].missing == "deny"
        expected = "warn" if limited and rule.action == "warn" else "deny" if limited else said
        assert found.action == expected, (name, rule.name, signal)
        if said in ("hide", "deny", "hold") and not limited:
            assert f"{signal} " in found.reason or signal in found.reason


def _only(policy: Any, rule: Rule) -> Any:
    from dataclasses import replace  # noqa: PLC0415

    return replace(policy, rules=(rule,))


@pytest.mark.parametrize(
    ("name", "action", "rule"),
    [
        ("open", "allow", ""),
        ("balanced", "warn", "known malware"),
        ("strict", "deny", "data"),
        ("curated", "deny", "data"),
    ],
)
def test_a_file_of_which_nothing_at_all_is_known(name: str, action: str, rule: str) -> None:
    found = decided(level(name), known())
    assert (found.action, found.rule) == (action, rule)


def test_strict_counts_against_what_balanced_lets_pass() -> None:
    for signal in ("age", "project-age", "yanked", "similar-to", "internal-name", "kind", "quiet-before"):
        facts = Known({key: Fact(value, "a test") for key, value in GOOD.items() if key != signal})
        young = {
            "quiet-before": {"age": Fact(ago(days=40), "a test")},
            "similar-to": {"project-age": Fact(ago(days=200), "a test")},
        }.get(signal, {})
        facts.facts |= young
        assert decided(level("strict"), facts).action not in LETS_THROUGH, signal
        assert decided(level("balanced"), facts).action in LETS_THROUGH, signal


def test_each_level_lets_in_no_more_than_the_one_before() -> None:
    """Of one bad fact at a time, and of the healthy file."""
    order = ("open", "balanced", "strict", "curated")
    for bad in ({}, *BAD.values()):
        passed = [decided(level(name), _facts(**bad)).lets_through for name in order]
        assert passed == sorted(passed, reverse=True), bad


def test_advisories_that_are_too_old_close_every_level_that_says_so() -> None:
    def at(name: str, days: float) -> str:
        facts = {signal: Fact(value, "a test") for signal, value in GOOD.items()}
        for signal in ("malware", "vulnerabilities", "fixes", "bundled-vulnerabilities"):
            facts[signal] = Fact(GOOD[signal], "advisories", NOW - timedelta(days=days))
        return decided(level(name), Known(facts)).rule

    assert [at("open", 400), at("balanced", 29), at("balanced", 30), at("strict", 2.9), at("strict", 3)] == [
        "", "", "data", "", "data",
    ]  # fmt: skip

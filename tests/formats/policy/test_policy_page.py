"""docs/policy.md teaches by ten examples. Each is read from the page here, and does what the page says."""

from __future__ import annotations

import re
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from customhouse.formats.policy.read import read_policy
from customhouse.formats.policy.rejected import BadPolicy
from customhouse.formats.policy.rule import Policy
from customhouse.formats.policy.signals import SIGNALS, Fix, Publisher, Vulnerability
from policies import NOW, ago, decided, known

PAGE = (Path(__file__).parents[3] / "docs" / "policy.md").read_text()
OLD: dict[str, Any] = {"age": ago(days=900), "project_age": ago(days=2000), "malware": False, "vulnerabilities": ()}
HEALTHY: dict[str, Any] = {
    "removed": False, "status": "active", "malformed": False, "internal_name": False, "added_file_age": None,
    "quiet_before": 30.0, "similar_to": None, "kind": "wheel", "yanked": False, "fixes": (),
}  # fmt: skip
"""What `curated` wants to know besides."""
GRAVE = Vulnerability("PYSEC-1", severity="high", score=8.0)
SMALL = Vulnerability("PYSEC-2", severity="low", fixed_in=("2",))
MENDED = Vulnerability("PYSEC-3", severity="critical", score=9.8, fixed_in=("2",))


@cache
def example(number: int) -> Policy:
    """The policy under one heading of the page."""
    section = re.search(rf"^## {number}\. .*?(?=^## )", PAGE, re.MULTILINE | re.DOTALL)
    assert section is not None
    [text] = re.findall(r"```toml\n(.*?)```", section[0], re.DOTALL)
    return read_policy(text, now=NOW)


def action(number: int, name: str = "demo", version: str = "1.0", hosted: bool = False, **facts: Any) -> str:
    return decided(example(number), known(**{**OLD, **facts}), name=name, version=version, hosted=hosted).action


def test_there_are_ten() -> None:
    assert re.findall(r"^## (\d+)\.", PAGE, re.MULTILINE) == [str(number) for number in range(1, 11)]
    assert len(re.findall(r"^```toml", PAGE, re.MULTILINE)) == 10


def test_1_a_level_and_nothing_else() -> None:
    assert action(1) == "allow"
    assert action(1, age=ago(days=2)) == "hide"
    assert action(1, provenance_lost=True, age=ago(days=8)) == "hold"
    assert action(1, vulnerabilities=(Vulnerability("CVE-1", exploited=True, fixed_in=("2",)),)) == "hide"
    for name in ("open", "balanced", "strict", "curated"):
        assert f"| `{name}` |" in PAGE


def test_2_a_wait_unless_it_mends_something() -> None:
    fix: dict[str, Any] = {
        "age": ago(days=2), "fixes": (Fix("PYSEC-9", "critical", ago(days=3), third_party=True),),
        "attested": Publisher("GitHub", "acme/web", verified=True), "publisher_changed": False,
    }  # fmt: skip
    assert action(2, age=ago(days=2)) == "hide"
    assert action(2, **fix) == "allow"
    assert action(2, **{**fix, "fixes": ()}) == "hide", "provenance alone never waives the wait"
    assert action(2, **{**fix, "fixes": (Fix("PYSEC-9", "high", ago(days=3), third_party=False),)}) == "hide"
    assert action(2, **{**fix, "age": ago(hours=20)}) == "hide"


def test_3_what_a_rule_does() -> None:
    assert action(3, publisher_changed=True) == "hold"
    assert action(3, kind="wheel", size=300_000_000) == "warn"
    assert action(3, kind="sdist", size=300_000_000) == "allow"
    for word in ("allow", "warn", "hide", "deny", "hold"):
        assert f"| `{word}` |" in PAGE


def test_4_vulnerabilities() -> None:
    assert action(4, vulnerabilities=(GRAVE, SMALL)) == "allow"
    assert action(4, vulnerabilities=(MENDED,)) == "hide"
    assert action(4, vulnerabilities=(Vulnerability("CVE-1", severity="low", exploited=True),)) == "deny"
    assert action(4, vulnerabilities=(Vulnerability("CVE-1", severity="low", score=9.1, likelihood=0.6),)) == "deny"
    assert (
        action(4, bundled_vulnerabilities=(Vulnerability("CVE-1", severity="critical", library="libwebp"),)) == "warn"
    )


def test_5_what_unknown_means() -> None:
    assert action(5) == "warn"
    assert action(5, downloads=10) == "hide"
    assert action(5, downloads=10_000) == "allow"
    assert action(5, downloads=10_000, owner_2fa="none") == "deny"
    against = read_policy('unknown = "against"\n[[rule]]\nname = "r"\nhide-if.downloads = "< 1000"', now=NOW)
    assert decided(against, known()).action == "hide"


def test_6_data_that_are_too_old() -> None:
    def decide_at(days: float) -> tuple[str, str]:
        found = decided(example(6), known(ago(days=days), vulnerabilities=(), malware=False))
        return found.action, found.rule

    assert decide_at(1) == ("allow", "")
    assert decide_at(3) == ("deny", "data")
    assert decided(example(6), known()).rule == "data"


def test_7_licences() -> None:
    assert action(7, licence="MIT OR GPL-3.0-only") == "allow"
    assert action(7, licence="MIT AND GPL-3.0-only") == "deny"
    assert action(7, licence="Apache-2.0 WITH LLVM-exception") == "allow"
    assert action(7) == "warn"


def test_8_some_packages_and_our_own() -> None:
    assert action(8, name="requests", **HEALTHY) == "allow"
    assert action(8, name="flask", **HEALTHY) == "deny"
    assert action(8, name="requests", **HEALTHY, age=ago(days=2)) == "hide", (
        "to choose a package is not to choose its next attack"
    )
    assert action(8, name="acme-web", hosted=True, attested=None) == "deny"
    assert action(8, name="acme-web", hosted=True) == "deny"
    assert action(8, name="acme-web", hosted=True, attested=Publisher("GitHub", "acme/web", verified=True)) == "allow"
    assert action(8, name="other", hosted=True) == "allow"


def test_9_exceptions() -> None:
    exploited: dict[str, Any] = {"vulnerabilities": (Vulnerability("CVE-1", exploited=True, fixed_in=("2.9.1",)),)}
    assert action(9, name="acme-web", age=ago(days=1)) == "allow"
    assert action(9, name="torch", version="2.9.0", **exploited) == "allow"
    assert action(9, name="torch", version="2.8.0", **exploited) == "hide"
    found = decided(example(9), known(**{**OLD, **exploited}), name="torch", version="2.9.0")
    assert str(found.changes_at) == "2027-02-02 00:00:00+00:00"
    with pytest.raises(BadPolicy, match="has expired"):
        read_policy(example(9).text, now=NOW + timedelta(days=100))


def test_10_change_a_levels_rule() -> None:
    assert action(10, age=ago(days=4)) == "allow"
    assert action(10, age=ago(days=2)) == "hide"
    assert decided(example(10), known(malware=False, vulnerabilities=())).action == "hide"
    assert action(10, similar_to="requests", project_age=ago(days=9)) == "allow"
    assert action(10, status="archived") == "allow"


def test_every_signal_stands_in_the_table() -> None:
    table = PAGE.partition("## Signals")[2]
    assert [name for name in SIGNALS if f"`{name}`" not in table] == []

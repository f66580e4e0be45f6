"""Which rule decides: order, exceptions, warnings, what is hosted here, and data that are too old."""

from __future__ import annotations

from datetime import timedelta

import pytest

from customhouse.formats.policy.decide import explain
from customhouse.formats.policy.model import Fact
from customhouse.formats.policy.signals import Vulnerability
from policies import NOW, Known, ago, decided, known, policy

HIGH = (Vulnerability("PYSEC-2", severity="high", fixed_in=("2",)),)
TWO = """
[[rule]]
name = "first"
hide-if.age = "< 7d"
[[rule]]
name = "second"
deny-if.vulns = true
"""


def test_the_first_rule_that_decides_ends_the_search_and_nothing_more_is_looked_up() -> None:
    text = TWO.replace('age = "< 7d"', 'kind = "sdist"')
    facts = known(kind="sdist", vulnerabilities=HIGH)
    found = decided(policy(text), facts)
    assert (found.action, found.rule, found.matches) == ("hide", "first", ())
    assert "vulnerabilities" not in facts.asked
    assert decided(policy(text), known(kind="wheel", vulnerabilities=HIGH)).rule == "second"


def test_what_follows_a_wait_is_looked_up_to_say_when_the_decision_changes() -> None:
    waits = decided(policy(TWO), known(age=ago(days=1), vulnerabilities=()))
    assert (waits.rule, waits.changes_at) == ("first", NOW + timedelta(days=6))
    assert decided(policy(TWO), known(age=ago(days=1), vulnerabilities=HIGH)).changes_at == NOW + timedelta(days=6)
    assert decided(policy(TWO), known(age=ago(days=8), vulnerabilities=HIGH)).rule == "second"


def test_explain_says_the_same_and_tells_all_rules() -> None:
    facts = known(age=ago(days=1), vulnerabilities=HIGH)
    told = explain(policy(TWO), facts, now=NOW, hosted=False, name="demo", version="1.0")
    assert (told.action, told.rule) == ("hide", "first")
    by_name = {one.rule: one for one in told.matches}
    assert by_name["first"].matched
    assert by_name["second"].matched
    assert by_name["second"].reason == "PYSEC-2 (high, fixed in 2)"
    assert by_name["second"].seen[0].fact == Fact(HIGH, "a test")
    assert not by_name["quarantined"].matched


def test_a_rule_that_allows_ends_the_search_but_warnings_are_still_gathered() -> None:
    text = """
    [[rule]]
    name = "trusted"
    packages = ["demo"]
    action = "allow"
    [[rule]]
    name = "vulnerable"
    warn-if.vulns = true
    [[rule]]
    name = "wait"
    hide-if.age = "< 7d"
    """
    found = decided(policy(text), known(age=ago(days=1), vulnerabilities=HIGH))
    assert (found.action, found.rule, found.warnings) == ("warn", "vulnerable", ("PYSEC-2 (high, fixed in 2)",))
    assert decided(policy(text), known(age=ago(days=1), vulnerabilities=HIGH), name="other").action == "hide"
    assert decided(policy(text), known(age=ago(days=1), vulnerabilities=())).rule == "trusted"


def test_no_rule_that_allows_leads_past_one_that_always_counts() -> None:
    text = '[[rule]]\nname = "trusted"\npackages = ["demo"]\naction = "allow"\n'
    found = decided(policy(text, level="curated"), known(malware=True))
    assert (found.action, found.rule) == ("deny", "known malware")
    late = text + '[[rule]]\nname = "ours"\ndeny-if.yanked = true\nalways = true\n'
    assert decided(policy(late), known(yanked=True)).rule == "ours"


def test_an_exception_leads_past_it_and_the_decision_says_when_that_ends() -> None:
    text = '[[exception]]\npackage = "demo"\nrules = ["removed upstream"]\nreason = "the lock of 2024"\nowner = "alice"\nexpires = 2026-12-31\n'
    found = policy(text)
    facts = known(removed=True)
    assert decided(found, facts).action == "allow"
    assert str(decided(found, facts).changes_at) == "2027-01-01 00:00:00+00:00"
    assert decided(found, facts, name="other").action == "deny"
    told = explain(found, facts, now=NOW, hosted=False, name="demo", version="1.0").matches[1]
    assert (told.matched, told.exception) == (False, "the lock of 2024 (alice, until 2026-12-31)")


def test_of_several_exceptions_the_one_that_counts_longest_is_named() -> None:
    one = '[[exception]]\npackage = "{}"\nrules = ["removed upstream"]\nreason = "{}"\nowner = "alice"\nexpires = {}\n'
    found = policy(one.format("demo", "short", "2026-12-01") + one.format("d*", "long", "2026-12-31"))
    assert str(decided(found, known(removed=True)).changes_at) == "2027-01-01 00:00:00+00:00"


def test_warnings_are_gathered_in_order_and_the_file_is_let_in() -> None:
    text = '[[rule]]\nname = "a"\nwarn-if.yanked = true\n[[rule]]\nname = "b"\nwarn-if.kind = "sdist"\n'
    found = decided(policy(text), known(yanked=True, kind="sdist"))
    assert (found.action, found.lets_through, found.rule) == ("warn", True, "a")
    assert found.warnings == ("its owner has yanked the file", "kind: sdist")


def test_what_is_hosted_here_is_bound_only_by_rules_that_say_so() -> None:
    text = '[[rule]]\nname = "wait"\nhide-if.age = "< 7d"\n[[rule]]\nname = "size"\ndeny-if.size = "> 1MB"\nhosted = true\n'
    young = known(age=ago(hours=1), malware=True, size=10)
    assert decided(policy(text, level="curated"), young, hosted=True).action == "allow"
    assert decided(policy(text, level="curated"), known(size=2_000_000), hosted=True).rule == "size"
    told = explain(policy(text), young, now=NOW, hosted=True, name="demo", version="1.0")
    assert {one.rule: one.reason for one in told.matches}["wait"] == "it binds only files from upstreams"


def test_rules_for_some_packages_bind_only_these() -> None:
    text = '[[rule]]\nname = "r"\npackages = ["acme_*", "one"]\naction = "deny"\n'
    assert [decided(policy(text), known(), name=name).action for name in ("acme-web", "one", "acmeweb", "one-two")] == [
        "deny", "deny", "allow", "allow",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("said", "action"),
    [("", "allow"), ("allow", "allow"), ("skip", "allow"), ("warn", "warn"), ("hide", "hide"), ("deny", "deny"), ("hold", "hold")],
)  # fmt: skip
def test_each_answer_to_unknown(said: str, action: str) -> None:
    text = '[[rule]]\nname = "r"\ndeny-if.downloads = "< 1000"\n' + (f'unknown = "{said}"\n' if said else "")
    found = decided(policy(text), known())
    assert found.action == action
    if action != "allow":
        assert found.reason == "downloads are not known"


@pytest.mark.parametrize(
    ("action", "found"), [("deny", "deny"), ("hide", "hide"), ("hold", "hold"), ("warn", "warn"), ("allow", "allow")]
)
def test_where_unknown_counts_against_a_rule_that_says_nothing_does_what_it_does(action: str, found: str) -> None:
    text = f'unknown = "against"\n[[rule]]\nname = "r"\n{action}-if.downloads = "< 1000"\n'
    decision = decided(policy(text), known())
    assert decision.action == found
    if action == "allow":
        assert decision.rule == ""


def test_a_rule_that_allows_may_say_that_unknown_is_enough() -> None:
    text = 'default = "deny"\n[[rule]]\nname = "popular"\nallow-if.downloads = ">= 1000"\n'
    assert decided(policy(text), known()).action == "deny"
    assert decided(policy(text), known(downloads=5000)).rule == "popular"
    assert decided(policy(text + 'unknown = "allow"\n'), known()).rule == "popular"


def test_a_default_lets_nothing_in_from_upstream_that_no_rule_lets_in() -> None:
    found = decided(policy('default = "hide"'), known())
    assert (found.action, found.rule, found.reason) == ("hide", "default", "no rule lets it in")
    assert decided(policy('default = "hide"'), known(), hosted=True).action == "allow"


DATED = '[data]\nadvisories = "2d"\n[[rule]]\nname = "r"\nwarn-if.kind = "sdist"\n[[rule]]\nname = "v"\nhide-if.vulns = true\n'


def test_data_that_are_too_old_close_the_view_and_say_which() -> None:
    fresh = known(ago(days=1), malware=False, vulnerabilities=())
    found = decided(policy(DATED), fresh)
    assert found.action == "allow"
    assert found.changes_at == NOW + timedelta(days=1)
    old = decided(policy(DATED), fresh, now=NOW + timedelta(days=1))
    assert (old.action, old.rule) == ("deny", "data")
    assert old.reason == (
        "the advisories data behind 'malware' are of 2026-11-27 12:00 UTC, and may be 2 days old; rule 'known malware' needs them"
    )
    missing = decided(policy(DATED), known())
    assert (missing.action, missing.rule) == ("deny", "data")
    assert missing.reason.startswith("there are no advisories data to answer 'malware'")


def test_data_without_a_date_cannot_age_and_missing_data_may_be_called_unknown() -> None:
    assert decided(policy(DATED), known(malware=False, vulnerabilities=())).action == "allow"
    lenient = DATED.replace('"2d"', '{ max-age = "2d", missing = "unknown" }')
    assert decided(policy(lenient), known()).action == "allow"
    assert decided(policy(lenient), known(ago(days=3), malware=False)).rule == "data"


def test_a_limit_of_one_signal_counts_before_that_of_its_kind() -> None:
    found = policy('[data]\nadvisories = "2d"\nmalware = "30d"\n[[rule]]\nname = "v"\nhide-if.vulns = true\n')
    facts = Known({"malware": Fact(False, "a", ago(days=10)), "vulnerabilities": Fact((), "a", ago(days=1))})
    assert decided(found, facts).action == "allow"


def test_an_exception_spares_from_a_rule_whose_data_are_too_old() -> None:
    text = (
        DATED
        + '[[exception]]\npackage = "demo"\nrules = ["v", "known malware"]\nreason = "offline"\nowner = "a"\nexpires = 2026-12-31\n'
    )
    assert decided(policy(text), known()).action == "allow"


def test_data_that_only_a_warning_needs_warn() -> None:
    text = '[data]\npopularity = "2d"\n[[rule]]\nname = "r"\nwarn-if.downloads = "< 10"\n'
    assert decided(policy(text), known()).action == "warn"


def test_what_excuses_a_file_counts_for_nothing_if_its_data_are_too_old() -> None:
    text = '[data]\nadvisories = { max-age = "2d", missing = "unknown" }\n[[rule]]\nname = "r"\nhide-if.kind = "sdist"\nunless.vulns = false\n'
    assert (
        decided(policy(text), Known({"kind": Fact("sdist", "a"), "vulnerabilities": Fact((), "a", ago(days=1))})).action
        == "allow"
    )
    assert (
        decided(policy(text), Known({"kind": Fact("sdist", "a"), "vulnerabilities": Fact((), "a", ago(days=3))})).rule
        == "r"
    )


def test_a_reason_of_the_author_stands_before_what_is_the_case() -> None:
    text = '[[rule]]\nname = "r"\nhide-if.age = "< 7d"\nreason = "new files wait"\n'
    assert decided(policy(text), known(age=ago(days=3))).reason == (
        "new files wait: uploaded 2026-11-25 12:00 UTC; waits 7 days, until 2026-12-02 12:00 UTC"
    )


def test_ten_thousand_decisions_ask_each_fact_a_few_times() -> None:
    """Counted, not timed: scripts/bench_policy.py has the seconds."""
    strict = policy("", level="strict")
    facts = known(
        ago(hours=1), age=ago(days=100), malware=False, removed=False, status="active", malformed=False, kind="wheel",
        vulnerabilities=(), yanked=False, archive=frozenset(), **{"internal-name": False, "similar-to": None},
    )  # fmt: skip
    for _ in range(100):
        decided(strict, facts)
    assert len(facts.asked) <= 100 * 2 * sum(len(one.tables[0]) for one in strict.rules)


def test_a_file_that_is_not_here_yet_is_not_closed_for_want_of_what_is_inside() -> None:
    text = (
        '[data]\nadvisories = "2d"\n[[rule]]\nname = "r"\ndeny-if.bundled-vulnerabilities = true\nunknown = "allow"\n'
    )
    fresh = known(ago(days=1), malware=False)
    assert decided(policy(text), fresh).action == "allow"
    inside = Known({**fresh.facts, "bundled-vulnerabilities": Fact((), "a", ago(days=3))})
    assert decided(policy(text), inside).rule == "data"
    assert decided(policy(text.replace("advisories", "bundled-vulnerabilities")), fresh).rule == "data"

"""``changes_at`` is right: until then the same facts lead to the same decision, and then to another."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from hypothesis import example, given, settings
from hypothesis import strategies as st

from customhouse.formats.policy.model import Decision, Fact
from customhouse.formats.policy.signals import Fix, Publisher
from policies import NOW, Known, ago, decided, policy

_AGES = ("age", "project-age", "added-file-age", "owner-changed")
_OPERATORS = ("<", "<=", ">", ">=")
_conditions = st.lists(
    st.tuples(st.sampled_from(_AGES), st.sampled_from(_OPERATORS), st.sampled_from(("36h", "3d", "7d", "2w", "30d"))),
    min_size=1, max_size=3, unique_by=lambda one: one[0],
)  # fmt: skip
_rules = st.tuples(
    st.sampled_from(("deny", "hide", "warn", "hold", "allow")), _conditions, st.sampled_from(("skip", "allow", "deny", "warn")),
    st.sampled_from(("", 'unless.fixes = "high"', 'unless.age = "> 5d"')),
)  # fmt: skip
_moments = st.floats(-3, 40, allow_nan=False).map(lambda days: ago(days=days))
_facts = st.fixed_dictionaries({}, optional=dict.fromkeys(_AGES, _moments))
_exceptions = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 60)), max_size=3)


def _written(rules: list[tuple[str, list[tuple[str, str, str]], str, str]], exceptions: list[tuple[int, int]]) -> str:
    text = '[data]\nadvisories = { max-age = "10d", missing = "unknown" }\n'
    for number, (action, conditions, unknown, unless) in enumerate(rules):
        said = unknown if action != "allow" or unknown in ("skip", "allow") else "skip"
        text += f'[[rule]]\nname = "{number}"\nunknown = "{said}"\n{unless}\n'
        text += "".join(f'{action}-if.{signal} = "{sign} {length}"\n' for signal, sign, length in conditions)
    for number, days in exceptions:
        day = (NOW + timedelta(days=days)).date()
        text += f'[[exception]]\npackage = "demo"\nrules = ["{number % len(rules)}"]\nreason = "r"\nowner = "o"\nexpires = {day}\n'
    return text


def _same(one: Decision, other: Decision) -> bool:
    return replace(one, changes_at=None) == replace(other, changes_at=None)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(_rules, min_size=1, max_size=4), _exceptions, _facts, st.booleans(), st.floats(0, 30, allow_nan=False)
)  # fmt: skip
@example([("hide", [("age", "<", "7d")], "skip", 'unless.fixes = "high"')], [], {"age": ago(hours=2)}, True, 0.5)
@example([("hide", [("age", "<=", "7d")], "skip", "")], [(0, 2)], {"age": ago(days=6)}, False, 0.5)
def test_a_decision_stands_until_it_changes(
    rules: list[tuple[str, list[tuple[str, str, str]], str, str]], exceptions: list[tuple[int, int]],
    ages: dict[str, datetime], fixes: bool, data_days: float,
) -> None:  # fmt: skip
    facts = {name: Fact(value, "a") for name, value in ages.items()}
    facts["malware"] = Fact(False, "a", ago(days=data_days))
    if fixes:
        facts |= {
            "fixes": Fact((Fix("PYSEC-1", "high", ago(days=1), True),), "a"), "publisher-changed": Fact(False, "a"),
            "attested": Fact(Publisher("GitHub", "a/b", True), "a"),
        }  # fmt: skip
    found = policy(_written(rules, exceptions))
    at = NOW
    for _ in range(60):
        decision = decided(found, Known(facts), now=at)
        until = decision.changes_at
        if until is None:
            assert _same(decided(found, Known(facts), now=at + timedelta(days=3000)), decision)
            return
        assert until > at
        for between in (at, at + (until - at) / 2, until - timedelta(microseconds=1), until - timedelta(seconds=1)):
            if between >= at:
                assert _same(decided(found, Known(facts), now=between), decision)
        assert not _same(decided(found, Known(facts), now=until), decision)
        at = until
    raise AssertionError("a decision of a few rules changes a few times")


def test_a_wait_ends_to_the_second() -> None:
    wait = policy('[[rule]]\nname = "r"\nhide-if.age = "< 7d"')
    facts = Known({"age": Fact(ago(days=3), "pypi")})
    found = decided(wait, facts)
    assert found.changes_at == NOW + timedelta(days=4)
    assert decided(wait, facts, now=NOW + timedelta(days=4, seconds=-1)) == found
    assert decided(wait, facts, now=NOW + timedelta(days=4)).action == "allow"


def test_a_file_that_is_denied_for_good_changes_never() -> None:
    both = policy(
        '[[rule]]\nname = "r"\nhide-if.age = "< 7d"\n[[rule]]\nname = "s"\ndeny-if.yanked = true\nalways = true'
    )
    assert decided(both, Known({"age": Fact(ago(days=3), "a"), "yanked": Fact(True, "a")})).changes_at is None

"""Whatever stands in a policy, it is read or refused with a line; and what was read decides about any facts."""

from __future__ import annotations

from typing import Any

import pytest
import tomlkit
from hypothesis import given, settings
from hypothesis import strategies as st

from customhouse.formats.policy.decide import decide, explain
from customhouse.formats.policy.level_texts import level_text
from customhouse.formats.policy.model import Fact
from customhouse.formats.policy.read import read_policy
from customhouse.formats.policy.rejected import BadPolicy
from customhouse.formats.policy.rule import Policy
from customhouse.formats.policy.signals import SIGNALS, Fix, Publisher, Vulnerability
from policies import NOW, Known, ago

BALANCED = level_text("balanced")
_values = st.recursive(
    st.booleans() | st.integers() | st.floats() | st.dates() | st.datetimes() | st.sampled_from(
        ["< 7d", "> 5", ">= high", "high", "missing", "GPL-*", "MIT", ">=1,<2", "pth-file", "*", "[", "a[b", "wheel", "", " ", "== 1", "1e999"]
    ) | st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["severity", "score", "epss", "kev", "has-fix", "id", "in", "not-in", "is", "matches", "missing", "publisher", "repository", "verified", "not", "x"]), inner, max_size=3
    ), max_leaves=5,
)  # fmt: skip
_rule = st.fixed_dictionaries(
    {"name": st.sampled_from(["a", "b", "cooldown"]) | _values},
    optional={
        "packages": _values, "hosted": _values, "unknown": st.sampled_from(["allow", "warn", "deny"]) | _values, "action": st.sampled_from(["warn", "deny"]) | _values,
        "always": _values, "reason": _values, "deny-if": st.dictionaries(st.sampled_from(sorted(SIGNALS)), _values, max_size=3) | _values,
        "unless": st.dictionaries(st.sampled_from(sorted(SIGNALS)), _values, max_size=2) | _values,
    },
)  # fmt: skip
_policy = st.fixed_dictionaries(
    {"rule": st.lists(_rule, max_size=2) | _values},
    optional={"level": st.sampled_from(["open", "strict"]) | _values, "default": _values, "unknown": _values, "internal": _values, "without": _values, "data": _values,
              "exception": st.lists(st.dictionaries(st.sampled_from(["package", "version", "rules", "reason", "owner", "expires", "vex"]), _values, max_size=7), max_size=2) | _values},
)  # fmt: skip
_fact = st.none() | st.booleans() | st.floats() | st.text(max_size=5) | st.just(ago(days=3)) | st.frozensets(st.text(max_size=5), max_size=2) | st.lists(
    st.sampled_from([Vulnerability("CVE-1"), Vulnerability("CVE-2", severity="high", fixed_in=("2",))]), max_size=2
).map(tuple) | st.just((Fix("CVE-1", "high", ago(days=3), True),)) | st.just(Publisher("GitHub", "a/b", True))  # fmt: skip


def _read(text: str) -> Policy | None:
    refusal: BadPolicy | None = None
    try:
        return read_policy(text, now=NOW)
    except BadPolicy as error:
        refusal = error
    assert 1 <= refusal.line <= text.count("\n") + 1
    assert len(str(refusal)) < 2000
    return None


@settings(max_examples=200, deadline=None)
@given(_policy, st.dictionaries(st.sampled_from(sorted(SIGNALS)), _fact, max_size=6))
def test_any_document_is_read_or_refused_with_a_line(document: dict[str, Any], facts: dict[str, Any]) -> None:
    text = tomlkit.dumps(document)
    found = _read(text)
    if found is None:
        return
    known = Known({signal: Fact(value, "a test", NOW) for signal, value in facts.items()})
    for version in ("1.0", "no version"):
        one = decide(found, known, now=NOW, hosted=False, name="demo", version=version)
        told = explain(found, known, now=NOW, hosted=False, name="demo", version=version)
        assert (one.action, one.rule, one.reason, one.changes_at) == (
            told.action,
            told.rule,
            told.reason,
            told.changes_at,
        )
        assert len(told.matches) == len(found.rules)


CONDITIONS: dict[str, list[Any]] = {
    "age": ["< 7d", ["< 1d", "> 9d"]], "number": ["< 5", 3], "text": ["a*", True, {"not-in": ["a*"]}],
    "set": ["pth-file", {"not-in": ["pth-file"]}, True], "flag": [True, False],
    "vulnerabilities": [True, False, ">= high", {"severity": "high", "score": "> 5", "epss": "> 0.5", "id": "CVE-*"}],
    "publisher": [True, False, {"publisher": "GitHub", "repository": "a/*", "verified": True}], "fixes": [True, "high"],
    "licence": ["MIT", {"not-in": ["MIT"]}],
}  # fmt: skip


@pytest.mark.parametrize("signal", sorted(SIGNALS))
@settings(max_examples=30, deadline=None)
@given(facts=st.lists(_fact, min_size=1, max_size=4))
def test_no_answer_is_so_odd_that_a_condition_fails_on_it(signal: str, facts: list[Any]) -> None:
    kind = SIGNALS[signal]
    wanted: list[Any] = [kind.words[0], {"not-in": [kind.words[0]]}] if kind.words else CONDITIONS[kind.type]
    for one in ("missing", *([">=1", "==1.0"] if signal == "version" else wanted)):
        text = tomlkit.dumps({"level": "open", "rule": [{"name": "r", "deny-if": {signal: one}, "unknown": "hold"}]})
        found = read_policy(text, now=NOW)
        for value in facts:
            known = Known({signal: Fact(value, "a test", NOW)})
            assert explain(found, known, now=NOW, hosted=False, name="demo", version="1.0").matches[-1].seen


@settings(max_examples=200, deadline=None)
@given(st.integers(0, len(BALANCED)), st.integers(0, 30), st.text(max_size=8))
def test_any_damage_to_a_text_is_read_or_refused_with_a_line(at: int, taken: int, put: str) -> None:
    _read(BALANCED[:at] + put + BALANCED[at + taken :])

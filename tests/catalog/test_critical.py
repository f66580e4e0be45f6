"""The rule of critical projects, the coverage curve, and what we need ourselves: rows and answers."""

from __future__ import annotations

import pytest

from customhouse.catalog.critical import Ranked, Rule, chosen, curve_of
from customhouse.infra.own_dependencies import own_dependencies
from customhouse.terms.errors import Rejected


@pytest.mark.parametrize(
    ("text", "projects", "picked"),
    [
        ("1%", 0, 0), ("1%", 1, 1), ("1%", 100, 1), ("1%", 101, 2), ("1%", 350_000, 3500), ("0.5%", 1000, 5),
        ("0.5%", 1001, 6), ("100%", 7, 7), ("0%", 7, 0), ("100", 7, 7), ("3", 7, 3), ("0", 7, 0), ("off", 7, 0),
    ],
)  # fmt: skip
def test_a_share_is_rounded_up_and_a_number_is_taken_as_it_is(text: str, projects: int, picked: int) -> None:
    assert Rule.parse(text).picks(projects) == picked


@pytest.mark.parametrize("text", ["", "many", "-1", "101%", "1.2345%", "1 %", "1e3", "٣%"])
def test_another_rule_is_rejected(text: str) -> None:
    with pytest.raises(Rejected, match="rule"):
        Rule.parse(text)


def test_nobody_is_critical_whom_nobody_downloads() -> None:
    ranked = [Ranked("a", 1, 5), Ranked("b", 2, 0)]
    assert chosen(ranked, 200, Rule.parse("1%")) == [ranked[0]]


def test_the_curve_is_the_sum_of_the_largest() -> None:
    assert curve_of([50, 30, 20], 3) == [(1, 50), (2, 80), (3, 100)]
    assert curve_of([50, 30, 20], 9)[-1] == (9, 100)
    assert curve_of([], 0) == []
    long = curve_of([1] * 100_000, 100_000)
    assert long[-1] == (100_000, 100_000)
    assert 40 < len(long) < 60
    assert long == sorted(long)


def test_we_know_what_we_need_and_what_that_needs() -> None:
    needed = own_dependencies()
    assert {"sqlalchemy", "starlette", "anyio"} <= needed  # anyio because starlette asks for it
    assert "customhouse" not in needed
    assert "pytest" not in needed
    assert own_dependencies("nobody-has-installed-this") == frozenset()

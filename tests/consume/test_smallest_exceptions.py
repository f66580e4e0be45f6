"""The smallest set of exceptions: exact, where a greedy search is wrong."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from customhouse.consume.policy.smallest import Smallest, Trial, smallest_set

Solutions = list[frozenset[str]]


def trying(solutions: Solutions, heard: list[frozenset[str]] | None = None) -> Callable[[frozenset[str]], Trial]:
    """A resolver that passes if everything that one of the solutions needs is excepted; it looks at all of them."""
    names = frozenset().union(*solutions)

    def trial(excepted: frozenset[str]) -> Trial:
        if heard is not None:
            heard.append(excepted)
        return Trial(any(one <= excepted for one in solutions), names)

    return trial


def needs(*solutions: str) -> Solutions:
    return [frozenset(one.split()) for one in solutions]


def test_greedy_stops_at_two_where_one_is_enough() -> None:
    """The newest app needs a and b, and taking either away breaks it; an older app needs c alone."""
    assert smallest_set({"a", "b"}, trying(needs("a b", "c"))) == Smallest(frozenset({"c"}), proven=True)


def test_what_seemed_sufficient_is_thinned() -> None:
    assert smallest_set({"a", "b", "c"}, trying(needs("b"))).excepted == {"b"}


def test_nothing_is_excepted_if_nothing_is_needed() -> None:
    assert smallest_set({"a"}, trying([frozenset()])) == Smallest(frozenset(), proven=True)


def test_a_search_that_takes_too_long_says_so_and_still_passes() -> None:
    solutions = needs("a b c d", "e f g", "h i")
    found = smallest_set({"a", "b", "c", "d"}, trying(solutions), most_trials=3)
    assert not found.proven
    assert any(one <= found.excepted for one in solutions)


def test_no_trial_is_made_twice() -> None:
    heard: list[frozenset[str]] = []
    smallest_set({"a", "b"}, trying(needs("a b", "c d", "e"), heard))
    assert len(heard) == len(set(heard))


def test_projects_that_are_seen_only_on_the_way_count_too() -> None:
    """The resolver looks at c only once a is excepted, and d only after c."""

    def trial(excepted: frozenset[str]) -> Trial:
        asked = {"a", "z"} | ({"c"} if "a" in excepted else set()) | ({"d"} if "c" in excepted else set())
        return Trial({"a", "c", "d"} <= excepted or {"z", "y1", "y2", "y3"} <= excepted, frozenset(asked))

    assert smallest_set({"z", "y1", "y2", "y3"}, trial) == Smallest(frozenset({"a", "c", "d"}), proven=True)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.frozensets(st.sampled_from("abcdefg"), min_size=1, max_size=4), min_size=1, max_size=5))
def test_it_agrees_with_trying_every_set(solutions: Solutions) -> None:
    names = sorted(frozenset().union(*solutions))
    smallest = next(
        size for size in range(len(names) + 1)
        if any(any(one <= set(some) for one in solutions) for some in combinations(names, size))
    )  # fmt: skip
    largest = max(solutions, key=len)
    found = smallest_set(largest, trying(solutions))
    assert found.proven
    assert len(found.excepted) == smallest
    assert any(one <= found.excepted for one in solutions)
    for one in found.excepted:
        assert not any(solution <= found.excepted - {one} for solution in solutions), "each of them is needed"


@pytest.mark.parametrize("count", [1, 6])
def test_independent_needs_add_up(count: int) -> None:
    wanted = frozenset(f"p{number}" for number in range(count))
    assert smallest_set(wanted | {"more"}, trying([wanted])) == Smallest(wanted, proven=True)

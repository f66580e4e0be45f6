"""The bars on the labelled sample. `scripts/triage_report.py` prints the figures, per half and by name."""

from __future__ import annotations

from functools import cache

import pytest

from customhouse.advisories.triage.judge import judge
from customhouse.advisories.triage.model import Judgement
from triaging import is_noise, known_without, labels, sample


@cache
def judged() -> dict[str, Judgement]:
    """The sample, by what the PyPA's database tells without the advisories of the sample itself."""
    known = known_without(labels())
    return {cve: judge(sample()[cve], known) for cve in labels()}


def counted() -> list[tuple[str, frozenset[str], Judgement]]:
    """Label, packages and judgement of each record, but for the doubtful ones."""
    return [
        (row["label"], frozenset(row["packages"].split()), judged()[cve])
        for cve, row in labels().items()
        if not is_noise(row)
    ]


def taken(judgement: Judgement) -> set[str]:
    return {one.package for one in judgement.automatic}


def test_what_becomes_an_advisory_by_itself_is_right_and_much_does() -> None:
    by_itself = [(packages, taken(one)) for _, packages, one in counted() if one.automatic]
    right = [names for packages, names in by_itself if names <= packages]
    concerns = [packages for label, packages, _ in counted() if label.startswith("pypi")]
    assert len(right) / len(by_itself) >= 0.97
    assert len(right) / len(concerns) >= 0.60


def test_hardly_anything_that_concerns_a_package_is_lost() -> None:
    concerns = [(packages, one) for label, packages, one in counted() if label.startswith("pypi")]
    found = [packages for packages, one in concerns if packages & {each.package for each in one.candidates}]
    assert len(found) / len(concerns) >= 0.92


def test_hardly_anything_hard_becomes_an_advisory_and_nothing_easy() -> None:
    assert sum(bool(one.automatic) for label, _, one in counted() if label == "other-hard") <= 2
    assert not any(one.automatic for label, _, one in counted() if label == "other")


@pytest.mark.parametrize("cve", sorted(labels()))
def test_nothing_without_an_end_becomes_an_advisory_by_itself(cve: str) -> None:
    for one in judged()[cve].automatic:
        assert one.spans
        assert all(span.bounded for span in one.spans)

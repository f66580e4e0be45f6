"""How bad it is: vectors of three versions of CVSS, words, and what nobody has scored."""

from __future__ import annotations

from typing import Any

import pytest

from advisory_records import record
from customhouse.formats.osv.model import Severity
from customhouse.formats.osv.severity import UNSCORED, Level, Score, highest, level_of, read_score, score_of

V2 = "AV:N/AC:L/Au:N/C:C/I:C/A:C"
V3 = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N"
V30 = "CVSS:3.0/AV:L/AC:H/PR:H/UI:R/S:U/C:L/I:N/A:N"
V4 = "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N"


@pytest.mark.parametrize(
    ("kind", "vector", "level", "base"),
    [
        ("CVSS_V2", V2, Level.CRITICAL, 10.0),
        ("CVSS_V3", V3, Level.HIGH, 7.5),
        ("CVSS_V3", V30, Level.LOW, 1.8),
        ("CVSS_V4", V4, Level.CRITICAL, 9.3),
        ("CVSS_V3", "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N", Level.NONE, 0.0),
        # A score is that of the base metrics, whatever time and place add.
        ("CVSS_V3", f"{V3}/E:U/RL:O/RC:U", Level.HIGH, 7.5),
    ],
)
def test_a_vector_is_scored(kind: str, vector: str, level: Level, base: float) -> None:
    assert read_score(Severity(kind, vector)) == Score(level, base, vector)


@pytest.mark.parametrize(
    ("kind", "score"),
    [
        ("CVSS_V3", "CVSS:3.1/AV:N"),
        ("CVSS_V3", "9.8"),
        ("CVSS_V3", ""),
        ("CVSS_V3", "CVSS:3.1/" + "AV:N/" * 1000),
        ("CVSS_V4", V3),
        ("CVSS_V5", V4),
        ("Ubuntu", "high"),
    ],
)
def test_what_cannot_be_read_is_no_score(kind: str, score: str) -> None:
    assert read_score(Severity(kind, score)) is None


@pytest.mark.parametrize(
    ("more", "level"),
    [
        ({}, Level.UNKNOWN),
        ({"severity": [{"type": "CVSS_V3", "score": "nonsense"}]}, Level.UNKNOWN),
        ({"severity": [{"type": "CVSS_V3", "score": V30}, {"type": "CVSS_V4", "score": V4}]}, Level.CRITICAL),
        ({"database_specific": {"severity": "MODERATE"}}, Level.MEDIUM),
        ({"database_specific": {"severity": "Dreadful"}}, Level.UNKNOWN),
        ({"database_specific": {"severity": ["HIGH"]}}, Level.UNKNOWN),
        ({"severity": [{"type": "CVSS_V3", "score": V3}], "database_specific": {"severity": "LOW"}}, Level.HIGH),
    ],
)
def test_a_record_has_the_highest_of_its_scores(more: dict[str, Any], level: Level) -> None:
    assert score_of(record([{"introduced": "0"}], **more)).level is level


def test_a_score_at_the_package_counts() -> None:
    affected = {"package": {"ecosystem": "PyPI", "name": "demo"}, "severity": [{"type": "CVSS_V3", "score": V3}]}
    assert score_of(record(affected=[affected])).base == 7.5


def test_the_worst_of_a_group_counts_and_unknown_stays_unknown() -> None:
    low, high = Score(Level.LOW, 3.1), Score(Level.HIGH, 7.5)
    assert highest([UNSCORED, low, high]) == high
    assert highest([Score(Level.HIGH), high]) == high
    assert highest([UNSCORED, UNSCORED]) == UNSCORED
    assert highest([]) == UNSCORED


@pytest.mark.parametrize(
    ("base", "level"),
    [
        (0.0, Level.NONE), (0.1, Level.LOW), (3.9, Level.LOW), (4.0, Level.MEDIUM), (6.9, Level.MEDIUM),
        (7.0, Level.HIGH), (8.9, Level.HIGH), (9.0, Level.CRITICAL), (10.0, Level.CRITICAL),
    ],
)  # fmt: skip
def test_the_words_of_a_score(base: float, level: Level) -> None:
    assert level_of(base) is level

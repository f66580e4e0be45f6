"""What verdicts say about reports, and what reports say about reporters."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Literal

import pytest

from customhouse.reports.claim import Kind
from customhouse.reports.model import Outcome, Past, Reputation, Verdict, outcome, reputation

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("kind", "verdict", "expected"),
    [
        ("malware", "", "open"),
        ("malware", "malware", "confirmed"),
        ("spam", "malware", "confirmed"),
        ("something-else", "malware", "confirmed"),
        ("malware", "spam", "neutral"),
        ("spam", "spam", "confirmed"),
        ("something-else", "typosquat", "confirmed"),
        ("typosquat", "dependency-confusion", "neutral"),
        ("malware", "not-malware", "rejected"),
        ("spam", "not-malware", "neutral"),
        ("spam", "unfounded", "rejected"),
        ("malware", "unfounded", "rejected"),
        ("malware", "no-action", "neutral"),
        ("malware", "duplicate", "neutral"),
    ],
)
def test_what_a_verdict_says_about_a_report(kind: Kind, verdict: Verdict | Literal[""], expected: Outcome) -> None:
    assert outcome(kind, verdict) == expected


def past(verdict: Verdict | Literal[""], days_ago: float = 1, kind: Kind = "malware") -> Past:
    return Past(kind, verdict, NOW - days_ago * DAY if verdict else None)


GOOD, BAD = past("malware"), past("not-malware")


@pytest.mark.parametrize(
    ("pasts", "trusted_at", "expected"),
    [
        ([], None, Reputation()),
        ([past("")], None, Reputation(open=1)),
        ([GOOD, BAD, past(""), past("duplicate")], None, Reputation(1, 1, 1)),
        # Only the mark makes somebody trusted.
        ([GOOD] * 5, None, Reputation(confirmed=5)),
        ([], NOW - DAY, Reputation(trusted=True)),
        # The mark counts like one confirmed report, and what was before it does not count.
        ([BAD], NOW - 2 * DAY, Reputation(rejected=1)),
        ([BAD, GOOD], NOW - 2 * DAY, Reputation(1, 1, trusted=True)),
        ([BAD, BAD, GOOD], NOW - 2 * DAY, Reputation(1, 2)),
        ([BAD, BAD], NOW - DAY / 2, Reputation(rejected=2, trusted=True)),
        # Three false reports and no good one within 90 days silence.
        ([BAD] * 2, None, Reputation(rejected=2)),
        ([BAD] * 3, None, Reputation(rejected=3, silenced=True)),
        ([BAD] * 3 + [past("malware", 91)], None, Reputation(1, 3, silenced=True)),
        ([BAD] * 3 + [past("malware", 89)], None, Reputation(1, 3)),
        ([BAD] * 2 + [past("not-malware", 91)], None, Reputation(rejected=3)),
    ],
)
def test_reputation_is_counted_from_verdicts(
    pasts: list[Past], trusted_at: datetime | None, expected: Reputation
) -> None:
    assert reputation(pasts, trusted_at, NOW) == expected

"""What a verdict says about each report, and what a reporter's past is worth. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, get_args

from customhouse.reports.claim import Kind

Verdict = Literal[
    "malware", "spam", "typosquat", "dependency-confusion", "not-malware", "unfounded", "no-action", "duplicate"
]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
HARMFUL: tuple[Verdict, ...] = ("malware", "spam", "typosquat", "dependency-confusion")
"""Verdicts that hold something back."""
CLEARING: tuple[Verdict, ...] = ("not-malware", "unfounded")
"""Verdicts after which reports alone quarantine nothing before the next upload."""

Outcome = Literal["open", "confirmed", "rejected", "neutral"]

MEMORY = timedelta(days=90)
"""How far back rejected reports silence a reporter."""
SILENCED_AFTER = 3


def outcome(kind: Kind, verdict: Verdict | Literal[""]) -> Outcome:
    """What a verdict says about one report of its case.

    While the case is open, nothing. A verdict of malware confirms every report, for it is worse than all of them;
    another harmful verdict confirms the reports of its own kind and those of something else. "Not malware" rejects the
    reports of malware, "unfounded" rejects every report. Anything else says neither: a report of malware that turned
    out to be spam was no lie, and a duplicate or a case that needs no action is nobody's merit or fault.
    """
    if verdict == "":
        return "open"
    if verdict == "malware" or (verdict in HARMFUL and kind in (verdict, "something-else")):
        return "confirmed"
    if verdict == "unfounded" or (verdict == "not-malware" and kind == "malware"):
        return "rejected"
    return "neutral"


@dataclass(frozen=True, slots=True)
class Past:
    """One earlier report: its kind and what became of its case."""

    kind: Kind
    verdict: Verdict | Literal[""]
    decided_at: datetime | None


@dataclass(frozen=True, slots=True)
class Reputation:
    """What a reporter's earlier reports came to. Counted each time it is asked, never stored."""

    confirmed: int = 0
    rejected: int = 0
    open: int = 0
    trusted: bool = False
    silenced: bool = False


def reputation(pasts: Iterable[Past], trusted_at: datetime | None, now: datetime) -> Reputation:
    """Count what became of somebody's reports, and say whether he is trusted or silenced.

    Trusted is whom an operator has marked as reliable, as long as more of his reports have been confirmed than rejected
    since then; the operator's mark speaks for him like one confirmed report. Silenced is who has had three reports
    rejected and none confirmed in the last 90 days: he may report, and an operator will read it, but no program acts on
    it.
    """
    confirmed = rejected = still_open = since_mark = recent_confirmed = recent_rejected = 0
    for past in pasts:
        found = outcome(past.kind, past.verdict)
        still_open += found == "open"
        if past.decided_at is None or found not in ("confirmed", "rejected"):
            continue
        good = found == "confirmed"
        confirmed += good
        rejected += not good
        if trusted_at is not None and past.decided_at >= trusted_at:
            since_mark += 1 if good else -1
        if now - past.decided_at <= MEMORY:
            recent_confirmed += good
            recent_rejected += not good
    return Reputation(
        confirmed,
        rejected,
        still_open,
        trusted=trusted_at is not None and since_mark + 1 > 0,
        silenced=recent_rejected >= SILENCED_AFTER and recent_confirmed == 0,
    )

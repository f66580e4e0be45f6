"""Point 7: nothing was signed before it was tested, and upstream got its tag after publication, by the log's clock."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from customhouse.release.events import Attested
from customhouse.release.evidence.points.case import Case, Finding, Point, either, unknown
from customhouse.release.evidence.signatures import Proved
from customhouse.release.evidence.statements import uris


def ordered(case: Case) -> Point:
    """By the journal's own order, and by the times that log and timestamp authority have signed."""
    findings = either(list(_by_journal(case)), "in the journal: tested, signed, published, and the tag upstream last")
    findings += _by_log(case)
    return Point(7, "Order", tuple(findings), "the clock of the log or timestamp authority")


def _by_journal(case: Case) -> Iterator[str]:
    steps = case.state.steps
    tests = [steps[one.id] for one in case.state.pipeline.steps if one.uses.startswith("test.")]
    signs = [steps[one.id] for one in case.told.used("sign.all")]
    lasts = [steps[one.id] for one in case.told.used("git.push_last")]
    tested = max((one.ended_at for one in tests if one.ended_at and one.status == "done"), default=None)
    for one in signs:
        if tested and one.started_at and one.started_at < tested:
            yield f"{one.id} began before the tests had ended"
    published = case.state.published_at
    for one in lasts:
        if one.status == "done" and (published is None or one.started_at is None or one.started_at < published):
            yield f"{one.id} began before the release was published"
    for one in signs:
        if published and one.ended_at and one.ended_at > published:
            yield f"{one.id} ended after the release was published"


def _by_log(case: Case) -> list[Finding]:
    tested = _times(case, "test.install", "test.exec", kind=uris.TEST_RESULT)
    signed = list(case.signatures.values())
    released = _times(case, "index.publish", kind=uris.RELEASE)
    pushed = _times(case, "git.push_last")
    findings: list[Finding] = []
    for first, second, good, bad in (
        (tested, signed, "signed after the tests", "a file was signed before the tests had been said to hold"),
        (released, pushed, "the tag went upstream after publication", "the tag went upstream before publication"),
    ):
        if not first or not second:
            findings.append(unknown(f"no signed times show that {good}"))
            continue
        late, early = max(first, key=_place), min(second, key=_place)
        wrong = [bad] if any(_before(one, other) for one in second for other in first) else []
        findings += either(wrong, f"by signed time: {good} ({_clock(late.signed_at)}, {_clock(early.signed_at)})")
    return findings


def _before(one: Proved, other: Proved) -> bool:
    """Whether one came first: by their places in one log, else by time."""
    if (one.log_id, one.tree) == (other.log_id, other.tree):
        return one.log_index < other.log_index
    return one.signed_at < other.signed_at


def _place(one: Proved) -> tuple[datetime, int]:
    return one.signed_at, one.log_index


def _times(case: Case, *actions: str, kind: str = "") -> list[Proved]:
    steps = {step.id for step in case.told.used(*actions)}
    names = {
        line.event.bundle.name
        for line in case.told.attested
        if isinstance(line.event, Attested)
        and line.event.step in steps
        and (not kind or line.event.predicate_type == kind)
    }
    return [
        one.proved
        for one in case.attestations
        if one.proved is not None
        and one.owed is not None
        and one.owed.name in names
        and not one.owed.name.endswith(".approval.sigstore.json")
        and getattr(one.owed.line.event, "attempt", 1) == case.state.steps[one.owed.step].attempt
    ]


def _clock(at: datetime) -> str:
    return f"{at:%H:%M:%S}"

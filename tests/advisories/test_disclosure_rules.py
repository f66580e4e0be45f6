"""The states of a case, its clocks and its draft, as tables."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from customhouse.advisories.disclosure.clocks import DECIDE, DISCLOSE, alarms_of, clocks_of, may_extend
from customhouse.advisories.disclosure.draft import Draft, Span, parse_draft
from customhouse.advisories.disclosure.model import (
    LINE,
    NEXT,
    OVER,
    STATES,
    Audience,
    Case,
    Member,
    State,
    hears,
    may_move,
    may_publish,
    ways_on,
)
from customhouse.terms.errors import Rejected

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
DAY = timedelta(days=1)
CASE = Case(
    1, "x" * 26, 1, "It leaks", "received", "", NOW, None, None, NOW + DISCLOSE, None, None, None, None, None, [],
    "X-2026-1", "", "", None, {}, None, None,
)  # fmt: skip


def test_every_state_leads_somewhere_or_is_an_end() -> None:
    assert set(NEXT) == set(STATES)
    reached = {"received", "disputed", "withdrawn", "published"} | {one for ways in NEXT.values() for one in ways}
    assert reached == set(STATES)
    for before, after in itertools.pairwise(LINE):
        by_a_step = after in NEXT[before]
        assert by_a_step or after == "published"


@pytest.mark.parametrize("state", STATES)
def test_only_the_button_publishes_and_whoever_is_no_handler_only_disputes(state: State) -> None:
    case = replace(CASE, state=state, before="fixing" if state == "disputed" else "")
    assert "published" not in ways_on(case)
    for wanted in STATES:
        refusal = may_move(case, wanted, handles=False)
        assert (refusal is None) == (wanted == "disputed" and case.open and state != "disputed")
    assert (may_publish(case) is None) == (state in ("fix-ready", "notified", "scheduled"))
    exploited = may_publish(replace(case, exploited_at=NOW))
    assert (exploited is None) == (
        state in ("accepted", "cve-reserved", "fixing", "fix-ready", "notified", "scheduled")
    )


def test_a_dispute_goes_back_to_where_it_was() -> None:
    disputed = replace(CASE, state="disputed", before="fixing")
    assert ways_on(disputed) == ("fixing", "withdrawn")


def due(case: Case, now: datetime) -> list[tuple[str, bool]]:
    return [(one.what, one.late) for one in alarms_of(case, now)]


def test_the_clocks_warn_and_then_say_that_it_is_late() -> None:
    assert due(CASE, NOW) == []
    assert due(CASE, NOW + 2 * DAY) == [("acknowledge", False)]
    assert due(CASE, NOW + 3 * DAY) == [("acknowledge", True)]
    told = replace(CASE, told=[one.key for one in alarms_of(CASE, NOW + 3 * DAY)])
    assert due(told, NOW + 4 * DAY) == []
    seen = replace(CASE, state="triage", acknowledged_at=NOW)
    assert due(seen, NOW + DECIDE) == [("decide", True)]
    fixing = replace(seen, state="fixing", decided_at=NOW)
    assert due(fixing, NOW + 76 * DAY) == [("disclose", False)]
    assert due(fixing, NOW + 90 * DAY) == [("disclose", True)]
    assert due(replace(fixing, exploited_at=NOW), NOW) == [("exploited", True)]
    assert due(replace(fixing, state="scheduled", scheduled_for=NOW + DAY), NOW) == [("today", False)]


@pytest.mark.parametrize("state", sorted(OVER))
def test_no_clock_runs_in_a_case_that_is_over(state: State) -> None:
    assert clocks_of(replace(CASE, state=state)) == ()


@pytest.mark.parametrize(
    ("change", "code"),
    [({}, None), ({"extended_at": NOW}, "extended-already"), ({"exploited_at": NOW}, "exploited"),
     ({"state": "closed"}, "case-over")],
)  # fmt: skip
def test_time_is_extended_once_and_never_while_it_is_exploited(change: dict[str, object], code: str | None) -> None:
    refusal = may_extend(replace(CASE, **change), "The fix breaks builds.")  # type: ignore[arg-type]
    assert (refusal.code if refusal else None) == code
    assert may_extend(CASE, "") is not None


@pytest.mark.parametrize(
    ("role", "agreed", "audience", "mine", "heard"),
    [
        ("reporter", False, "case", False, True), ("reporter", False, "handlers", False, False),
        ("reporter", False, "downstreams", False, False), ("owner", False, "handlers", False, True),
        ("coordinator", False, "downstreams", False, True), ("downstream", False, "downstreams", False, False),
        ("downstream", True, "downstreams", False, False), ("downstream", True, "downstreams", True, True),
        ("downstream", True, "case", False, False),
    ],
)  # fmt: skip
def test_who_hears_what_is_said(role: str, agreed: bool, audience: Audience, mine: bool, heard: bool) -> None:
    member = Member(7, 1, "y" * 26, role, 1, "", "", "", False, NOW, NOW if agreed else None, NOW, "unknown", None)  # type: ignore[arg-type]
    assert hears(member, audience, 7 if mine else 8) is heard


def test_a_draft_is_read_and_written_back() -> None:
    form = {
        "title": "It  leaks", "details": "Much.\r\nIndeed.", "vector": "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N",
        "spans": "0 1.1\n2.0 -", "weaknesses": "cwe-22, CWE-79", "references": "https://e.example/a",
    }  # fmt: skip
    draft = parse_draft(form)
    assert draft.spans == (Span("0", "1.1"), Span("2.0", ""))
    assert (draft.score.level.word, draft.weaknesses) == ("critical", ("CWE-22", "CWE-79"))
    assert Draft.of(draft.row) == draft
    assert parse_draft({**form, "spans": draft.spans_text}) == draft
    assert Draft().missing() == (
        "a title", "a description", "a CVSS vector", "the affected versions", "the kind of weakness (CWE)",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("vector", "CVSS:2.0/x"), ("vector", "high"), ("spans", "1.1 1.0"), ("spans", "1 2 3"), ("spans", "one"),
        ("weaknesses", "CWE-x"), ("references", "javascript:alert(1)"), ("references", "https://"), ("title", "x" * 201),
        ("details", "x" * 20_001), ("spans", "0 1\n" * 31),
    ],
)  # fmt: skip
def test_what_could_not_be_published_is_refused_when_it_is_typed(field: str, text: str) -> None:
    with pytest.raises(Rejected):
        parse_draft({field: text})

"""A policy on the log: what could not be looked at is told, and never counts as passed."""

from __future__ import annotations

from typing import Any

import pytest

from customhouse.cli.policy_simulate_log import report_of
from customhouse.views.log.tables import view_decision
from letting_in import LettingIn
from packages import wheel

pytestmark = pytest.mark.slow


def note(views: LettingIn, client: bytes, project: str, version: str) -> None:
    """Somebody was given a wheel through the view, today."""
    row: dict[str, Any] = {
        "view": "main", "day": views.world.clock.now().date(), "client": client, "project": project, "kind": "file",
        "filename": wheel(project, version).filename, "version": version, "verdict": "allow", "rule": "",
        "agent": "pip", "ci": False, "times": 1,
    }  # fmt: skip
    with views.world.app.database.write() as sql:
        sql.execute(view_decision.insert().values(**row))


def test_what_is_gone_since_is_a_gap_and_its_builds_have_not_passed(small_views: LettingIn) -> None:
    note(small_views, b"a" * 16, "demo", "1.0")
    note(small_views, b"b" * 16, "demo", "0.1")
    note(small_views, b"c" * 16, "nowhere", "1.0")
    report = report_of(small_views.world.app, "main", 'level = "open"\n', "open", 7)
    assert report.log is not None
    assert (report.log.builds, report.log.passed, report.log.builds_failed) == (3, 1, 0)
    assert {one.where for one in report.gaps} == {"demo", "nowhere"}
    assert report.partial
    assert not report.breaks


def test_a_log_of_which_only_a_part_was_looked_at_is_told_as_one(
    small_views: LettingIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    note(small_views, b"a" * 16, "demo", "1.0")
    note(small_views, b"b" * 16, "demo", "1.0")
    monkeypatch.setattr("customhouse.cli.policy_simulate_log.MOST_LINES", 1)
    report = report_of(small_views.world.app, "main", 'level = "open"\n', "open", 7)
    assert report.log is not None
    assert report.log.cut
    assert report.partial

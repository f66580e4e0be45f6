"""What a policy would do, as JSON for programs. Keys stay; new ones may come."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from statistics import median

from customhouse.consume.policy.exceptions_toml import exceptions_toml
from customhouse.consume.policy.model import Dead, Outcome, Report, Verdict
from customhouse.consume.policy.write.table import counted, exceptions_of


def json_report(report: Report, now: datetime) -> str:
    """The whole text, with a line feed at the end."""
    values = {
        "view": report.view,
        "policy": report.policy,
        "as_of": _moment(report.as_of),
        "breaks": report.breaks,
        "partial": report.partial,
        "rules": [
            {"action": action, "rule": rule, "versions": number} for action, rule, number in counted(report.verdicts)
        ],
        "targets": [_outcome(one) for one in report.outcomes],
        "newest": [asdict(one) for one in report.newest],
        "fixes_delayed": [asdict(one) for one in report.delayed],
        "median_wait_days": median(report.waits) if report.waits else None,
        "attacks": [one._asdict() for one in report.attacks],
        "log": asdict(report.log) if report.log is not None else None,
        "exceptions": exceptions_toml(exceptions_of(report), now),
        "gaps": [one._asdict() for one in report.gaps],
    }
    return json.dumps(values, ensure_ascii=False, indent=2) + "\n"


def _outcome(one: Outcome) -> dict[str, object]:
    return {
        "target": one.target.title,
        "kind": one.target.kind,
        "satisfiable": one.satisfiable,
        "relocks": one.relocks,
        "refused": [_verdict(row) for row in one.verdicts if row.refused],
        "moved": [row._asdict() for row in one.moved],
        "unsatisfiable": [_dead(row) for row in one.dead],
        "exceptions": [
            {"package": row.name, "version": row.version, "rules": list(row.rules)} for row in one.exceptions
        ],
        "smallest": one.proven,
        "confirmed": one.confirmed,
        "uv": one.said,
        "gaps": [gap._asdict() for gap in (*one.target.gaps, *one.gaps)],
    }


def _verdict(one: Verdict) -> dict[str, object]:
    return {**asdict(one), "rules": list(one.rules), "changes_at": _moment(one.changes_at)}


def _dead(one: Dead) -> dict[str, object]:
    return {
        "name": one.name,
        "paths": [[step._asdict() for step in path] for path in one.paths],
        "hidden": [{"version": version, "rule": rule, "reason": why} for version, rule, why in one.hidden],
        "left": list(one.left),
    }


def _moment(moment: datetime | None) -> str | None:
    return moment.isoformat().replace("+00:00", "Z") if moment is not None else None

"""``customhouse audit --index``: every release that this index holds, against every advisory that it knows."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from customhouse.advisories import queries
from customhouse.app import App as Parts
from customhouse.app import open_app, prepare
from customhouse.catalog.tables import project, release
from customhouse.cli.audit_surroundings import write_whole
from customhouse.cli.audit_written import written
from customhouse.cli.options import read_settings
from customhouse.consume.audit.model import Component, Finding, Gap, Report, Subject
from customhouse.consume.audit.verdict import exit_code
from customhouse.consume.audit.write.table import COLUMNS, many
from customhouse.formats.osv.matching import fixed_versions, read_version, unread_edges
from customhouse.formats.osv.merging import Same
from customhouse.formats.osv.model import Record
from customhouse.formats.osv.severity import Level, Score, score_of
from customhouse.formats.osv.times import write_time
from customhouse.formats.plain import plain
from customhouse.index.advising.reverse import AffectedRelease, reverse_audit

AT_ONCE = 500
TITLE = "this index"


def audit_index(level: Level, form: str, output: Path | None, data: Path | None) -> int:
    """Write the report and return its exit code."""
    settings = read_settings(data=data)
    prepare(settings)
    with open_app(settings) as parts:
        report = _report(parts)
        now = parts.clock.now()
    text = _table(report) if form == "table" else written(report, level, form, now)
    if output is not None:
        write_whole(output, text)
    else:
        sys.stdout.write(text)
    return exit_code(report, level)


def _report(parts: Parts) -> Report:
    affected = list(reverse_audit(parts.database))
    with parts.database.read() as sql:
        records = _records(sql, sorted({one.advisory_id for one in affected}))
        living = sa.and_(project.c.deleted_at.is_(None), release.c.deleted_at.is_(None))
        rows = sql.execute(
            sa.select(project.c.normalized, release.c.version).join(release, release.c.project_id == project.c.id)
            .where(living).order_by(project.c.normalized, release.c.id)
        ).all()  # fmt: skip
        count, newest = queries.count(sql), _newest(sql)
    parts_of = {(row.normalized, row.version): Component(row.normalized, row.version, TITLE) for row in rows}
    findings = tuple(_findings(affected, records, parts_of))
    gaps = [Gap(f"advisory {one.id}", "it has bounds that are no versions: it may be wrong about "
                + ", ".join(one.packages()), "mend the advisory") for one in records.values()
            if any(unread_edges(part) for part in one.affected)]  # fmt: skip
    subject = Subject(TITLE, "index", tuple(parts_of.values()), tuple(gaps))
    return Report((subject,), findings, (), tuple(gaps), count, newest)


def _records(sql: sa.Connection, ids: Sequence[str]) -> dict[str, Record]:
    found: dict[str, Record] = {}
    for start in range(0, len(ids), AT_ONCE):
        found |= {one.id: one.record for one in queries.find_all(sql, ids[start : start + AT_ONCE])}
    return found


def _newest(sql: sa.Connection) -> str:
    from customhouse.advisories.tables import advisory  # noqa: PLC0415 - named here alone

    moment = sql.execute(sa.select(sa.func.max(advisory.c.modified))).scalar()
    return write_time(moment) if isinstance(moment, datetime) else ""


def _findings(
    affected: Iterable[AffectedRelease], records: dict[str, Record], there: dict[tuple[str, str], Component]
) -> Iterator[Finding]:
    scores: dict[str, Score] = {}
    for one in affected:
        record = records.get(one.advisory_id)
        if record is None:
            continue
        component = there.get((one.project, one.version)) or Component(one.project, one.version, TITLE)
        present = read_version(one.version)
        fixes = tuple(
            fix for fix in fixed_versions(record, one.project)
            if present is None or ((parsed := read_version(fix)) is not None and parsed > present)
        )  # fmt: skip
        score = scores.setdefault(record.id, score_of(record))
        yield Finding(component, Same((record,), (record.id, *record.aliases)), score, fixes)


def _table(report: Report) -> str:
    """One line for each project: the worst level, how many releases, how many vulnerabilities, and the newest one."""
    by_project: dict[str, list[Finding]] = {}
    for one in report.findings:
        by_project.setdefault(one.component.name, []).append(one)
    held = Counter(one.name for one in report.subjects[0].components)
    newest = _newest_versions(report.subjects[0].components)
    rows = sorted(by_project.items(), key=lambda row: (-max(one.score.level for one in row[1]), row[0]))
    lines = [_cut(_line(name, found, held[name], newest.get(name, ""))) for name, found in rows]
    lines += [_cut(f"NOT CHECKED: {plain(one.where)}: {plain(one.why)}") for one in report.gaps]
    lines.append(
        f"Checked {many(len(report.subjects[0].components), 'release', 'releases')} of"
        f" {many(len(held), 'project', 'projects')} against {many(report.advisories, 'advisory', 'advisories')}."
    )
    lines.append(f"{many(len(by_project), 'project has', 'projects have')} releases that are affected.")
    return "\n".join(lines) + "\n"


def _line(name: str, found: Sequence[Finding], held: int, newest: str) -> str:
    affected = {one.component.version for one in found}
    worst = max(one.score.level for one in found).word
    last = "the newest too" if newest in affected else "not the newest"
    names = len({one.same.names[0] for one in found})
    return (
        f"{worst:<8}  {plain(name, 40)}: {len(affected)} of {held} releases, {last};"
        f" {many(names, 'advisory', 'advisories')}"
    )


def _newest_versions(components: Iterable[Component]) -> dict[str, str]:
    found: dict[str, str] = {}
    for one in components:
        parsed, known = read_version(one.version), read_version(found.get(one.name, ""))
        if parsed is not None and (known is None or parsed > known):
            found[one.name] = one.version
    return found


def _cut(line: str) -> str:
    return line if len(line) <= COLUMNS else f"{line[: COLUMNS - 1]}…"

"""What an audit found as Markdown, for a comment or a page: nothing that a stranger wrote is taken for markup."""

from __future__ import annotations

import re

from customhouse.consume.audit.model import Finding, Report
from customhouse.consume.audit.verdict import counts
from customhouse.consume.audit.write.facts import in_order, page_of
from customhouse.formats.osv.severity import Level
from customhouse.formats.plain import plain

# CommonMark 0.31, section 2.4: any ASCII punctuation may be escaped. '@' and '#' make links on GitHub.
_MARKUP = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~@:&$^=/'\"])")


def markdown(report: Report, level: Level) -> str:
    """The whole text."""
    packages = sum(len(one.components) for one in report.subjects) - report.left_out
    counted = sum(counts(one, level) for one in report.findings)
    titles, newest = ", ".join(escaped(one.title) for one in report.subjects), report.snapshot[:10] or "no day"
    lines = [
        "# Audit",
        "",
        f"Checked {packages} packages of {titles} against {report.advisories} advisories, the newest of {newest}.",
        f"{len(report.findings)} vulnerabilities, {counted} of them count at the level {level.word}.",
        "",
    ]
    if report.findings:
        lines += ["| level | package | vulnerability | mended in | brought in by | what |", "|" + " --- |" * 6]
        lines += [_row(one) for one in in_order(report.findings)]
        lines.append("")
    if report.statuses:
        lines += ["## The index advises against", ""]
        lines += [f"* {escaped(one.component.name)} is {one.status}: {escaped(one.reason)}" for one in report.statuses]
        lines.append("")
    if report.gaps:
        lines += ["## Not checked", ""]
        lines += [
            f"* {escaped(one.where)}: {escaped(one.why)}. {escaped(one.next_step)}".rstrip() for one in report.gaps
        ]
        lines.append("")
    return "\n".join(lines)


def _row(finding: Finding) -> str:
    component = finding.component
    name = finding.same.names[0]
    what = escaped(finding.same.first.summary)
    if finding.exploited:
        what = f"**known to be exploited** {what}"
    if finding.library is not None:
        what = f"in bundled {escaped(finding.library.name)} {escaped(finding.library.version_in_words)}: {what}"
    if finding.mitigation is not None:
        what += f" (does not count: {escaped(finding.mitigation.status)}, {escaped(finding.mitigation.reason)})"
    if finding.known:
        what += " (in the baseline)"
    others = "".join(f", {escaped(one)}" for one in finding.same.names[1:4])
    path = " → ".join(escaped(one) for one in finding.paths[0]) if finding.paths else ""
    cells = [
        finding.score.level.word,
        f"{escaped(component.name)} {escaped(component.version)}",
        f"[{escaped(name)}]({page_of(name)}){others}",
        escaped(finding.upgrade or (finding.fixes[0] if finding.fixes else "no fix known")),
        path,
        what,
    ]
    return f"| {' | '.join(cells)} |"


def escaped(text: str) -> str:
    """One line in which every sign that Markdown could take for its own is escaped."""
    return _MARKUP.sub(r"\\\1", plain(text))

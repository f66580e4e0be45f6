"""What an audit comes to: an exit code, and which findings count.

Findings at or over the level, 1. No such findings, but something that could not be checked, 3. Both, 1: what is known
to be wrong is the stronger word, and what could not be checked is told beside it. A service that failed, 4, before any
of this.
"""

from __future__ import annotations

from customhouse.consume.audit.model import Finding, Report
from customhouse.formats.osv.severity import Level

CLEAN, FINDINGS, PARTIAL = 0, 1, 3
NO_LONGER = frozenset({"not_affected", "fixed"})
"""What a VEX statement must say for a finding not to count."""
LEVELS = {"low": Level.LOW, "medium": Level.MEDIUM, "high": Level.HIGH, "critical": Level.CRITICAL}


def counts(finding: Finding, level: Level) -> bool:
    """Whether it makes the audit fail: at or over the level, in no baseline, and no statement holds against it.

    What nobody has scored counts at every level: silence is not "harmless".
    """
    if finding.known or (finding.mitigation is not None and finding.mitigation.status in NO_LONGER):
        return False
    return finding.score.level is Level.UNKNOWN or finding.score.level >= level


def exit_code(report: Report, level: Level) -> int:
    """0 clean, 1 findings, 3 something could not be checked."""
    if any(counts(one, level) for one in report.findings):
        return FINDINGS
    return PARTIAL if report.gaps else CLEAN

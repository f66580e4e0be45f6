"""What an audit found, for a terminal of 80 columns: a block for each package, the worst first, each with a next step.

Names and texts of advisories are strangers': whatever has no picture is shown as its number (`formats/plain`).
"""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from customhouse.consume.audit.model import Finding, Gap, Report, Status
from customhouse.consume.audit.verdict import counts
from customhouse.formats.osv.matching import read_version
from customhouse.formats.osv.severity import Level
from customhouse.formats.plain import plain

COLUMNS = 80
_COLOURS = {Level.CRITICAL: "1;31", Level.HIGH: "31", Level.MEDIUM: "33", Level.LOW: "36", Level.UNKNOWN: "35"}
_MOST_NAMES = 3


def table(report: Report, level: Level, *, coloured: bool = False) -> str:
    """The whole text, with a line feed at the end."""
    lines: list[str] = []
    shown = [one for one in report.findings if not one.known]
    for group in _by_component(shown):
        lines += [*_block(group, coloured=coloured), ""]
    if report.statuses:
        lines += [*_statuses(report.statuses), ""]
    if report.gaps:
        lines += [*_gaps(report.gaps), ""]
    lines += _summary(report, level)
    return "\n".join(lines) + "\n"


def _by_component(findings: Sequence[Finding]) -> list[list[Finding]]:
    groups: dict[tuple[str, str, str], list[Finding]] = {}
    for one in findings:
        groups.setdefault((one.component.name, one.component.version, one.component.where), []).append(one)
    return sorted(groups.values(), key=lambda group: (-max(one.score.level for one in group), group[0].component.name))


def _block(group: Sequence[Finding], *, coloured: bool) -> Iterator[str]:
    first = group[0]
    component = first.component
    head = f"{plain(component.name, 60)} {plain(component.version, 40)}"
    yield _cut(f"{head}  ({plain(component.where, 200)})")
    for one in group:
        yield from _finding(one, coloured=coloured)
    yield from _paths(first)
    yield from _next(group)


def _finding(finding: Finding, *, coloured: bool) -> Iterator[str]:
    word = f"{finding.score.level.word:<8}"
    fix = f"mended in {plain(finding.fixes[0], 40)}" if finding.fixes else "no fix known"
    head = _names(finding.same.names, COLUMNS - 14 - len(fix))
    gap = max(2, COLUMNS - 12 - len(head) - len(fix))
    text = _cut(f"  {word}  {head}{' ' * gap}{fix}".rstrip())
    colour = _COLOURS.get(finding.score.level)
    yield text.replace(word, f"\x1b[{colour}m{word}\x1b[0m", 1) if coloured and colour else text
    if finding.library is not None:
        library = finding.library
        version = plain(library.version_in_words, 80)
        yield from _wrapped(f"in {plain(library.name, 60)} {version}, bundled: {plain(library.where, 200)}", 12)
    summary = plain(finding.same.first.summary, 200)
    if summary:
        yield _cut(f"            {summary}")
    if finding.exploited:
        yield f"{' ' * 12}known to be exploited (KEV)"
    if finding.likelihood is not None:
        yield f"{' ' * 12}exploited within 30 days with a probability of {finding.likelihood:.1%} (EPSS)"
    if finding.mitigation is not None:
        held = finding.mitigation
        until = f", until {held.expires.isoformat()}" if held.expires else ""
        yield from _wrapped(
            f"does not count: {plain(held.status)} says {plain(held.owner)}{until}: {plain(held.reason)}", 12
        )
    for remark in finding.remarks:
        yield from _wrapped(plain(remark), 12)


def _names(names: Sequence[str], room: int) -> str:
    """As many of them as fit, at most three, the first always; before its other names the CVE's number."""
    others = sorted(names[1:], key=lambda one: not one.startswith("CVE-"))
    shown = [plain(one, 40) for one in (names[0], *others)][:_MOST_NAMES]
    while len(shown) > 1 and len(", ".join(shown)) > room:
        shown.pop()
    return ", ".join(shown)


def _paths(finding: Finding) -> Iterator[str]:
    """Who brought it in, as a line of a tree."""
    asked = [path for path in finding.paths if len(path) == 1]
    if asked or finding.component.direct:
        yield "  └─ you asked for it"
    for path in [path for path in finding.paths if len(path) > 1][:_MOST_NAMES]:
        yield from _wrapped("└─ " + " → ".join(plain(one, 60) for one in path), 2)


def _next(group: Sequence[Finding]) -> Iterator[str]:
    first = group[0]
    blocked = next((one.blocked for one in group if one.blocked is not None), None)
    if blocked is not None:
        sure = {True: ", written before such versions existed", False: "", None: ""}[blocked.speculative]
        whose = f"{plain(blocked.by)} {plain(blocked.by_version)}".rstrip()
        yield from _wrapped(f"Blocked: {whose} requires {plain(blocked.requirement)}{sure}.", 2)
        for number, remedy in enumerate(blocked.remedies, 1):
            yield from _wrapped(f"{number}. {plain(remedy)}", 4)
        return
    name = plain(first.component.name, 60)
    own = [one for one in group if one.library is None]
    if first.library is not None and not own:
        yield from _wrapped(f"Next: take a release of {name} that bundles a mended one.", 2)
    elif first.upgrade is not None:
        all_of = f", which mends all {len(own)}" if len(own) > 1 else ""
        yield from _wrapped(f"Next: raise {name} to {plain(first.upgrade, 60)}{all_of}.", 2)
    else:
        yield from _wrapped(f"Next: {_as_far_as_possible(name, own)}", 2)


def _as_far_as_possible(name: str, group: Sequence[Finding]) -> str:
    """No version mends everything: which one mends what can be mended, and what to do about the rest."""
    fixes = [(parsed, one.fixes[0]) for one in group if one.fixes and (parsed := read_version(one.fixes[0]))]
    rest = "replace it, or say why it does no harm (customhouse vex add)."
    if not fixes:
        return f"no version of {name} mends this: {rest}"
    least = plain(max(fixes)[1], 60)
    return f"raise {name} to {least} at least, which mends {len(fixes)} of {len(group)}. For the others: {rest}"


def _statuses(statuses: Iterable[Status]) -> Iterator[str]:
    yield "The index advises against:"
    for one in statuses:
        reason = f": {plain(one.reason)}" if one.reason else ""
        yield from _wrapped(f"{plain(one.component.name)} {plain(one.component.version)} is {one.status}{reason}", 2)


def _gaps(gaps: Sequence[Gap]) -> Iterator[str]:
    yield f"NOT CHECKED ({len(gaps)}):"
    for one in gaps:
        step = f" Next: {plain(one.next_step)}." if one.next_step else ""
        yield from _wrapped(f"{plain(one.where, 200)}: {plain(one.why)}.{step}", 2)


def _summary(report: Report, level: Level) -> Iterator[str]:
    packages = many(sum(len(one.components) for one in report.subjects) - report.left_out, "package", "packages")
    checks_python = not any(one.startswith("CPython ") for one in report.unasked)
    pythons = [
        f" and CPython {plain(one.interpreter, 40)}" for one in report.subjects if one.interpreter and checks_python
    ]
    packages += "".join(dict.fromkeys(pythons))
    titles = ", ".join(plain(one.title, 200) for one in report.subjects[:_MOST_NAMES])
    more = f" and {len(report.subjects) - _MOST_NAMES} more" if len(report.subjects) > _MOST_NAMES else ""
    advisories = many(report.advisories, "advisory", "advisories")
    newest = report.snapshot[:10] or "no day"
    yield from _wrapped(f"Checked {packages} of {titles}{more} against {advisories}, the newest of {newest}.", 0)
    if not report.findings:
        yield "Nothing known is wrong with what was checked."
    else:
        yield from _wrapped(_counted(report, level), 0)
    known = sum(one.known for one in report.findings)
    silenced = sum(one.mitigation is not None for one in report.findings)
    if known:
        yield f"{many(known, 'stands', 'stand')} in the baseline and {'is' if known == 1 else 'are'} not shown."
    if silenced:
        yield f"{many(silenced, 'does', 'do')} not count because of VEX statements."
    for one in report.statements:
        yield from _wrapped(f"Asked too: the VEX statements in {plain(one, 200)} (--no-vex leaves them).", 0)
    if report.passed_over:
        some = "; ".join(plain(one, 100) for one in report.passed_over[:_MOST_NAMES])
        more = f" and {len(report.passed_over) - _MOST_NAMES} more" if len(report.passed_over) > _MOST_NAMES else ""
        yield from _wrapped(f"Passed over (--ignore): {some}{more}.", 0)
    if report.left_out:
        yield f"{many(report.left_out, 'package', 'packages')} of other groups: not looked at."
    for one in report.unasked:
        yield from _wrapped(f"Not looked up: {plain(one)}.", 0)
    if not report.index_asked and any(one.components for one in report.subjects):
        yield "Not asked: an index, for archived projects and yanked releases (--index-url)."
    if report.gaps:
        yield f"{many(len(report.gaps), 'thing was', 'things were')} not checked; see above."


def _counted(report: Report, level: Level) -> str:
    words = Counter(one.score.level for one in report.findings)
    each = ", ".join(f"{words[one]} {one.word}" for one in sorted(words, reverse=True))
    affected = len({(one.component.name, one.component.version) for one in report.findings})
    found = many(len(report.findings), "vulnerability", "vulnerabilities")
    counted = many(sum(counts(one, level) for one in report.findings), "counts", "count")
    return f"{found} in {many(affected, 'package', 'packages')}: {each}. {counted} at the level {level.word}."


def many(count: int, one: str, several: str) -> str:
    """A number and its noun."""
    return f"{count:,} {one if count == 1 else several}"


def _wrapped(text: str, indent: int) -> list[str]:
    blanks = " " * indent
    return textwrap.wrap(
        text, COLUMNS, initial_indent=blanks, subsequent_indent=blanks + "  ", break_on_hyphens=False
    ) or [""]  # fmt: skip


def _cut(line: str) -> str:
    return line if len(line) <= COLUMNS else f"{line[: COLUMNS - 1]}…"

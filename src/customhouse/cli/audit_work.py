"""One audit as the flags want it, that can be done again after something was mended."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from customhouse.cli.audit_surroundings import Connections, ProgressLine, warn
from customhouse.consume.audit.engine import Engine, Scope
from customhouse.consume.audit.model import Component, Finding, Gap, Report, Subject
from customhouse.consume.audit.read.detect import read_target
from customhouse.consume.audit.read.options import ReadOptions
from customhouse.consume.audit.vex_beside import statements_beside
from customhouse.consume.snapshot.place import Wanted, is_old, open_snapshot
from customhouse.consume.snapshot.read import Snapshot
from customhouse.terms.clock import Clock

OVERRIDES = "customhouse.overrides.json"

if TYPE_CHECKING:
    from customhouse.consume.audit.blocked import Trial

    # Loaded only when an index is asked.
    from customhouse.consume.audit.index_pages import IndexPages
    from customhouse.consume.audit.own_bounds import OwnBound


class Asked(NamedTuple):
    """What the flags say, however often it is done."""

    wanted: Wanted
    read: ReadOptions
    scope: Scope
    ignored: Mapping[str, str]
    vex: tuple[Path, ...]
    no_vex: bool
    """Leave the statements that lie beside the targets."""
    baseline: Path | None
    index_url: str
    no_index: bool
    old_after_days: int


class Work:
    """Reading targets and looking everything up, with one snapshot and one set of project pages."""

    def __init__(self, asked: Asked, clock: Clock, line: ProgressLine, connections: Connections) -> None:
        self._asked = asked
        self._clock = clock
        self._line = line
        self._connections = connections
        self._pages: IndexPages | None = None
        self._advisories: tuple[Snapshot, list[Gap]] | None = None

    def pages(self) -> IndexPages | None:
        """The index's pages; None if nobody is to be asked."""
        if self._asked.wanted.offline or self._asked.no_index:
            return None
        if self._pages is None:
            from customhouse.consume.audit.index_pages import IndexPages  # noqa: PLC0415

            self._pages = IndexPages(self._connections.get, self._asked.index_url)
        return self._pages

    def report(self, targets: Sequence[str]) -> Report:
        """Read the targets, look everything up, and mark what does not count."""
        return self.report_on([(target, read_target(target, self._asked.read)) for target in targets])

    def report_on(self, read: Sequence[tuple[str, Sequence[Subject]]]) -> Report:
        """The same for what was read already: each target with its subjects."""
        asked = self._asked
        subjects = [subject for _, some in read for subject in some]
        store, gaps = self.snapshot()
        engine = Engine(store, asked.scope, ignored=asked.ignored)
        pages = self.pages()
        there = [one for subject in subjects for one in subject.components if asked.scope.holds(one)]
        if pages is not None:
            pages.ask(there, lambda done, of: self._line.show("project pages", done, of))
            engine.existing = lambda component: _available(pages, component)
        report = engine.audit(subjects)
        if pages is not None:
            report = replace(
                report, statuses=tuple(pages.statuses(there)), gaps=(*report.gaps, *pages.gaps()),
                index_asked=pages.asked,
            )  # fmt: skip
        report = replace(report, gaps=(*gaps, *report.gaps))
        beside = () if asked.no_vex else statements_beside(read)
        if asked.vex or beside:
            files = tuple({one.resolve(): one for one in (*asked.vex, *beside)}.values())
            report = replace(report, findings=self._mitigated(report, files), statements=tuple(map(str, beside)))
        if report.findings:
            report = replace(report, findings=self._explained(report, _own(read, report.findings)))
        if asked.baseline is not None:
            report = self._with_known(report, asked.baseline)
        self._line.clear()
        return report

    def snapshot(self) -> tuple[Snapshot, list[Gap]]:
        """The advisories, and what could not be brought up to date."""
        if self._advisories is None:
            asked, now = self._asked, self._clock.now()
            self._advisories = open_snapshot(asked.wanted, os.environ, now, self._connections.get, self._line.show)
            store = self._advisories[0]
            if is_old(store, now, asked.old_after_days):
                self._line.clear()
                warn(f"The newest advisory is of {store.newest[:10] or 'no day'}: the advisories may be old.")
        return self._advisories

    def _mitigated(self, report: Report, files: Sequence[Path]) -> tuple[Finding, ...]:
        from customhouse.consume.audit.mitigated import mitigate  # noqa: PLC0415
        from customhouse.consume.audit.vex_file import read_statements  # noqa: PLC0415

        there = [one for subject in report.subjects for one in subject.components]
        return mitigate(report.findings, read_statements(files), self._clock.now().date(), there)

    def _explained(self, report: Report, own: Mapping[str, Sequence[OwnBound]]) -> tuple[Finding, ...]:
        """Where somebody's bound excludes a fix, the finding says whose."""
        if self.pages() is not None:
            from customhouse.consume.audit.blocked import explain_blocked  # noqa: PLC0415
            from customhouse.consume.audit.history import History  # noqa: PLC0415

            history = History(self._connections.get(), self._asked.index_url, self._clock.now())
            return explain_blocked(report.findings, report.subjects, history, _runs(), own)
        # Without an index only bounds that the target itself tells can be judged, and what holds their holders back
        # cannot be known. A lock file of thousands that tells none is done.
        affected = {one.component.name for one in report.findings}
        bounded = {edge.requires for one in report.subjects for part in one.components for edge in part.requires
                   if edge.specifier and edge.requires in affected}  # fmt: skip
        bounded |= {bound.name for bounds in own.values() for bound in bounds}
        if not bounded:
            return report.findings
        from customhouse.consume.audit.blocked import Nobody, explain_blocked  # noqa: PLC0415

        near = [replace(one, components=tuple(_near(one.components, bounded))) for one in report.subjects]
        return explain_blocked(report.findings, near, Nobody(), _runs(), own)

    def _with_known(self, report: Report, path: Path) -> Report:
        from customhouse.consume.audit.baseline import read_baseline  # noqa: PLC0415

        if not path.exists():
            # --write-baseline is about to make it.
            return report
        known = read_baseline(path)
        for package, name in known.unused(report.findings):
            warn(f"{path} knows {package} {name}, which is not found any more: --write-baseline removes it.")
        return replace(report, findings=tuple(known.marked(report.findings)))


def _own(read: Iterable[tuple[str, Sequence[Subject]]], findings: Iterable[Finding]) -> dict[str, Sequence[OwnBound]]:
    """What the user's own projects ask of the packages that can be mended, by the title of the subject."""
    names = {one.component.name for one in findings if one.fixes and one.library is None}
    if not names:
        return {}
    from customhouse.consume.audit.own_bounds import own_bounds  # noqa: PLC0415

    return {one.title: own_bounds(Path(target), one, names) for target, some in read for one in some}


def _runs() -> tuple[Trial, ...]:
    """The test runs that were recorded here, beside the lock."""
    if not Path(OVERRIDES).exists():
        return ()
    from customhouse.consume.audit.override import read_runs  # noqa: PLC0415

    return read_runs(Path(OVERRIDES))


def _near(components: Sequence[Component], names: AbstractSet[str]) -> Iterator[Component]:
    return (one for one in components if one.name in names or any(edge.requires in names for edge in one.requires))


def _available(pages: IndexPages, component: Component) -> Sequence[str] | None:
    page = pages.page(component)
    return page.available if page is not None else None

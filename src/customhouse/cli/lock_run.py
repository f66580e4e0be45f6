"""What ``customhouse lock`` does: resolve through one index, audit the result, compare, write whole, say why."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from customhouse.cli.audit_surroundings import Connections, ProgressLine, warn, write_whole
from customhouse.cli.audit_work import Asked as Audited
from customhouse.cli.audit_work import Work
from customhouse.cli.audit_written import written
from customhouse.cli.exit_codes import FINDINGS, PARTIAL
from customhouse.cli.place import chosen_place, refuse_elsewhere, token_for
from customhouse.consume.audit.engine import EVERY_GROUP
from customhouse.consume.audit.history import History
from customhouse.consume.audit.model import Component, Report, Subject
from customhouse.consume.audit.read.detect import read_target
from customhouse.consume.audit.read.options import ReadOptions
from customhouse.consume.audit.read.source import read_text
from customhouse.consume.audit.verdict import LEVELS, exit_code
from customhouse.consume.lock.asked import DEFAULTS, Asked, read_asked
from customhouse.consume.lock.changes import Change, changes, swapped
from customhouse.consume.lock.guided import Guided, resolve_guided
from customhouse.consume.lock.listing import Listings
from customhouse.consume.lock.reasons import Reasons
from customhouse.consume.lock.record import Policy, Record, read_record
from customhouse.consume.lock.resolve import Wish
from customhouse.consume.lock.shown import Shown, lines_of
from customhouse.consume.lock.view_facts import ViewFacts
from customhouse.consume.lock.written import Graph, as_pylock, as_requirements, graph_of
from customhouse.consume.snapshot.place import SOURCES_VARIABLE, default_path
from customhouse.consume.snapshot.place import Wanted as WantedAdvisories
from customhouse.consume.view_address import Place
from customhouse.formats.inventory.locked_files import read_locked_files
from customhouse.formats.inventory.requirements_file import Wanted
from customhouse.formats.osv.matching import read_version
from customhouse.terms.clock import SystemClock
from customhouse.terms.errors import Rejected, Unavailable

PYLOCK = re.compile(r"pylock(?:\.[^.]+)?\.toml")
MALWARE = "MAL-"
_AT = re.compile(r"^(?:# )?checked-at = .*$", re.MULTILINE)
_OLD_DAYS = 14
_MOST_UNSEEN = 5


@dataclass(frozen=True, slots=True)
class Flags:
    """What the flags of `lock.lock` say."""

    sources: tuple[Path, ...] = ()
    view: str = ""
    index: str = ""
    output: Path | None = None
    python: str = ""
    upgrade: frozenset[str] | None = frozenset()
    """Packages to be raised; None: all."""
    groups: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()
    check: bool = False
    widen: bool = False
    universal: bool = True
    build: bool = False
    snapshot: Path | None = None
    advisories: tuple[str, ...] = ()
    level: str = "low"


class Old(NamedTuple):
    """The lock that is there."""

    text: str = ""
    subject: Subject | None = None
    record: Record | None = None


def run(flags: Flags) -> int:
    """Make the lock; returns the exit code."""
    sources = flags.sources or _default_sources()
    output = flags.output or sources[0].parent / "pylock.toml"
    if not PYLOCK.fullmatch(output.name) and output.suffix != ".txt":
        raise Rejected("bad-output", str(output), "its name tells no form of a lock", "pylock.toml or requirements.txt")
    if any(one.resolve() == output.resolve() for one in sources):
        raise Rejected("bad-output", str(output), "that is what is to be locked", "another name")
    old = _old(output)
    remembered = old.record.index if old.record is not None else ""
    if not flags.index and "://" not in flags.view:
        refuse_elsewhere([remembered])
    place = chosen_place(flags.view, flags.index, remembered)
    asked = read_asked(sources, flags.groups, flags.extras)
    for sentence in asked.passed_over:
        warn(sentence)
    with ProgressLine() as line, Connections() as connections:
        return _Run(flags, output, old, place, asked, line, connections).do()


class _Run:
    """One run, with what it has around it."""

    def __init__(
        self, flags: Flags, output: Path, old: Old, place: Place, asked: Asked, line: ProgressLine,
        connections: Connections,
    ) -> None:  # fmt: skip
        self._flags, self._output, self._old, self._place, self._asked = flags, output, old, place, asked
        self._line = line
        self._clock = SystemClock()
        self._wire = connections.get()
        self._token = token_for(place, named=bool(flags.index) or "://" in flags.view)
        if self._token:
            self._wire.show(self._token, place.simple)
        self._listings = Listings(self._wire, place.simple)
        self._facts = ViewFacts(self._wire, place)
        self._work = Work(_audited(flags, place), self._clock, line, connections)

    def do(self) -> int:
        """All of it."""
        policy = self._facts.policy()
        self._line.show("resolving", 0, 0)
        guided = resolve_guided(self._wish(), self._place, self._listings, self._wire, os.environ,
                                self._clock.now(), widen=self._flags.widen)  # fmt: skip
        self._line.clear()
        for one in guided.disbelieved:
            warn(f"An amendment is not believed: {one}.")
        for one in guided.unseen[:_MOST_UNSEEN]:
            warn(f"Nobody knows what is amended of {one}")
        if _digest_of(ViewFacts(self._wire, self._place).policy()) != _digest_of(policy):
            raise Unavailable(self._place.title, "its policy was changed while this lock was made")
        graph = graph_of(guided.resolved, self._asked.wanted)
        store, _gaps = self._work.snapshot()
        record = Record(
            self._place.simple, self._place.view, policy, len(guided.counted), store.sources,
            store.newest, store.records, self._clock.now(),
        )  # fmt: skip
        text = self._text(guided, graph, record)
        subject = _subject(text, self._output)
        report = self._work.report_on([(str(self._output), (subject,))])
        found = changes(self._old.subject.components if self._old.subject else (), subject.components)
        reasons = self._reasons(guided, graph, report, found)
        self._tell(graph, reasons, found, report)
        return self._end(text, found, report, sure=not guided.disbelieved and not guided.unseen)

    def _wish(self) -> Wish:
        kept: dict[str, list[str]] = {}
        if self._flags.upgrade is not None and self._old.subject is not None:
            for one in self._old.subject.components:
                # A lock may hold whatever its author likes; uv gets lines of it.
                if one.name not in self._flags.upgrade and _is_plain(one):
                    kept.setdefault(one.name, []).append(one.version)
        return Wish(
            self._asked, self._place.simple, kept, python=self._flags.python, universal=self._flags.universal,
            build=self._flags.build, token=self._token,
        )  # fmt: skip

    def _text(self, guided: Guided, graph: Graph, record: Record) -> str:
        if PYLOCK.fullmatch(self._output.name):
            return as_pylock(guided.resolved, graph, record)
        return as_requirements(guided.resolved, self._asked.wanted, record)

    def _reasons(self, guided: Guided, graph: Graph, report: Report, found: Sequence[Change]) -> Reasons:
        self._listings.ask(graph.versions, lambda done, of: self._line.show("project pages", done, of))
        self._line.clear()
        history = History(self._wire, self._place.simple)
        old: dict[str, list[Component]] = {}
        for one in self._old.subject.components if self._old.subject else ():
            old.setdefault(one.name, []).append(one)
        asked: dict[str, list[tuple[str, Wanted]]] = {}
        for place, wanted in self._asked.wanted:
            asked.setdefault(wanted.name, []).append((place, wanted))
        return Reasons(
            graph, asked, history.requires, self._listings.of, self._facts.hidden, old,
            self._mended(report, found), guided.said, self._flags.upgrade,
        )  # fmt: skip

    def _mended(self, report: Report, found: Sequence[Change]) -> dict[str, list[str]]:
        """What was known of the old versions and is not of the new ones."""
        moved = {one.name for one in found if one.before and one.after}
        if not moved or self._old.subject is None:
            return {}
        part = replace(self._old.subject, components=tuple(
            one for one in self._old.subject.components if one.name in moved), gaps=())  # fmt: skip
        before = self._work.report_on([(str(self._output), (part,))])
        still = {(one.component.name, name) for one in report.findings for name in one.same.names}
        gone: dict[str, list[str]] = {}
        for one in before.findings:
            if not any((one.component.name, name) in still for name in one.same.names):
                cve = next((name for name in one.same.names if name.startswith("CVE-")), "")
                gone.setdefault(one.component.name, []).append(cve or one.same.names[0])
        return gone

    def _tell(self, graph: Graph, reasons: Reasons, found: Sequence[Change], report: Report) -> None:
        shown = Shown(
            self._output.name, self._place.title, sum(map(len, graph.versions.values())),
            tuple((one, reasons.of(one)) for one in found),
            tuple((name, words) for name in sorted(graph.versions) if (words := reasons.held_back(name))),
            is_new=self._old.subject is None,
        )  # fmt: skip
        sys.stdout.writelines(f"{one}\n" for one in lines_of(shown))
        if (note := _policy_note(self._old.record, self._facts.policy())) is not None:
            sys.stdout.write(f"{note}\n")
        sys.stdout.write("\n" + written(report, LEVELS[self._flags.level], "table", self._clock.now()))

    def _end(self, text: str, found: Sequence[Change], report: Report, *, sure: bool) -> int:
        code = exit_code(report, LEVELS[self._flags.level]) or (0 if sure else PARTIAL)
        if bad := sorted(_malware(report)):
            warn(f"{', '.join(bad)}: this is malware. {_NOTHING}")
            return FINDINGS
        if lies := swapped(_files(self._old.text, self._output), _files(text, self._output)):
            warn(f"{', '.join(lies[:3])}: the index has other bytes under this name than the lock. A released file"
                 f" never changes: ask whoever runs the index. {_NOTHING}")  # fmt: skip
            return FINDINGS
        if self._flags.check:
            if found or self._old.subject is None:
                warn(f"{self._output} is out of date: `customhouse lock` brings it up to date.")
                return FINDINGS
            return code
        if _AT.sub("", text) != _AT.sub("", self._old.text):
            write_whole(self._output, text)
        if code == FINDINGS:
            raised = sorted({one.component.name for one in report.findings if one.upgrade is not None})
            again = (
                f" `customhouse lock {' '.join(f'-P {one}' for one in raised)}` raises what can be." if raised else ""
            )
            warn(f"{self._output} was written all the same: what is wrong with it stands above.{again}")
        return code


_NOTHING = "Nothing was written."


def _default_sources() -> tuple[Path, ...]:
    for name in DEFAULTS:
        if Path(name).is_file():
            return (Path(name),)
    raise Rejected("bad-lock-source", "SOURCE", f"there is no {' and no '.join(DEFAULTS)} here", "the path of one")


def _old(output: Path) -> Old:
    if not output.exists():
        return Old()
    text = read_text(output)
    subject = _subject(text, output)
    if subject.gaps:
        gap = subject.gaps[0]
        raise Rejected(
            "bad-output", gap.where, f"what is there is no lock ({gap.why}), and it would be lost", "another --output"
        )
    return Old(text, subject, read_record(text, str(output)))


def _subject(text: str, output: Path) -> Subject:
    """What a lock holds, read as every audit reads it, under the name that it will have."""
    with TemporaryDirectory(prefix="customhouse-lock-") as folder:
        draft = Path(folder) / output.name
        draft.write_text(text, "utf-8")
        (subject,) = read_target(draft, ReadOptions(resolve="never"))
    components = tuple(replace(one, where=one.where.replace(str(draft), str(output))) for one in subject.components)
    gaps = tuple(one._replace(where=one.where.replace(str(draft), str(output))) for one in subject.gaps)
    return replace(subject, title=str(output), components=components, gaps=gaps)


def _audited(flags: Flags, place: Place) -> Audited:
    path = flags.snapshot or default_path(os.environ)
    sources = flags.advisories
    if not sources and not os.environ.get(SOURCES_VARIABLE) and not path.exists() and place.view:
        # Whoever has never said where advisories come from takes those of the Customhouse that he locks through.
        sources = (place.base,)
    return Audited(
        WantedAdvisories(path, sources), ReadOptions(), EVERY_GROUP, {}, (), False, None, place.simple, False,
        _OLD_DAYS,
    )  # fmt: skip


def _malware(report: Report) -> Iterator[str]:
    for one in report.findings:
        if any(name.startswith(MALWARE) for name in one.same.names):
            yield f"{one.component.name} {one.component.version}"


def _files(lock: str, output: Path) -> dict[str, str]:
    """The digest of each file that a lock names; requirements name none."""
    if not lock or not PYLOCK.fullmatch(output.name):
        return {}
    files = read_locked_files(lock, str(output))
    return {one.filename: one.digest for one in files if one.filename and one.digest.startswith("sha256:")}


def _is_plain(one: Component) -> bool:
    return re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", one.name) is not None and read_version(one.version) is not None


def _digest_of(policy: Policy | None) -> str:
    return policy.sha256 if policy is not None else ""


def _policy_note(old: Record | None, policy: Policy | None) -> str | None:
    if old is None or old.policy is None or policy is None or old.policy.sha256 == policy.sha256:
        return None
    return "\nThe view's policy is another one than when the lock was made."

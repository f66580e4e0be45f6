"""``customhouse triage``: CVE and NVD records, which packages they may concern, and the verdicts."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter
from rich.console import Console
from rich.table import Table

from customhouse.advisories.triage import queries
from customhouse.advisories.triage.model import STOPS
from customhouse.advisories.triage.rules import RULES
from customhouse.advisories.triage.sources import files_below
from customhouse.app import App as Parts
from customhouse.app import open_app, prepare
from customhouse.cli.exit_codes import FINE, PARTIAL
from customhouse.cli.options import read_settings
from customhouse.formats.cve.model import Span
from customhouse.formats.visible import visible_parts
from customhouse.index.triage.decide import Decide, decide
from customhouse.index.triage.exceptions import Except, Readmit, put_exception, take_exception_back
from customhouse.index.triage.judging import judge_files
from customhouse.index.triage.known_names import what_is_known
from customhouse.index.triage.take_in import Wish, take_in
from customhouse.index.triage.undo import Undo, undo
from customhouse.terms.errors import Refused

SHOWN = 50
WIDTH = 160
DAMAGES_SHOWN = 10

app = App(name="triage", help="CVE records: what concerns packages of Python, and what does not.")
Data = Annotated[Path | None, Parameter(help="The data folder (default ./customhouse-data).")]
Reason = Annotated[str, Parameter(help="Why; it is kept, and offered again.")]


@app.command(name="import")
def import_(*paths: Path, again: bool = False, names: Path | None = None, processes: int = 0, data: Data = None) -> int:
    """Take records in: CVE JSON 5, NVD 2.0 and 1.1, OSV; folders, .json, .json.gz, .json.xz, .zip.

    Importing the same again changes nothing. Exit code 3: some records could not be read; they are named.

    Args:
        paths: Files, and folders that are searched.
        again: Judge those too that have not changed, because more is known by now; verdicts stay.
        names: A file of names of packages that exist, one a line.
        processes: How many read at once (default: as many as there are processors).
        data: The data folder (default ./customhouse-data).
    """
    with _parts(data) as parts:
        begin = time.monotonic()
        files = files_below(paths)
        known = what_is_known(parts.database, names or parts.settings.triage_names)
        with parts.database.read() as sql:
            here = frozenset() if again else queries.every_digest(sql)
        judged = judge_files(files, known, processes=processes or os.cpu_count() or 1, here=here)
        roots = tuple(str(path) for path in paths)
        wish = Wish(", ".join(roots), parts.settings.advisory_prefix, roots, again)
        taken = take_in(parts.deeds, judged, wish)
    print(
        f"{taken.records:,} records in {time.monotonic() - begin:.1f} s: {taken.new:,} new, {taken.changed:,} changed,"
        f" {taken.same:,} as before."
    )
    print(
        f"{taken.automatic:,} became advisories, {taken.waiting:,} wait for you, {taken.known:,} known already,\n"
        f"{taken.ignored:,} without a package, {taken.excepted:,} false positives, {taken.withdrawn:,} withdrawn."
    )
    for one in taken.damaged[:DAMAGES_SHOWN]:
        print(f"not read: {_plain(one.why)}")
    if len(taken.damaged) > DAMAGES_SHOWN:
        print(f"and {len(taken.damaged) - DAMAGES_SHOWN:,} more; `customhouse triage damaged` names all.")
    return PARTIAL if taken.damaged else FINE


@app.command(name="list")
def list_(
    status: Literal["", "waiting", "later", "accepted", "not-python", "duplicate", "rejected"] = "",
    *, most: int = SHOWN, data: Data = None,
) -> None:  # fmt: skip
    """List what somebody must look at, the likeliest first, or all of one status."""
    with _parts(data) as parts, parts.database.read() as sql:
        cases, counts = queries.queue(sql, status, most=most), queries.counts(sql)
    table = Table("record", "score", "package", "what", "why a person")
    for one in cases:
        first = one.candidates[0] if one.candidates else None
        table.add_row(
            one.id, str(one.score), ", ".join(one.packages) or (first.package if first else ""),
            _plain(one.title)[:70], _plain(one.note or (", ".join(first.stops) if first else one.reason)),
        )  # fmt: skip
    Console(width=WIDTH if not os.isatty(1) else None).print(table)
    print(", ".join(f"{number:,} {name}" for name, number in sorted(counts.items()) if name != "see"))


@app.command
def show(record: str, *, data: Data = None) -> None:
    """Show a record with the evidence for each package, and all that was decided of it."""
    with _parts(data) as parts, parts.database.read() as sql:
        case, verdicts = queries.find_case(sql, record), queries.verdicts_of(sql, record)
    if case is None:
        raise Refused("no-case", f"No record {record[:60]!r} is here.", status=404)
    print(f"{case.id}: {case.status}{' (automatic)' if case.automatic else ''} {case.advisory_id}")
    for label, text in (("title", case.title), ("note", case.note), ("reason", case.reason)):
        if text:
            print(f"{label}: {_plain(text)}")
    if case.record is not None:
        print("\n" + "\n".join(_plain(line) for line in case.record.description.splitlines()) + "\n")
        print("\n".join(f"  {_plain(one.url)}" for one in case.record.references[:20]))
    for one in case.candidates:
        table = Table("weight", "rule", "what was found", title=f"\n{one.package}: {one.score}", title_justify="left")
        for each in one.evidence:
            table.add_row(f"{each.weight:+d}", RULES[each.rule].sentence, _plain(each.found))
        Console().print(table)
        print("  versions: " + ("; ".join(span_in_words(each) for each in one.spans) or "none"))
        for stop in one.stops:
            print(f"  a person decides: {STOPS[stop]}")
    for verdict in verdicts:
        undone = ", undone" if verdict.undone_at else ""
        print(f"{verdict.at:%Y-%m-%d %H:%M} {verdict.by}: {verdict.verdict}{undone} {_plain(verdict.reason)}")


@app.command
def accept(record: str, *packages: str, reason: Reason = "", upstream: bool = False, data: Data = None) -> None:
    """Make a record an advisory of one or more packages (default: the likeliest).

    Args:
        record: CVE-YYYY-N, or another database's id.
        packages: Names on PyPI.
        reason: Why; it is kept, and offered again.
        upstream: It is a vulnerability of something that the package contains, not of the package.
        data: The data folder (default ./customhouse-data).
    """
    relation: Literal["alias", "upstream"] = "upstream" if upstream else "alias"
    with _parts(data) as parts:
        wish = Decide(record, "accepted", parts.settings.advisory_prefix, packages, reason, relation)
        case = parts.do(decide, wish)
    print(f"{case.id} is {case.advisory_id}, of {', '.join(case.packages)}.")


@app.command
def reject(record: str, *, reason: Reason, duplicate: bool = False, data: Data = None) -> None:
    """Say that a record is nothing of a Python package, or that it is known already (--duplicate)."""
    with _parts(data) as parts:
        verdict: Literal["duplicate", "not-python"] = "duplicate" if duplicate else "not-python"
        case = parts.do(decide, Decide(record, verdict, parts.settings.advisory_prefix, reason=reason))
    print(f"{case.id}: {case.status}.")


@app.command
def later(record: str, *, reason: Reason = "", data: Data = None) -> None:
    """Put a record aside for later."""
    with _parts(data) as parts:
        case = parts.do(decide, Decide(record, "later", parts.settings.advisory_prefix, reason=reason))
    print(f"{case.id}: {case.status}.")


@app.command(name="undo")
def undo_(record: str, *, data: Data = None) -> None:
    """Take back what was decided of a record last; its advisory is withdrawn, or as it was before."""
    with _parts(data) as parts:
        case = parts.do(undo, Undo(record))
    print(f"{case.id} is {case.status} again.")


@app.command(name="except")
def except_(entry: str, *, reason: Reason, data: Data = None) -> None:
    """Put an id or a package on the list of false positives; import with --again to have it heeded at once."""
    with _parts(data) as parts:
        done = parts.do(put_exception, Except(entry, reason))
    print(f"{done} stands on the list.")


@app.command
def readmit(entry: str, *, data: Data = None) -> None:
    """Take an id or a package from the list of false positives."""
    with _parts(data) as parts:
        done = parts.do(take_exception_back, Readmit(entry))
    print(f"{done} does not stand on the list any more.")


@app.command
def damaged(*, most: int = 1_000, data: Data = None) -> int:
    """Name the records that could not be read. Exit code 1: there are some."""
    with _parts(data) as parts, parts.database.read() as sql:
        found = queries.damages(sql, most=most)
    for _, reason in found:
        print(_plain(reason))
    return 1 if found else FINE


def span_in_words(span: Span) -> str:
    """``from 1.0 to before 1.4``."""
    begin = "all" if span.introduced == "0" else f"from {_plain(span.introduced)}"
    if span.single:
        return f"{_plain(span.last)} alone"
    if span.fixed:
        return f"{begin} before {_plain(span.fixed)}"
    return f"{begin} through {_plain(span.last)}" if span.last else f"{begin} on"


def _plain(text: str) -> str:
    """On one line, as a terminal may show it."""
    return "".join(part.text for part in visible_parts(" ".join(text.split())))


@contextmanager
def _parts(data: Path | None) -> Iterator[Parts]:
    settings = read_settings(data=data)
    prepare(settings)
    with open_app(settings) as parts:
        yield parts

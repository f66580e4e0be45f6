"""``customhouse advisory``: known vulnerabilities, where they come from, and what is known of exploitation."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from textwrap import fill
from typing import Annotated

from cyclopts import App, Parameter
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from customhouse.advisories import queries
from customhouse.advisories.exploitation import (
    Taken,
    exploited_among,
    import_catalogue,
    import_scores,
    likelihoods_of,
)
from customhouse.advisories.import_source import Imported, import_source
from customhouse.advisories.import_source import Progress as Hears
from customhouse.advisories.sources import rows
from customhouse.advisories.sources.model import Source, describe
from customhouse.advisories.sources.opening import fetch_content
from customhouse.advisories.sources.rows import AddSource, add_source
from customhouse.app import App as Parts
from customhouse.app import open_app, prepare
from customhouse.cli.advisory_source import source
from customhouse.cli.options import read_settings
from customhouse.formats.kev import CVE
from customhouse.formats.osv.matching import fixed_versions
from customhouse.formats.osv.model import PYPI
from customhouse.formats.osv.severity import Level
from customhouse.formats.plain import plain
from customhouse.terms.errors import Refused
from customhouse.terms.identity import OPERATOR

PARTIAL = 3
SHOWN = 10

app = App(name="advisory", help="Known vulnerabilities (OSV records): import them, see them, say where they are from.")
app.command(source)


@app.command(name="import")
def import_(
    place: str,
    /,
    *,
    kind: str = "",
    name: str = "",
    trust: int = 0,
    ecosystem: tuple[str, ...] = (),
    data: Path | None = None,
) -> int:
    """Import OSV records from a place, all of them; what is here already is left out.

    A place is a ZIP such as OSV's all.zip, a folder or git repository in the PyPA's layout or any other, a JSON or YAML
    file of one record or many, or an address of a ZIP, a file, or OSV.dev's modified_id.csv.

    Exit code 3 if some records could not be read: the others are imported, and those are told until they are mended
    (`customhouse advisory source problems`). Exit code 4 if the place is away.

    Args:
        place: A path or an address.
        kind: zip, folder, git, file or url, if it is not what it looks like.
        name: What the source is called (default: the last words of the place, or what it is called already).
        trust: Its records never replace those of a source with more (default 0).
        ecosystem: Only records on packages of this one, such as PyPI; may be given several times.
        data: The data folder (default ./customhouse-data).
    """
    with _open(data) as parts:
        wanted = describe(place, kind, name)
        with parts.database.read() as sql:
            found = rows.find_source_at(sql, wanted.place) if not name else None
            found = found or rows.find_source(sql, wanted.name)
        if found is None:
            found = parts.do(add_source, AddSource(replace(wanted, trust=trust, ecosystems=ecosystem)))
        elif found.place != wanted.place:
            raise Refused(
                "source-elsewhere", f"The source {found.name} is read from {plain(found.place, 300)}.",
                "Give this one another name (--name), or describe it anew (advisory source add).", status=409,
            )  # fmt: skip
        with _shown(f"reading {found.name}") as progress:
            done = import_source(parts.deeds, parts.outbound, found, again=True, by=OPERATOR, progress=progress)
    print(_sentence(found, done))
    _complain([(one.place, one.reason) for one in done.damaged], done.faults)
    return PARTIAL if done.faults or done.written.usurped else 0


@app.command
def show(
    advisory_id: str, /, *, as_json: Annotated[bool, Parameter(name="--json")] = False, data: Path | None = None
) -> None:
    """Show what is known of a vulnerability, by any of its names: all records of it, and whether it is exploited.

    Args:
        advisory_id: PYSEC-…, GHSA-…, CVE-… or any other id or alias.
        as_json: The records as they are, one a line.
        data: The data folder (default ./customhouse-data).
    """
    with _open(data) as parts, parts.database.read() as sql:
        found = queries.same_as(sql, advisory_id)
        if not found:
            raise Refused("unknown-advisory", f"Nothing is known of {plain(advisory_id, 80)}.",
                          "Import advisories first, or look for another of its names.", status=404)  # fmt: skip
        if as_json:
            for one in found:
                sys.stdout.write(json.dumps(json.loads(one.document)) + "\n")
            return
        for one in found:
            _show(one)
        names = {name for one in found for name in (one.id, *one.record.aliases) if CVE.fullmatch(name)}
        for cve, known in exploited_among(sql, names).items():
            print(f"{cve} is exploited, known since {known.added}{' (ransomware)' if known.ransomware else ''}.")
        for cve, chance in likelihoods_of(sql, names).items():
            print(f"{cve} is exploited within 30 days with a probability of {chance.score:.1%}.")


@app.command
def kev(file: str, /, *, data: Path | None = None) -> int:
    """Import CISA's catalogue of exploited vulnerabilities (known_exploited_vulnerabilities.json), as a whole.

    Exit code 3 if some rows could not be read; the others count, and none is removed.

    Args:
        file: Its path or its address.
        data: The data folder (default ./customhouse-data).
    """
    with _open(data) as parts:
        content, where = fetch_content(file, parts.outbound)
        taken = import_catalogue(parts.deeds, content, where)
    return _told(where, taken, "exploited vulnerabilities")


@app.command
def epss(file: str, /, *, data: Path | None = None) -> int:
    """Import FIRST's scores of how likely vulnerabilities are exploited (epss_scores-DAY.csv.gz).

    Exit code 3 if some rows could not be read; the others count.

    Args:
        file: Its path or its address.
        data: The data folder (default ./customhouse-data).
    """
    with _open(data) as parts:
        content, where = fetch_content(file, parts.outbound)
        taken = import_scores(parts.deeds, content, where)
    return _told(where, taken, "scores")


@contextmanager
def _open(data: Path | None) -> Iterator[Parts]:
    settings = read_settings(data=data)
    prepare(settings)
    with open_app(settings) as parts:
        yield parts


@contextmanager
def _shown(what: str) -> Iterator[Hears]:
    """A progress bar on a terminal, nothing elsewhere."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(what, total=None)
        yield lambda files, total: progress.update(task, completed=files, total=total)


def _sentence(found: Source, done: Imported) -> str:
    written = done.written
    parts = [f"{written.new:,} new", f"{written.changed:,} changed", f"{written.same:,} as before"]
    if written.kept:
        parts.append(f"{written.kept:,} kept from a newer or more trusted source")
    if done.left_out:
        parts.append(f"{done.left_out:,} of other ecosystems")
    return f"{found.name}: {', '.join(parts)}."


def _complain(faults: Sequence[tuple[str, str]], count: int) -> None:
    for _place, reason in faults[:SHOWN]:
        print(f"  {plain(reason, 300)}", file=sys.stderr)
    if count > SHOWN:
        print(f"  … and {count - SHOWN:,} more.", file=sys.stderr)
    if count:
        print(f"{count:,} records could not be read; the others count.", file=sys.stderr)


def _told(where: str, taken: Taken, what: str) -> int:
    print(f"{where}: {taken.rows:,} {what}, {taken.new + taken.changed:,} new or changed, {taken.gone:,} gone.")
    for row in taken.bad[:SHOWN]:
        print(f"  {plain(row.reason, 300)}", file=sys.stderr)
    if taken.bad:
        print(f"{len(taken.bad):,} rows could not be read; the others count.", file=sys.stderr)
    return PARTIAL if taken.bad else 0


def _show(one: queries.Stored) -> None:
    record = one.record
    score = "" if one.base_score is None else f" ({one.base_score})"
    level = "not scored" if one.level is Level.UNKNOWN else one.level.word
    print(f"{one.id}  {level}{score}")
    _print(f"from {one.source}, changed {one.modified:%Y-%m-%d}")
    if one.withdrawn is not None:
        print(f"  withdrawn on {one.withdrawn:%Y-%m-%d}: it counts no more")
    text = record.summary or record.details
    if text:
        _print(plain(text, 240))
    if record.aliases:
        _print(f"also {plain(', '.join(record.aliases), 300)}")
    for name in record.packages():
        fixes = ", ".join(fixed_versions(record, name)) or "no version"
        _print(f"{plain(name, 120)}: mended in {plain(fixes, 300)}")
    others = sorted(
        {f"{each.ecosystem}: {each.package}" for each in record.affected if each.ecosystem not in ("", PYPI)}
    )
    for other in others[:SHOWN]:
        _print(plain(other, 200))


def _print(text: str) -> None:
    print(fill(text, 80, initial_indent="  ", subsequent_indent="    ", break_on_hyphens=False))

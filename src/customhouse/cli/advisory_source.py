"""``customhouse advisory source``: where advisories come from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from textwrap import fill

from cyclopts import App

from customhouse.advisories.refresh import schedule_one
from customhouse.advisories.sources import rows
from customhouse.advisories.sources.model import Source, describe
from customhouse.advisories.sources.rows import AddSource, RemoveSource, add_source, remove_source
from customhouse.app import App as Parts
from customhouse.app import open_app, prepare
from customhouse.cli.options import read_settings
from customhouse.formats.plain import plain
from customhouse.ledger.tx import Tx
from customhouse.terms.errors import Refused

PARTIAL = 3

source = App(name="source", help="Where advisories are read from every hour.")


@source.command
def add(
    name: str,
    place: str,
    /,
    *,
    kind: str = "",
    trust: int = 0,
    ecosystem: tuple[str, ...] = (),
    data: Path | None = None,
) -> None:
    """Have a place read every hour from now on; a source that is known already is described anew.

    Args:
        name: What it is called.
        place: A path or an address, see `customhouse advisory import --help`.
        kind: zip, folder, git, file or url, if it is not what it looks like.
        trust: Its records never replace those of a source with more (default 0).
        ecosystem: Only records on packages of this one, such as PyPI; may be given several times.
        data: The data folder (default ./customhouse-data).
    """
    wanted = replace(describe(place, kind, name), trust=trust, ecosystems=ecosystem, origin="operator")

    def deed(command: Source, tx: Tx) -> None:
        add_source(AddSource(command), tx)
        schedule_one(tx, command.name)

    with _open(data) as parts:
        parts.do(deed, wanted)
    print(f"{wanted.name} ({wanted.kind}) is read every hour, soon for the first time.")


@source.command(name="list")
def list_(*, data: Path | None = None) -> int:
    """List the sources, how many records are theirs, and what is wrong with them.

    Exit code 3 if a source could not be read to its end, or some of its records could not.
    """
    with _open(data) as parts, parts.database.read() as sql:
        found, counts = rows.sources(sql), rows.records_by_source(sql)
    for one in found:
        asked = "every hour" if one.is_asked else "when imported"
        when = "never yet" if one.succeeded_at is None else f"last on {one.succeeded_at:%Y-%m-%d %H:%M} UTC"
        print(f"{one.name}  {one.kind}, trust {one.trust}, {counts.get(one.name, 0):,} records")
        print(f"  {plain(one.place, 200)}")
        print(f"  read {asked}, {when}")
        if one.error:
            print(fill(f"! {plain(one.error, 300)}", 80, initial_indent="  ", subsequent_indent="    "))
    own = counts.get("here", 0)
    if own:
        print(f"here  {own:,} records of our own")
    if not found and not own:
        print("No source is known. Add one: customhouse advisory source add NAME PLACE")
    return PARTIAL if any(one.error for one in found) else 0


@source.command
def remove(name: str, /, *, data: Path | None = None) -> None:
    """Read a source no more. Its records stay until another source has newer ones.

    Args:
        name: What it is called.
        data: The data folder (default ./customhouse-data).
    """
    with _open(data) as parts:
        found = parts.do(remove_source, RemoveSource(name))
    print(f"{found.name} is read no more; its records stay.")


@source.command
def problems(name: str, /, *, data: Path | None = None) -> int:
    """List the records of a source that could not be read, and since when. Exit code 3 if there are any.

    Args:
        name: What it is called.
        data: The data folder (default ./customhouse-data).
    """
    with _open(data) as parts, parts.database.read() as sql:
        if rows.find_source(sql, name) is None:
            raise Refused("unknown-source", f"There is no source {plain(name, 60)!r}.", status=404)
        found = rows.problems(sql, name)
    for one in found:
        print(fill(f"{one.since:%Y-%m-%d}  {plain(one.reason, 300)}", 80, subsequent_indent=" " * 12))
    return PARTIAL if found else 0


@contextmanager
def _open(data: Path | None) -> Iterator[Parts]:
    settings = read_settings(data=data)
    prepare(settings)
    with open_app(settings) as parts:
        yield parts

"""``customhouse signals``: what policies ask for and an upstream does not publish, loaded from dated files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from cyclopts import App

from customhouse.app import App as Parts
from customhouse.app import open_app, prepare
from customhouse.cli.options import read_settings
from customhouse.formats.plain import plain
from customhouse.formats.signal_list.model import MAX_BYTES, VALUES
from customhouse.formats.signal_list.read import read_signal_list
from customhouse.terms.errors import Rejected
from customhouse.views.signals.load import ForgetSignals, LoadSignals, forget_signals, load_signals
from customhouse.views.signals.queries import loaded_lists

app = App(name="signals", help="Facts for policies that an upstream does not publish, from dated files.")


@app.command
def load(
    file: Path,
    /,
    *,
    signal: str,
    source: str,
    date: str = "",
    upstream: str = "pypi",
    data: Path | None = None,
) -> None:
    """Load a list of one signal by project: all of it, or nothing.

    CSV with a header (project,downloads), or JSON (rows of project and downloads; an object of names and values). The
    lists of top packages and exports of BigQuery are read as they are. A list of the same source is replaced.

    Args:
        file: The file, at most 64 MiB and a million rows.
        signal: downloads (of 30 days), dependents, owners, owner-2fa (all, any or none), owner-changed (a day), or
            critical.
        source: Who says so; `customhouse policy explain` names it.
        date: Of which day it is, as 2026-11-01. It may be left out if a JSON file says so itself.
        upstream: Of whose projects (default pypi).
        data: The data folder (default ./customhouse-data).
    """
    content = _content(file)
    read = read_signal_list(content, signal, plain(file.name, 100))
    dated = _day(date) if date else read.dated
    if dated is None:
        raise Rejected("no-date", "date", "the file does not say of which day it is", "--date YYYY-MM-DD")
    with _open(data) as parts:
        known = [one.name for one in parts.settings.upstreams]
        done = load_signals(parts.deeds, LoadSignals(signal, upstream, source, dated, read.values, known))
    print(f"{done.signal} of {done.rows:,} projects of {done.upstream}, by {plain(done.source)} on {done.dated}.")
    print("Views look at everything anew.")


@app.command(name="list")
def list_(*, data: Path | None = None) -> None:
    """List what is loaded: by whom, of which day, how old, and how many projects.

    Args:
        data: The data folder (default ./customhouse-data).
    """
    with _open(data) as parts, parts.database.read() as sql:
        found, today = loaded_lists(sql), parts.clock.now().date()
    for one in found:
        days = (today - one.dated).days
        age = "today" if days == 0 else f"{days} day{'s' if days != 1 else ''} old"
        print(f"{one.signal}  {one.upstream}, by {plain(one.source)}")
        print(f"  of {one.dated}, {age}; {one.rows:,} projects; loaded {one.loaded_at:%Y-%m-%d}")
    if not found:
        print("Nothing is loaded. See: customhouse signals load --help")


@app.command
def forget(*, signal: str, source: str, upstream: str = "pypi", data: Path | None = None) -> None:
    """Take a list away. What it said is unknown from now on.

    Args:
        signal: Which signal.
        source: Who says so.
        upstream: Of whose projects (default pypi).
        data: The data folder (default ./customhouse-data).
    """
    with _open(data) as parts:
        gone = forget_signals(parts.deeds, ForgetSignals(signal, upstream, source))
    print(f"{gone.signal} of {gone.upstream}, by {plain(gone.source)}, count no more ({gone.rows:,} projects).")


def _content(file: Path) -> bytes:
    """The file, and not a byte more than the most that is read."""
    try:
        with file.open("rb") as opened:
            return opened.read(MAX_BYTES + 1)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise Rejected("no-file", plain(str(file), 200), reason, f"a file of {', '.join(VALUES)}") from error


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise Rejected("bad-date", "date", f"{text[:40]!r} is no day", "a day as 2026-11-01") from error


@contextmanager
def _open(data: Path | None) -> Iterator[Parts]:
    settings = read_settings(data=data)
    prepare(settings)
    with open_app(settings) as parts:
        yield parts

"""``customhouse downloads``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from cyclopts import App
from rich.console import Console
from rich.progress import Progress

from customhouse.app import open_app, prepare
from customhouse.catalog.downloads.import_log import Imported, import_log
from customhouse.cli.options import read_settings
from customhouse.infra.client_hash import ClientHashes
from customhouse.terms.errors import Rejected

PARTIAL = 3

app = App(name="downloads", help="Download counts.")


class _ShownLog:
    """A log whose reading is shown by a progress bar."""

    def __init__(self, path: Path, progress: Progress) -> None:
        self.name = str(path)
        self._path = path
        self._progress = progress

    @contextmanager
    def open(self, purpose: str) -> Iterator[IO[bytes]]:
        """Open it at its beginning, under a bar of its own."""
        with self._progress.open(self._path, "rb", description=f"{purpose} {self._path.name}") as file:
            yield file


@app.command(name="import")
def import_(*files: Path, data: Path | None = None) -> int:
    """Count the downloads that a CDN or a front end has logged.

    Every log is read whole, plain or gzip, in the order given. What is known already is left out: the same log again,
    a packed or renamed copy, the part of a growing log that was imported before. Counted are GETs of
    /files/PROJECT/FILENAME answered 200, or 206 if the line says that the range began with the first byte.

    Lines are in the common or combined format (the default of Apache, nginx and Fastly; a further field in quotes such
    as "$http_range" tells the range), or JSON objects with these members, by CloudFront's names or plain ones:
    c-ip | client | client_ip | remote_addr, cs-method | method, cs-uri-stem | path | url | uri, sc-status | status,
    date and time (UTC) | timestamp | time (ISO 8601, or seconds or milliseconds since 1970), and for 206
    sc-range-start | range.

    Exit code 3 if some lines could not be read; the others are counted.

    Args:
        files: The logs.
        data: The data folder (default ./customhouse-data).
    """
    if not files:
        raise Rejected("no-log", "FILE", "no log is named", "one or more access logs")
    for path in files:
        if not path.is_file():
            raise Rejected("no-such-file", str(path), "there is no such file", "an access log, plain or gzip")
    settings = read_settings(data=data)
    prepare(settings)
    bad_lines, console = 0, Console(stderr=True)
    with open_app(settings) as parts:
        hashes = ClientHashes(parts.key.secret)
        for path in files:
            with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
                done = import_log(parts.deeds, hashes, _ShownLog(path, progress), fetched_days=settings.fetched_days)
            print(_sentence(path, done))
            if done.bad_lines:
                print(
                    f"{path}: {done.bad_lines:,} lines could not be read; the first is line {done.first_bad_line:,}: "
                    f"{done.first_bad_reason}",
                    file=sys.stderr,
                )
            bad_lines += done.bad_lines
    return PARTIAL if bad_lines else 0


def _sentence(path: Path, done: Imported) -> str:
    if not done.lines:
        return f"{path}: nothing new; this log is imported already."
    unknown = f"; {done.unknown_files:,} of files that are not here" if done.unknown_files else ""
    return f"{path}: {done.downloads:,} downloads in {done.lines:,} lines{unknown}."

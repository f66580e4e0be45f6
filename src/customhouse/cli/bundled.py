"""``customhouse bundled``: what a wheel bundles, who on the index bundles a library, and telling their owners."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from cyclopts import App

from customhouse.cli.exit_codes import FINDINGS, FINE, PARTIAL
from customhouse.terms.errors import Rejected

if TYPE_CHECKING:
    from customhouse.formats.bundled.model import BundledLibrary
    from customhouse.index.bundling.who import Bundler

app = App(
    name="bundled",
    help="Libraries that are no Python packages and come inside of wheels.",
    help_epilogue="Exit code 0: nobody bundles it, or the file was read; 1: somebody bundles it; 2: usage; 3: of some"
    " files the version is unknown, or a part of the file could not be read; 4: a service failed.",
)
WIDE = 78


@app.default
def bundled(
    what: str, /, *, below: str = "", range: str = "", output: Literal["table", "json"] = "table",  # noqa: A002
    data: Path | None = None,
) -> int:  # fmt: skip
    """Who bundles a library, or what a wheel bundles.

    With the name of a library (and ``--below`` or ``--range``) it asks the server's data; with a file that ends in
    ``.whl`` it looks into that file, byte by byte, and runs nothing of it.

    Args:
        what: A library, for example libwebp; or a wheel.
        below: Only versions below this one.
        range: Only versions in this range, for example ">=3.0,<3.0.14".
        output: A table for people, or JSON.
        data: The data folder (default ./customhouse-data).
    """
    if what.endswith(".whl"):
        return _of_file(Path(what), output)
    if below and range:
        raise Rejected("two-ranges", "--range", "both --below and --range are given", "one of the two")
    return _of_index(what, f"<{below}" if below else range, output, data)


@app.command
def tell(advisory: str, /, *, data: Path | None = None) -> int:
    """Tell the owners of files that bundle what an advisory is on. Doing it again tells of new files only.

    Args:
        advisory: Its id.
        data: The data folder (default ./customhouse-data).
    """
    from customhouse.app import open_app, prepare  # noqa: PLC0415 - the server's parts, which a wheel does not need
    from customhouse.cli.options import read_settings  # noqa: PLC0415
    from customhouse.index.bundling.tell_owners import TellOwners, tell_owners  # noqa: PLC0415

    settings = read_settings(data=data)
    prepare(settings)
    with open_app(settings) as parts:
        told = tell_owners(parts.deeds, TellOwners(advisory))
    for name in told.projects:
        print(name)
    print(f"Told the owners of {_counted(len(told.projects), 'project')} of {_counted(told.files, 'file')}.")
    return FINE


@app.command
def say(
    advisory: str, library: str, /, *, introduced: str = "", fixed: str = "", last_affected: str = "",
    data: Path | None = None,
) -> int:  # fmt: skip
    """Say which versions of a library an advisory affects, if its record does not.

    Args:
        advisory: Its id, for example CVE-2023-4863. The record must be here.
        library: The library, for example libwebp.
        introduced: The first affected version (default: all from the beginning).
        fixed: The version that mends it.
        last_affected: Or the last one that is affected.
        data: The data folder (default ./customhouse-data).
    """
    from customhouse.app import open_app, prepare  # noqa: PLC0415 - the server's parts, which a wheel does not need
    from customhouse.cli.options import read_settings  # noqa: PLC0415
    from customhouse.index.bundling.ranges import SayRange, say_range  # noqa: PLC0415

    settings = read_settings(data=data)
    prepare(settings)
    with open_app(settings) as parts:
        said = parts.do(say_range, SayRange(advisory, library, introduced, fixed, last_affected))
    print(f"{advisory} affects {said.library}: {said.words}.")
    return FINE


def _of_file(path: Path, output: str) -> int:
    from customhouse.formats.bundled.scan import scan_wheel  # noqa: PLC0415 - only this needs the tables

    try:
        scan = scan_wheel(path)
    except OSError as error:
        raise Rejected("unreadable", str(path), error.strerror or "it cannot be read", "a wheel") from None
    if output == "json":
        print(json.dumps(scan.to_dict(), indent=1))
    else:
        for one in scan.libraries:
            print(_named(one))
            print(_cut(f"  in {one.file}"))
            for each in one.evidence[:2]:
                print(_cut(f"  {each.kind}: {each.text}"))
        names = {one.name for one in scan.libraries}
        print(_cut(f"{len(names)} {'library' if len(names) == 1 else 'libraries'} in {path.name}."))
        for note in scan.notes:
            print(f"Note: {note}", file=sys.stderr)
    return PARTIAL if scan.notes else FINE


def _of_index(library: str, text: str, output: str, data: Path | None) -> int:
    from customhouse.app import open_app, prepare  # noqa: PLC0415 - the server's parts, which a wheel does not need
    from customhouse.cli.options import read_settings  # noqa: PLC0415
    from customhouse.index.bundling.who import who_bundles  # noqa: PLC0415

    settings = read_settings(data=data)
    prepare(settings)
    with open_app(settings) as parts, parts.database.read() as sql:
        found = who_bundles(sql, library, text, parts.clock.now(), private=True)
    if output == "json":
        print(json.dumps(found.to_dict(), indent=1))
    else:
        _print(found.matching)
        if found.unknown:
            print("Version unknown:")
            _print(found.unknown)
        asked = f"{found.library} {found.range}".strip()
        files = {one.held.file_id for one in found.matching}
        print(f"Of {asked}: {_counted(len(files), 'file')}, and {len(found.unknown)} of unknown version.")
        if found.unscanned:
            print(f"{found.unscanned} wheels have still to be looked into.", file=sys.stderr)
    if found.matching:
        return FINDINGS
    return PARTIAL if found.unknown or found.unscanned or found.truncated else FINE


def _print(rows: tuple[Bundler, ...]) -> None:
    for one in rows:
        private = "" if one.held.public else " (private)"
        print(_cut(f"{one.held.display} {one.held.version}{private}: {_named(one.held.library)}"))
        print(_cut(f"  {one.held.filename}"))
        more = f" and {len(one.members) - 1} more" if len(one.members) > 1 else ""
        print(_cut(f"  in {one.held.library.file}{more}"))
        print(_cut(f"  {one.newest_evidence}"))
        print(_cut(f"  owners: {', '.join(one.owners) or 'none'}; downloads in 30 days: {one.downloads}"))


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _named(library: BundledLibrary) -> str:
    version = library.version or "unknown"
    others = f" (or {', '.join(library.conflicting)})" if library.conflicting else ""
    built = f", unless {library.distribution} has fixed it" if library.distribution else ""
    return f"{library.name} {version}{others}{built}"


def _cut(line: str) -> str:
    return line if len(line) <= WIDE else line[: WIDE - 1] + "…"

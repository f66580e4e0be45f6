"""``customhouse ledger``."""

from __future__ import annotations

import sys
from pathlib import Path

from cyclopts import App

from customhouse.ledger.chain import Fault
from customhouse.ledger.export import to_line, verify
from customhouse.terms.errors import Rejected

app = App(name="ledger", help="What happened here, as a chain of hashed entries.")


@app.command
def export(
    *,
    after: int = 0,
    limit: int | None = None,
    project: str | None = None,
    public: bool = False,
    data: Path | None = None,
) -> None:
    """Print the ledger on standard output, one entry of JSON a line.

    Args:
        after: Only entries with a higher serial.
        limit: At most this many.
        project: Only what happened to this project; the chain then has gaps.
        public: As everybody may see it: what is not for everybody shows only its hashes.
        data: The data folder (default ./customhouse-data).
    """
    from customhouse.app import open_app, prepare  # noqa: PLC0415 - loads the database, which `verify` does without
    from customhouse.catalog import visible_ledger  # noqa: PLC0415 - as above
    from customhouse.cli.options import read_settings  # noqa: PLC0415 - as above
    from customhouse.ledger.public import EVERYBODY, OPERATOR  # noqa: PLC0415 - as above
    from customhouse.terms.names import ProjectName  # noqa: PLC0415 - as above

    settings = read_settings(data=data)
    prepare(settings)
    reader = EVERYBODY if public else OPERATOR
    with open_app(settings) as parts:
        if project is None:
            for entry in visible_ledger.export(parts.database, reader, after=after, limit=limit):
                sys.stdout.write(to_line(entry))
            return
        name = ProjectName.parse(project).normalized
        for one in visible_ledger.export_of_project(parts.database, reader, name, after=after, limit=limit):
            sys.stdout.write(to_line(one))


@app.command(name="verify")
def verify_export(file: Path | None = None, *, gaps: bool = False) -> int:
    """Test an export without any database: every entry holds what its hash says and follows the one before it.

    Exit code 1 if one does not.

    Args:
        file: What `customhouse ledger export` or /ledger.jsonl gave; without it, standard input.
        gaps: Entries may be missing between, as in the export of one project.
    """
    try:
        if file is None:
            found = verify(sys.stdin, gaps=gaps)
        else:
            with file.open(encoding="utf-8") as lines:
                found = verify(lines, gaps=gaps)
    except (OSError, UnicodeDecodeError) as error:
        raise Rejected(
            "unreadable", str(file or "standard input"), f"cannot be read: {error}", "an export of a ledger"
        ) from error
    if isinstance(found, Fault):
        print(f"Entry {found.serial} {found.why}.")
        return 1
    print(f"Entries {found.first} to {found.last}: {found.read} hold what their hashes say, {found.sealed} are sealed.")
    if found.gaps:
        print(f"There are {found.gaps} gaps, past which the chain cannot be followed.")
    else:
        print("Each follows the one before it.")
    print(f"The last hash is {found.last_hash}.")
    return 0

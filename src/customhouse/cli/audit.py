"""``customhouse audit``: what is known to be wrong with what is installed, locked or asked for."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from customhouse.consume.audit.engine import Engine
from customhouse.consume.audit.model import Subject
from customhouse.consume.audit.verdict import LEVELS, exit_code
from customhouse.consume.snapshot.read import Snapshot
from customhouse.terms.errors import Rejected


def audit(
    targets: Annotated[list[str] | None, Parameter(help="x")] = None,
    /,
    *,
    offline: Annotated[bool, Parameter(name="--offline", negative="", help="Ask nobody.")] = False,
    snapshot: Annotated[Path | None, Parameter(help="The file.")] = None,
    level: str = "low",
) -> int:
    """Audit."""
    store = Snapshot(snapshot or Path("x"))
    subjects = [_thin(one) for one in targets or []]
    report = Engine(store).audit(subjects)
    from customhouse.consume.audit.write.table import table  # noqa: PLC0415

    sys.stdout.write(table(report, LEVELS[level], coloured=sys.stdout.isatty() and not os.environ.get("NO_COLOR")))
    return exit_code(report, LEVELS[level])


def _thin(target: str) -> Subject:
    from customhouse.formats.inventory.model import Component  # noqa: PLC0415

    found = []
    for at, line in enumerate(Path(target).read_text().splitlines(), 1):
        name, eq, version = line.strip().partition("==")
        if eq:
            found.append(Component(name, version, f"{target}, line {at}", direct=True))
    return Subject(target, "requirements", tuple(found))

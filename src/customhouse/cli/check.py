"""``customhouse check``."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table

from customhouse.app import open_app, prepare
from customhouse.cli.options import read_settings
from customhouse.formats.policy.unknown import LOAD_ADVISORIES
from customhouse.index.check import FINDINGS_SHOWN
from customhouse.views.standing import unadvised_views


def check(*, sample: int | None = None, data: Path | None = None) -> int:
    """Test every invariant of this installation and change nothing. Exit code 1 if one does not hold.

    Args:
        sample: Read at most this many files and projects whole, the newest; without it, all.
        data: The data folder (default ./customhouse-data).
    """
    settings = read_settings(data=data)
    prepare(settings)
    with open_app(settings) as parts:
        results = parts.check(sample=sample)
        compared = parts.breached.described
        unadvised = unadvised_views(parts.database, parts.clock.now(), parts.settings.internal_names)
    console = Console()
    table = Table(title=f"Invariants of {settings.data}", title_justify="left")
    table.add_column("")
    table.add_column("promise")
    table.add_column("looked at", justify="right")
    for result in results:
        mark = "[red]✗[/]" if result.findings else "[green]✓[/]"
        table.add_row(mark, result.promise, f"{result.looked_at:,}")
    console.print(table)
    for result in results:
        for finding in result.findings[:FINDINGS_SHOWN]:
            console.print(f"[red]✗[/] {result.promise}: {finding}", highlight=False)
        if len(result.findings) > FINDINGS_SHOWN:
            console.print(f"  … and {len(result.findings) - FINDINGS_SHOWN} more", highlight=False)
    if not compared:
        console.print("Note: new passwords are not compared with breached ones (setting breached_passwords).")
    for one in unadvised:
        console.print(f"Note: {one}.", highlight=False)
    if unadvised:
        console.print("One command loads them and keeps them new:", highlight=False)
        print(LOAD_ADVISORIES)
    return 1 if any(result.findings for result in results) else 0

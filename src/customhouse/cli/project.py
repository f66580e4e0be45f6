"""``customhouse project``: what owners do on the web and operators sometimes must do for them."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter
from rich.console import Console
from rich.table import Table

from customhouse.app import App as Parts
from customhouse.app import open_app, prepare
from customhouse.catalog.lifecycle import Price
from customhouse.cli.approving import rule, staged
from customhouse.cli.options import read_settings
from customhouse.cli.quarantine import lift, quarantine
from customhouse.cli.slow import guard, pending
from customhouse.index.delete import Delete, price_for
from customhouse.index.erase import Erase, erase
from customhouse.index.mark_critical import MarkCritical, mark_critical
from customhouse.index.reopen import Reopen, reopen
from customhouse.index.restore import Restore, restore
from customhouse.index.set_status import SetStatus, set_status
from customhouse.index.slow.model import PendingChange
from customhouse.index.yank import Yank, yank
from customhouse.terms.identity import COMMAND_LINE

app = App(name="project", help="Yank, deprecate, delete, restore, erase.")
Data = Annotated[Path | None, Parameter(help="The data folder (default ./customhouse-data).")]
File = Annotated[str, Parameter(name="--file", help="One file of it.")]
Reason = Annotated[str, Parameter(help="Why; it is kept in the ledger, and everybody reads it.")]
Typed = Annotated[str, Parameter(help="The name of the thing again; without it nothing happens (exit code 1).")]
Reference = Annotated[str, Parameter(help="The court, file number or request that demands it.")]
DEPENDENTS_SHOWN = 20
app.command(quarantine, name="quarantine")
app.command(lift, name="lift")
app.command(pending, name="pending")
app.command(guard, name="protect")
app.command(rule, name="rule")
app.command(staged, name="staged")


@app.command(name="yank")
def yank_it(
    name: str, version: str = "", *, file: File = "", reason: Reason = "", undo: bool = False, data: Data = None
) -> None:
    """Yank a version or one file (PEP 592), or take it back with --undo."""
    with _parts(data) as parts:
        parts.do(yank, Yank(name, version, file, reason, undo))
    print(f"{file or f'{name} {version}'}: {'the yank is taken back' if undo else 'yanked'}.")


@app.command(name="status")
def status_of(name: str, status: str, *, reason: Reason = "", successor: str = "", data: Data = None) -> None:
    """Say that a project is active, deprecated or archived (PEP 792)."""
    with _parts(data) as parts:
        parts.do(set_status, SetStatus(name, status, reason, successor))
    print(f"{name} is {status}.")


@app.command(name="reopen")
def reopen_it(name: str, version: str, *, data: Data = None) -> None:
    """Let a closed release take new files again for a while."""
    with _parts(data) as parts:
        parts.do(reopen, Reopen(name, version))
        days = parts.settings.release_open_days
    print(f"{name} {version} takes new files for {days} days.")


@app.command(name="delete")
def delete_it(
    name: str, version: str = "", *, file: File = "", reason: Reason = "", typed: Typed = "", data: Data = None
) -> int:
    """Show what a deletion would cost others; with --typed and the thing's name, do it."""
    with _parts(data) as parts:
        with parts.database.read() as sql:
            price = price_for(sql, name, version, file, COMMAND_LINE, parts.clock.now())
        _show(price)
        if not typed:
            print(f"Nothing was deleted. To do it: --typed '{price.to_type}'", file=sys.stderr)
            return 1
        parts.remove(Delete(name, version, file, reason, typed))
    print(f"Deleted {price.what}. To bring it back: customhouse project restore {name} {version}".rstrip())
    return 0


@app.command(name="restore")
def restore_it(name: str, version: str = "", *, file: File = "", data: Data = None) -> None:
    """Bring back a deleted project, version or file: the same bytes, digests, times and addresses."""
    with _parts(data) as parts:
        back = parts.do(restore, Restore(name, version, file))
    print(f"Restored: {len(back)} {'file is' if len(back) == 1 else 'files are'} listed again.")


@app.command(name="erase")
def erase_it(
    name: str, file: str, *, reason: Reason, reference: Reference, typed: Typed = "", data: Data = None
) -> int:
    """Remove the bytes of a file for ever, for a reason of law."""
    if not typed:
        print(f"Nothing was erased; it cannot be undone. To do it: --typed '{file}'", file=sys.stderr)
        return 1
    with _parts(data) as parts:
        digest = parts.do(erase, Erase(name, file, reason, reference, typed))
    print(f"Erased {file}, sha256 {digest}. A running server removes the bytes within a minute.")
    return 0


@app.command(name="critical")
def critical(name: str, *, reason: Reason = "", off: bool = False, data: Data = None) -> None:
    """Mark a project as critical, or take the mark away with --off."""
    with _parts(data) as parts:
        done = parts.do(mark_critical, MarkCritical(name, reason, critical=not off))
    if isinstance(done, PendingChange):
        print(done.says_when)
        return
    print(f"{name} is {'no longer ' if off else ''}marked as critical.")


def _parts(data: Path | None) -> AbstractContextManager[Parts]:
    settings = read_settings(data=data)
    prepare(settings)
    return open_app(settings)


def _show(price: Price) -> None:
    console = Console()
    table = Table(title=f"Deleting {price.what}", title_justify="left", show_header=False)
    table.add_row("files", f"{len(price.files):,}")
    table.add_row("downloads in 30 days", f"{price.downloads_30_days:,}")
    table.add_row("projects here that need it", f"{len(price.dependents):,}")
    table.add_row("critical", "yes" if price.critical else "no")
    console.print(table)
    for one in price.dependents[:DEPENDENTS_SHOWN]:
        console.print(f"  {one.project or 'a private project'} needs {one.requirement}", highlight=False, markup=False)

"""``customhouse quarantine blast``: who has fetched a bad file, and telling those who are known."""

from __future__ import annotations

from pathlib import Path

from cyclopts import App as Commands

from customhouse.app import open_app, prepare
from customhouse.cli.options import read_settings
from customhouse.index.blast.look import Blast, Subject, blast_of, find_subject
from customhouse.index.blast.tell import LookUpAddress, TellFetchers, look_up_address, tell_fetchers

app = Commands(name="quarantine", help="Who has fetched what is held back here.")
MOST_DAYS = 31


@app.command
def blast(
    subject: str, /, *, version: str = "", address: str = "", tell: bool = False, reason: str = "",
    data: Path | None = None,
) -> None:  # fmt: skip
    """Show who has fetched a file, or what of a project is quarantined.

    Accounts are known where an API token was sent along. Everybody else is counted by network and day, and no more.

    Args:
        subject: The name of a file, or of a project of which something is quarantined.
        version: Of a project: this release, quarantined or not.
        address: Say instead on which days the network of this address fetched any of it.
        tell: Write to the accounts that are known and have not been told.
        reason: With --tell: what they have to know and to do.
        data: The data folder (default ./customhouse-data).
    """
    settings = read_settings(data=data)
    prepare(settings)
    with open_app(settings) as parts:
        with parts.database.read() as sql:
            found = find_subject(sql, subject, version)
            far = blast_of(sql, found)
        if address:
            days = parts.do(look_up_address, LookUpAddress(found, address, parts.key.secret))
            print("\n".join(days) if days else "That network is not among them in the time that is kept.")
            return
        _show(found, far, settings.fetched_days)
        if tell:
            told = parts.do(tell_fetchers, TellFetchers(found, reason))
            print(f"Told: {', '.join(one.name for one in told) or 'nobody new'}.")


def _show(subject: Subject, far: Blast, days_kept: int) -> None:
    """In lines of at most 80 columns."""
    files = "1 file" if len(subject.files) == 1 else f"{len(subject.files):,} files"
    times = "once" if far.times == 1 else f"{far.times:,} times"
    print(f"{subject.project.display}: {files}, fetched {times} in {days_kept} days")
    for day in far.days[-MOST_DAYS:]:
        print(f"  {day.day.isoformat()}  {day.networks:>8,} networks  {day.times:>8,} fetches")
    if far.unnamed:
        print(f"  {far.unnamed:,} fetches of nobody known")
    for one in far.known:
        told = ", told" if one.told else ""
        print(f"  {one.name}: {one.times:,} from {one.first.isoformat()} to {one.last.isoformat()}{told}")

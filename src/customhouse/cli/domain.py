"""``customhouse domain``: the mail domains of accounts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter
from rich.console import Console
from rich.table import Table

from customhouse.app import open_app, prepare
from customhouse.cli.options import read_settings
from customhouse.index.domains import queries
from customhouse.index.domains.judge import Away, Lost, Names, Suspicious
from customhouse.index.domains.release import Decide, VouchForAddress, decide, vouch_for_address
from customhouse.infra.rdap import NotRegistered, Registration

app = App(name="domain", help="Mail domains of accounts: what was seen of them, and what waits for you.")
Data = Annotated[Path | None, Parameter(help="The data folder (default ./customhouse-data).")]
Reason = Annotated[str, Parameter(help="Why; it is kept in the ledger.")]
FINDINGS = 1


@app.command(name="list")
def list_(*, data: Data = None) -> None:
    """Show the domains, the most urgent first."""
    settings = read_settings(data=data)
    prepare(settings)
    table = Table("domain", "state", "why", "since", "addresses", "last answered look")
    with open_app(settings) as parts, parts.database.read() as sql:
        for one in queries.domains(sql, limit=1000):
            row = one.row
            answered = f"{row.good_at:%Y-%m-%d %H:%M}" if row.good_at else "none"
            table.add_row(row.name, row.state, row.reason, f"{row.since:%Y-%m-%d}", str(one.addresses), answered)
    Console().print(table)


@app.command
def check(name: str, *, data: Data = None) -> int:
    """Look at one domain now, and do what the look says. Leaves with 1 if the domain is not fine."""
    settings = read_settings(data=data)
    prepare(settings)
    with open_app(settings) as parts:
        look, verdict = parts.watch.look(name)
    match look.registry:
        case Registration() as found:
            print(f"registry: {found.name}, {', '.join(sorted(found.statuses)) or 'no status'}")
            print(f"          registered {found.registered_at or 'nobody says when'}, until {found.expires_at or '?'}")
        case NotRegistered():
            print("registry: knows no such domain")
        case Away(why=why):
            print(f"registry: {why}")
        case _:
            print("registry: there is none to ask about this top-level domain")
    match look.names:
        case Names(exists=False):
            print("names:    no such name")
        case Names() as names:
            print(f"names:    mail to {', '.join(names.mail_hosts) or 'the address of the domain'}")
        case Away(why=why):
            print(f"names:    {why}")
    if isinstance(verdict, (Lost, Suspicious)):
        print(
            f"verdict:  {'lost' if isinstance(verdict, Lost) else 'suspicious'} ({verdict.reason}). {verdict.sentence}"
        )
        return FINDINGS
    print("verdict:  nothing is wrong" if verdict.sure else "verdict:  none, because not everything was answered")
    return 0


@app.command
def release(name: str, *, reason: Reason, data: Data = None) -> None:
    """Give up the addresses of a domain that waits, however many."""
    settings = read_settings(data=data)
    prepare(settings)
    with open_app(settings) as parts:
        count = parts.do(decide, Decide(name, lost=True, reason=reason))
    print(f"{count} addresses are given up with {name}.")


@app.command
def spare(name: str, *, reason: Reason, data: Data = None) -> None:
    """Say that a domain that waits is not lost; for 30 days nothing is done about it."""
    settings = read_settings(data=data)
    prepare(settings)
    with open_app(settings) as parts:
        parts.do(decide, Decide(name, lost=False, reason=reason))
    print(f"{name} is spared for 30 days.")


@app.command
def vouch(user: str, *, reason: Reason, data: Data = None) -> None:
    """Say that the lost address of this account is its holder's after all; a link can verify it again."""
    settings = read_settings(data=data)
    prepare(settings)
    with open_app(settings) as parts:
        account = parts.do(vouch_for_address, VouchForAddress(user, reason))
    print(f"{account.name} can verify the address again, by a link.")

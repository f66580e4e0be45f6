"""``customhouse name``: prohibited names and namespaces."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter
from rich.console import Console
from rich.table import Table

from customhouse.app import App as Parts
from customhouse.app import open_app, prepare
from customhouse.catalog.namespaces import all_grants
from customhouse.cli.options import read_settings
from customhouse.index.namespaces import GrantNamespace, RevokeNamespace, grant_namespace, revoke_namespace
from customhouse.index.prohibited import Allow, Prohibit, prohibited_names
from customhouse.index.prohibited import allow as allow_name
from customhouse.index.prohibited import prohibit as prohibit_name

app = App(name="name", help="Names: prohibited ones, and namespaces of organizations.")
Data = Annotated[Path | None, Parameter(help="The data folder (default ./customhouse-data).")]
Reason = Annotated[str, Parameter(help="Why; it is kept in the ledger.")]


@app.command
def prohibit(name: str, *, reason: Reason, data: Data = None) -> None:
    """Let nobody have a name, nor one that looks like it."""
    with _parts(data) as parts:
        done = parts.do(prohibit_name, Prohibit(name, reason))
    print(f"Nobody may have the name {done}.")


@app.command
def allow(name: str, *, reason: Reason, data: Data = None) -> None:
    """Free a prohibited name."""
    with _parts(data) as parts:
        done = parts.do(allow_name, Allow(name, reason))
    print(f"The name {done} is free.")


@app.command
def grant(prefix: str, organization: str, *, data: Data = None) -> None:
    """Keep new names that begin with a prefix and a dash for one organization (PEP 752)."""
    with _parts(data) as parts:
        done = parts.do(grant_namespace, GrantNamespace(prefix, organization))
    print(f"{done.prefix} is for {done.organization} from now on.")


@app.command
def revoke(prefix: str, *, data: Data = None) -> None:
    """Let everybody have such names again."""
    with _parts(data) as parts:
        gone = parts.do(revoke_namespace, RevokeNamespace(prefix))
    print(f"{gone.prefix} is for everybody again.")


@app.command(name="list")
def list_(*, data: Data = None) -> None:
    """Show the prohibited names and the namespaces."""
    prohibited = Table("name", "since", "why", title="Prohibited", title_justify="left")
    namespaces = Table("prefix", "since", "organization", title="Namespaces", title_justify="left")
    with _parts(data) as parts, parts.database.read() as sql:
        for one in prohibited_names(sql):
            prohibited.add_row(one.name, f"{one.since:%Y-%m-%d}", one.reason)
        for space in all_grants(sql):
            namespaces.add_row(space.prefix, f"{space.granted_at:%Y-%m-%d}", space.organization)
    console = Console()
    console.print(prohibited)
    console.print(namespaces)


@contextmanager
def _parts(data: Path | None) -> Iterator[Parts]:
    settings = read_settings(data=data)
    prepare(settings)
    with open_app(settings) as parts:
        yield parts

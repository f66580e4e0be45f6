"""``customhouse name``: who owns one, prohibited names, namespaces, and names that change hands with upstreams."""

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
from customhouse.formats.plain import plain
from customhouse.index.namespaces import GrantNamespace, RevokeNamespace, grant_namespace, revoke_namespace
from customhouse.index.prohibited import Allow, Prohibit, prohibited_names
from customhouse.index.prohibited import allow as allow_name
from customhouse.index.prohibited import prohibit as prohibit_name
from customhouse.terms.names import ProjectName
from customhouse.views.names.adopt import Adopt
from customhouse.views.names.adopt import adopt as adopt_name
from customhouse.views.names.hand_over import HandOver
from customhouse.views.names.hand_over import hand_over as hand_name_over
from customhouse.views.names.known import KnownNames
from customhouse.views.names.owner import WORDS, owner_of

app = App(name="name", help="Names: who owns one, prohibited ones, namespaces, adopting from upstreams.")
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


@app.command
def owner(name: str, /, *, data: Data = None) -> None:
    """Say who owns a name: this index or which upstream, since when, why, and how it came to that."""
    wanted = ProjectName.parse(name.strip())
    with _parts(data) as parts, parts.database.read() as sql:
        known = KnownNames(parts.settings.internal_names)
        found = owner_of(sql, wanted, known, list(parts.upstreams.indexes))
    since = f", since {found.since:%Y-%m-%d %H:%M} UTC" if found.since is not None else ""
    print(f"{wanted.normalized}: {WORDS[found.whose]}{f' {found.upstream}' if found.upstream else ''}{since}")
    print(plain(found.why))
    print(plain(found.asked))
    for one in found.history:
        print(f"  {one.at:%Y-%m-%d %H:%M}  {plain(one.who)} {plain(one.sentence)}")


@app.command
def adopt(name: str, /, *, owner: str, reason: Reason, data: Data = None) -> None:
    """Host a name here that an upstream supplies: from then on no upstream is asked for it.

    Args:
        name: The name.
        owner: The account that owns the project from then on.
        reason: Why; it is kept in the ledger.
        data: The data folder (default ./customhouse-data).
    """
    with _parts(data) as parts:
        done = parts.do(adopt_name, Adopt(name, owner, reason))
    print(f"{done.name} is hosted here from now on and belongs to {plain(done.owner)}.")
    print(f"Views no longer offer the {done.files} files of {done.upstream or 'the upstream'}.")


@app.command(name="hand-over")
def hand_over(name: str, /, *, upstream: str, reason: Reason, typed: str = "", data: Data = None) -> None:
    """Let an upstream supply a name that is hosted here.

    Args:
        name: The name.
        upstream: The upstream of the settings that has it from then on.
        reason: Why; it is kept in the ledger.
        typed: The name again, needed if a file was ever published here under it.
        data: The data folder (default ./customhouse-data).
    """
    with _parts(data) as parts:
        known, upstreams = KnownNames(parts.settings.internal_names), list(parts.upstreams.indexes)
        done = parts.do(hand_name_over, HandOver(name, upstream, reason, known, upstreams, typed))
    print(f"{done.name} comes from {done.upstream} from now on, in views that name it.")
    if done.files:
        print(f"{done.files} files were published here under that name; they are in no listing any more.")


@contextmanager
def _parts(data: Path | None) -> Iterator[Parts]:
    settings = read_settings(data=data)
    prepare(settings)
    with open_app(settings) as parts:
        yield parts

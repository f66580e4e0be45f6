"""``customhouse organization``: what operators must sometimes do for the people of an organization."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import sqlalchemy as sa
from cyclopts import App, Parameter
from rich.console import Console
from rich.table import Table

from customhouse.app import App as Parts
from customhouse.app import open_app, prepare
from customhouse.catalog.organizations import find_organization
from customhouse.catalog.tables import organization
from customhouse.catalog.teams import projects_held
from customhouse.cli.options import read_settings
from customhouse.index import people
from customhouse.index.invite import InviteToOrganization, invite_to_organization
from customhouse.index.organizations import CreateOrganization, create_organization

app = App(name="organization", help="Organizations: groups of people that hold projects.")
Data = Annotated[Path | None, Parameter(help="The data folder (default ./customhouse-data).")]


@app.command
def create(
    name: str,
    *,
    owner: Annotated[str, Parameter(help="The user who owns it.")],
    title: Annotated[str, Parameter(help="What people call it.")] = "",
    data: Data = None,
) -> None:
    """Make an organization."""
    with _parts(data) as parts:
        made = parts.do(create_organization, CreateOrganization(name, title, owner))
    print(f"Made the organization {made.name}, owned by {owner}.")


@app.command
def invite(name: str, user: str, *, role: str = "owner", data: Data = None) -> None:
    """Invite somebody, for instance when no owner can any more: owner, manager or member."""
    with _parts(data) as parts:
        invited = parts.do(invite_to_organization, InviteToOrganization(name, user, role))
    print(f"{invited.name} is invited, and accepts at {parts.settings.public_url}/account/invitations/")


@app.command(name="list")
def list_(*, data: Data = None) -> None:
    """Show all organizations with their owners and what they hold."""
    table = Table("organization", "title", "owners", "people", "projects")
    with _parts(data) as parts, parts.database.read() as sql:
        for name in sql.execute(sa.select(organization.c.name).order_by(organization.c.normalized)).scalars().all():
            found = find_organization(sql, name)
            rows = people.members_of(sql, found.id)
            owners = ", ".join(row.name for row in rows if row.role == "owner")
            table.add_row(name, found.display, owners, str(len(rows)), str(len(projects_held(sql, found.id))))
    Console().print(table)


@contextmanager
def _parts(data: Path | None) -> Iterator[Parts]:
    settings = read_settings(data=data)
    prepare(settings)
    with open_app(settings) as parts:
        yield parts

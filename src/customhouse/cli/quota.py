"""``customhouse quota``: how large files and projects may be."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter
from rich.console import Console
from rich.table import Table

from customhouse.app import limits_of, open_app, prepare
from customhouse.catalog.quotas import granted
from customhouse.cli.options import read_settings
from customhouse.formats.sizes import parse_size
from customhouse.index.quotas import GrantQuota, grant_quota

app = App(name="quota", help="How large files and projects may be.")
Data = Annotated[Path | None, Parameter(help="The data folder (default ./customhouse-data).")]
FileSize = Annotated[str, Parameter(help="The largest file: 500 MB. Empty: the index's own limit.")]
ProjectSize = Annotated[str, Parameter(help="All files of a project together: 50 GB. Empty: the index's own limit.")]
Reason = Annotated[str, Parameter(help="Why; it is kept in the ledger.")]


@app.command
def project(
    name: str, *, file_size: FileSize = "", project_size: ProjectSize = "", reason: Reason = "", data: Data = None
) -> None:
    """Set the limits of one project. Of all that apply, the most generous counts."""
    _grant(GrantQuota(project=name, reason=reason), file_size, project_size, data)


@app.command
def organization(
    name: str, *, file_size: FileSize = "", project_size: ProjectSize = "", reason: Reason = "", data: Data = None
) -> None:
    """Set the limits of each project that an organization holds."""
    _grant(GrantQuota(organization=name, reason=reason), file_size, project_size, data)


@app.command(name="list")
def list_(*, data: Data = None) -> None:
    """Show the index's own limits and what was granted beyond them."""
    settings = read_settings(data=data)
    prepare(settings)
    table = Table("for", "largest file", "all files of a project")
    own = limits_of(settings)
    table.add_row("every project", f"{own.file_bytes:,} B", f"{own.project_bytes:,} B")
    with open_app(settings) as parts, parts.database.read() as sql:
        for row in granted(sql):
            name = f"the organization {row.name}" if row.organization else row.name
            table.add_row(name, _shown(row.grant.file_bytes), _shown(row.grant.project_bytes))
    Console().print(table)


def _grant(command: GrantQuota, file_size: str, project_size: str, data: Path | None) -> None:
    settings = read_settings(data=data)
    prepare(settings)
    wish = GrantQuota(
        command.project,
        command.organization,
        parse_size(file_size, where="--file-size") if file_size else None,
        parse_size(project_size, where="--project-size") if project_size else None,
        command.reason,
        settings.upload_limit_bytes,
    )
    with open_app(settings) as parts:
        name = parts.do(grant_quota, wish)
    print(f"The limits of {name} are set.")


def _shown(size: int | None) -> str:
    return "as usual" if size is None else f"{size:,} B"

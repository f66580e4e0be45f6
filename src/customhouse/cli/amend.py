"""``customhouse amend``: say afterwards how a requirement of a released version is to be read."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from customhouse.app import App, open_app, prepare
from customhouse.cli.options import read_settings
from customhouse.formats.amendment import Amendment
from customhouse.formats.plain import plain
from customhouse.index.amending.publish import Amend
from customhouse.index.amending.publish import amend as amend_deed
from customhouse.infra.spool import open_spool
from customhouse.terms.errors import Refused
from customhouse.terms.names import ProjectName
from customhouse.views.upstream_releases import upstream_releases

Data = Annotated[Path | None, Parameter(help="The data folder (default ./customhouse-data).")]


def amend(
    project: str, versions: str, requirement: str, /, *, reason: str, evidence: str, before: str = "", view: str = "",
    data: Data = None,
) -> None:  # fmt: skip
    """Say afterwards how a requirement of released versions is to be read. Files and metadata stay as they are.

    Owners do it on the page Manage, Amendments, or by POST /api/projects/NAME/amendments; this command is for who runs
    the index.

    Args:
        project: Whose releases.
        versions: One version, or specifiers of versions that have been released, such as "<2".
        requirement: The whole requirement as it is to be read, such as "bar>=1,<3". Whether it narrows or widens what
            the metadata says is computed.
        reason: Why, in one line; everybody reads it.
        evidence: The address where one can look it up.
        before: Which requirement, if the metadata names the project more than once.
        view: Say it in this view alone. Needed for projects of upstreams.
        data: The data folder (default ./customhouse-data).
    """
    settings = read_settings(data=data)
    prepare(settings)
    with open_app(settings) as app:
        wish = Amend(project, versions, requirement, reason, evidence, before, view)
        record = app.do(partial(amend_deed, app.sign), with_releases(app, wish))
    print(said(record))


def with_releases(app: App, wish: Amend) -> Amend:
    """The wish with what an upstream's releases require, if it is about such a project."""
    if not wish.view:
        return wish
    view = app.views.get(wish.view)
    name = ProjectName.parse(wish.project, where="project").normalized
    offered = app.views.offered(view, name)
    if offered is None:
        raise Refused("unknown", f"The view {view.name} has no project {name!r}.", status=404)
    if offered.mirrored is None:
        return wish
    released = upstream_releases(
        app.views, view, name, wish.versions, metadata=app.objects.metadata, blobs=app.blobs,
        spool=open_spool(app.settings.data),
    )  # fmt: skip
    return replace(wish, released=released)


def said(record: Amendment) -> str:
    """What was said, for a terminal."""
    where = f"in the view {record.view}" if record.view else "everywhere"
    lines = (
        f"{record.id}: a {record.kind} of {record.project} {record.releases}, {where}",
        f"  {record.before}  is to be read as  {record.after}",
    )
    return "\n".join(plain(one, 2000) if not one.startswith("  ") else f"  {plain(one, 2000)}" for one in lines)

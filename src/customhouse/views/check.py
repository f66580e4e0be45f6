"""What must hold of views on any installation: `customhouse check`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.index.check import Checked
from customhouse.infra.db import Database
from customhouse.terms.clock import Clock
from customhouse.views.queries import all_views
from customhouse.views.standing import standing_of

FINDINGS_SHOWN = 20
_PAGES = sa.text(
    "SELECT page.view, page.name, page.body, page.edition FROM page JOIN edition"
    " ON edition.view = page.view AND edition.name = page.name AND edition.number = page.edition"
    " WHERE page.format = 'json' ORDER BY page.view, page.name LIMIT :most"
)
_LET_IN = sa.text(
    "SELECT filename FROM gate WHERE view = :view AND project = :name AND edition = :edition"
    " AND verdict IN ('allow', 'warn')"
)


def check_views(database: Database, clock: Clock, *, internal: tuple[str, ...], sample: int | None) -> list[Checked]:
    """Every view is open, and what its pages list is exactly what its gates let through."""
    with database.read(snapshot=True) as sql:
        views = all_views(sql)
        closed: list[str] = []
        for one in views:
            standing = standing_of(sql, one, clock.now(), internal)
            closed += [f"{one.name} is closed: {standing.closed}"] if standing.closed else []
            closed += [f"{one.name}: the {data.what} are too old" for data in standing.data if data.too_old]
        pages, faults = 0, list[str]()
        for row in sql.execute(_PAGES, {"most": sample or 10**9}):
            pages += 1
            faults += _page_faults(sql, row)
    return [
        Checked("every view is open", len(views), tuple(closed[:FINDINGS_SHOWN])),
        Checked("a view's page lists only what its gates let through", pages, tuple(faults[:FINDINGS_SHOWN])),
    ]


def _page_faults(sql: Connection, row: sa.Row[Any]) -> Iterator[str]:
    where = {"view": row.view, "name": row.name, "edition": row.edition}
    let_in = set(sql.execute(_LET_IN, where).scalars())
    listed = {file["filename"] for file in json.loads(bytes(row.body))["files"]}
    for filename in sorted(listed - let_in):
        yield f"{row.view}: {filename} is listed, and its gate does not let it through"

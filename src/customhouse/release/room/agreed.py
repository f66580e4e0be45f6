"""How many builders came to the same in the run that released a version: what everybody may know of it."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.release.room.runs import find_run
from customhouse.release.room.states import States
from customhouse.release.room.tables import release_run
from customhouse.release.standing import agreement
from customhouse.terms.errors import Broken

_NEWEST = (
    sa.select(release_run.c.id)
    .where(
        release_run.c.project_id == sa.bindparam("project"), release_run.c.version == sa.bindparam("version"),
        release_run.c.status == "released", release_run.c.rehearsal.is_(False),
    )
    .order_by(release_run.c.finished_at.desc())
    .limit(1)
)  # fmt: skip


def builders_agreed(sql: Connection, states: States, project_id: int, version: str) -> int | None:
    """The number, of the step with the fewest; None if no run has released this version here, or built nothing."""
    found = sql.execute(_NEWEST, {"project": project_id, "version": version}).scalar_one_or_none()
    if found is None:
        return None
    try:
        state = states.of(sql, find_run(sql, found))
    except Broken:
        # Its people are told on the run's own page; nothing is vouched for here.
        return None
    builds = [step for step in state.pipeline.steps if step.uses.startswith("build.") and step.uses != "build.sbom"]
    counts = [agreement(state, step.id) for step in builds if state.steps[step.id].status == "done"]
    return min(counts, default=None)

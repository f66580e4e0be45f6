"""What facts are read from: each question is asked once for a whole project."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from fnmatch import fnmatchcase

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.advisories.disclosure.tables import disclosure_case, disclosure_member
from customhouse.advisories.exploitation import exploited_among, likelihoods_of
from customhouse.advisories.known import Advice
from customhouse.advisories.model import OWN, USUAL_TRUST
from customhouse.advisories.tables import advisory_source
from customhouse.catalog.namespaces import grants_covering
from customhouse.catalog.tables import name as name_table
from customhouse.views.facts.safety import CVE, Wrong
from customhouse.views.facts.subject import Subject, Surroundings

# Made once: building a statement costs more than running it.
_SOURCES = sa.select(
    advisory_source.c.name, advisory_source.c.trust, advisory_source.c.origin, advisory_source.c.succeeded_at
)
_CLAIM = sa.select(name_table.c.state).where(name_table.c.normalized == sa.bindparam("name"))
_CONFIRMED = sa.exists().where(
    disclosure_member.c.case_id == disclosure_case.c.id, disclosure_member.c.role == "coordinator"
)
_UNCONFIRMED = sa.select(disclosure_case.c.advisory_id).where(
    disclosure_case.c.advisory_id.in_(sa.bindparam("ids", expanding=True)), sa.not_(_CONFIRMED)
)


def look_up_wrong(sql: Connection, subject: Subject, around: Surroundings, *, fixes: bool) -> Wrong:
    """What is known to be wrong with a project's versions, whatever they are."""
    package = around.advice.packages([subject.name])[subject.name]
    sources = sql.execute(_SOURCES).all()
    read = [row.succeeded_at for row in sources if row.succeeded_at is not None]
    asked = [row.succeeded_at for row in sources if row.succeeded_at is not None and row.origin != "import"]
    # What is asked again every hour is as old as the source that was read longest ago.
    dated: datetime | None = min(asked) if asked else max(read, default=None)
    cves = cves_of(package.advice)
    return Wrong(
        package=package,
        dated=dated,
        exploited=frozenset(exploited_among(sql, cves)) if cves else frozenset(),
        likelihoods={cve: one.score for cve, one in likelihoods_of(sql, cves).items()} if cves else {},
        own_word=_own_word(sql, package.advice, {row.name: row.trust for row in sources}) if fixes else frozenset(),
    )


def _own_word(sql: Connection, advice: Iterable[Advice], trust: dict[str, int]) -> frozenset[str]:
    """Records that operators of this index trust less than usual, and our own whose case nobody coordinates."""
    ours = [one.id for one in advice if one.source == OWN]
    doubted = {one.id for one in advice if one.source != OWN and trust.get(one.source, USUAL_TRUST) < USUAL_TRUST}
    if ours:
        doubted.update(sql.execute(_UNCONFIRMED, {"ids": ours}).scalars())
    return frozenset(doubted)


def cves_of(advice: Iterable[Advice]) -> frozenset[str]:
    """Every CVE id that records go by."""
    return frozenset(name for one in advice for name in (one.id, *one.record.aliases) if name.startswith(CVE))


def is_internal(sql: Connection, name: str, patterns: Collection[str]) -> bool:
    """Whether a name is for us alone: by the settings, by a namespace, or because it is taken here in any way."""
    if any(fnmatchcase(name, pattern) for pattern in patterns) or grants_covering(sql, name):
        return True
    state = sql.execute(_CLAIM, {"name": name}).scalar()
    return state is not None and state != "upstream"

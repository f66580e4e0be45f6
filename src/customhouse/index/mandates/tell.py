"""The letters of mandates: whoever lacks what is asked of him is told once at each stage, by the page's own text.

A round looks at every mandate that has been announced, and writes a mail job and a note of it in one transaction, some
people at a time. Running it again, or twice at once, finds the notes and writes nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.accounts.factors import Method, methods_of
from customhouse.accounts.tables import account
from customhouse.catalog import rights
from customhouse.catalog.tables import critical_mark, project
from customhouse.index.mandates import queries
from customhouse.index.mandates.model import Exemption, Mandate
from customhouse.index.mandates.requirements import Person, Place, Requirement, requirement
from customhouse.index.mandates.tables import mandate_letter
from customhouse.index.mandates.text import requirements_text
from customhouse.infra import jobs
from customhouse.infra.db import Database, insert_new

TEMPLATE = "mandate-stage"
AT_ONCE = 100
ASKED_AT_ONCE = 500
_STAFF = sa.select(account.c.id).where(account.c.site_role != "", account.c.frozen_at.is_(None))
_FROZEN = sa.select(account.c.id).where(account.c.frozen_at.is_not(None))
_TOLD = sa.select(mandate_letter.c.account_id).where(
    mandate_letter.c.mandate_id == sa.bindparam("mandate"), mandate_letter.c.stage == sa.bindparam("stage")
)


def write_letters(database: Database, now: datetime, site: str) -> int:
    """Write the letters that are due; returns how many."""
    written = 0
    with database.read() as sql:
        live = queries.mandates(sql, ended=False)
        let_off = [one for one in queries.exemptions(sql, [one.id for one in live]) if one.holds(now)]
    for mandate in live:
        if mandate.stage(now) == "planned":
            continue
        with database.read(snapshot=True) as sql:
            told = set(sql.execute(_TOLD, {"mandate": mandate.id, "stage": mandate.stage(now)}).scalars())
            due = [(one, found) for one, found in unmet(sql, mandate, let_off, now) if one.account_id not in told]
        for start in range(0, len(due), AT_ONCE):
            with database.write() as sql:
                written += sum(
                    _write(sql, mandate, one, found, now, site) for one, found in due[start : start + AT_ONCE]
                )
    return written


def unmet(
    sql: Connection, mandate: Mandate, let_off: Collection[Exemption], now: datetime
) -> Iterator[tuple[Person, Requirement]]:
    """Everybody whom a mandate concerns and who lacks what it asks for."""
    for person in people_under(sql, mandate):
        found = requirement(person, mandate, let_off, now)
        if found is not None and found.open:
            yield person, found


def people_under(sql: Connection, mandate: Mandate) -> list[Person]:
    """Everybody whom a mandate concerns, with the projects for which it does; frozen accounts are left out."""
    if mandate.scope == "staff":
        places: dict[int, list[Place]] = {account_id: [] for account_id in sql.execute(_STAFF).scalars()}
    else:
        places = _publishers(sql, mandate)
    methods = methods_by_account(sql, list(places))
    return [
        Person(account_id, mandate.scope == "staff", methods.get(account_id, frozenset()), tuple(covered))
        for account_id, covered in sorted(places.items())
    ]


def _publishers(sql: Connection, mandate: Mandate) -> dict[int, list[Place]]:
    wanted = {
        "all": sa.true(),
        "critical": sa.exists().where(critical_mark.c.normalized == project.c.normalized),
        "organization": project.c.organization_id == mandate.organization_id,
        "project": project.c.normalized == mandate.project,
    }[mandate.scope]
    places: dict[int, list[Place]] = {}
    frozen = set(sql.execute(_FROZEN).scalars())
    for row in sql.execute(rights.publishers(wanted)):
        if row.account_id not in frozen:
            place = Place(row.normalized, row.organization_id, critical=mandate.scope == "critical")
            places.setdefault(row.account_id, []).append(place)
    return places


def methods_by_account(sql: Connection, account_ids: Sequence[int]) -> dict[int, frozenset[Method]]:
    """The methods of many accounts; who has none is left out."""
    found: dict[int, frozenset[Method]] = {}
    for start in range(0, len(account_ids), ASKED_AT_ONCE):
        found.update(methods_of(sql, account_ids[start : start + ASKED_AT_ONCE]))
    return found


def _write(sql: Connection, mandate: Mandate, person: Person, found: Requirement, now: datetime, site: str) -> bool:
    """One letter and its note; False if somebody else has written it."""
    noted = insert_new(
        sql, mandate_letter, mandate_id=mandate.id, account_id=person.account_id, stage=found.state, written_at=now
    )
    if noted is None:
        return False
    values = {"stage": found.state, "title": mandate.title, "text": requirements_text(found, site), "why": mandate.text}
    arguments = {"account_id": person.account_id, "template": TEMPLATE, "values": values}
    # The same stage may come again when the mandate was changed, and is another letter then.
    key = f"{TEMPLATE}:{mandate.id}:{person.account_id}:{found.state}:{now.isoformat()}"
    return jobs.add(sql, "mail", arguments, due_at=now, key=key)

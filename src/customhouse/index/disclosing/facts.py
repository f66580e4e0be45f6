"""What the documents of a case are made of, looked up."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.engine import Connection

from customhouse.advisories.disclosure.draft import Draft
from customhouse.advisories.disclosure.model import Case
from customhouse.advisories.disclosure.queries import credits_of
from customhouse.catalog import queries
from customhouse.formats.cve.write import Assigner
from customhouse.index.disclosing.outputs import Facts
from customhouse.index.disclosing.people import display_of
from customhouse.index.disclosing.rules import Rules
from customhouse.index.disclosing.stage import session_of

_UNKNOWN = Assigner()


def facts_of(
    sql: Connection, case: Case, rules: Rules, *, assigner: Assigner = _UNKNOWN, published: datetime | None = None
) -> Facts:
    """The facts of a case, as published or, with ``published``, as they would be then."""
    display, _normalized = display_of(sql, case)
    session = session_of(sql, case)
    at = case.published_at or published
    if at is None:
        raise LookupError("what is not published has no facts")
    return Facts(
        case=case, draft=Draft.of(case.draft), credits=credits_of(sql, case.id), package=display,
        versions=sorted(queries.versions_of(sql, case.project_id)) if case.project_id is not None else (),
        fixed=session.version if session is not None and session.state == "published" else "",
        published=at, site=rules.site, publisher=rules.publisher, assigner=assigner,
    )  # fmt: skip

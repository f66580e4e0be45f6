"""The release with the fix, under embargo: made, sent and installed like any staged release, by the case alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

from sqlalchemy.engine import Connection

from customhouse.advisories.disclosure.clocks import EXTENSION
from customhouse.advisories.disclosure.events import DisclosureStep
from customhouse.advisories.disclosure.model import Case
from customhouse.advisories.disclosure.tables import disclosure_case
from customhouse.catalog import queries
from customhouse.catalog.staged import Session, find_session
from customhouse.index.disclosing.access import Knock, enter, refuse_unless_handles
from customhouse.index.disclosing.people import display_of
from customhouse.index.disclosing.tell import tell
from customhouse.index.publication import role_here
from customhouse.index.staging.desk import canonical
from customhouse.index.staging.end import end_session
from customhouse.index.staging.open_session import OpenSession, SessionExists, open_session
from customhouse.index.staging.policy import Policy
from customhouse.index.staging.rights import lock_session
from customhouse.ledger.tx import Tx
from customhouse.terms.errors import Refused
from customhouse.terms.identity import Identity
from customhouse.terms.names import ProjectName

SLACK = timedelta(days=30)
"""A stage outlives the day of disclosure: whoever is late must not lose the release."""


@dataclass(frozen=True, slots=True)
class OpenStage:
    """A wish for a release under embargo."""

    knock: Knock
    version: str
    policy: Policy


def open_stage(command: OpenStage, tx: Tx) -> Session:
    """Begin the release. Whoever belongs to the case and may upload there sends files into it, by any tool.

    The first of them for this version finds it by itself: `customhouse publish --stage` for an account of the case
    means this release, and for every other account it is not there.
    """
    found = enter(tx, command.knock)
    refuse_unless_handles(found)
    case, by = found.case, command.knock.by
    project = queries.find_project(tx.sql, display_of(tx.sql, case)[1])
    if project is None or not case.open:
        raise Refused("no-project", "The case is about no project here, or is over.", "Name its project.", status=409)
    if case.decided_at is None:
        raise Refused("not-decided", "It is not decided yet whether it is a vulnerability.", "Accept it.", status=409)
    if role_here(tx.sql, project, by) is None:
        raise Refused(
            "not-an-uploader", f"Only an owner or maintainer of {project.display} makes its releases.", "Put one in.",
            status=409,
        )  # fmt: skip
    if (there := session_of(tx.sql, case)) is not None and there.ongoing:
        raise Refused("stage-exists", f"{there.version} is being made already.", "Cancel it first.", status=409)
    policy = replace(command.policy, life=max(command.policy.life, case.disclose_by - tx.now() + EXTENSION + SLACK))
    wish = OpenSession(
        ProjectName.parse(project.display), canonical(command.version), by, policy, embargo=case.public_id
    )  # fmt: skip
    try:
        session = open_session(wish, tx)
    except SessionExists as exists:
        session = _own(tx, exists, case)
    tx.sql.execute(
        disclosure_case.update().where(disclosure_case.c.id == case.id).values(session_id=session.id, confirmed_at=None)
    )
    tx.record(DisclosureStep(found.identity, None, case=case.public_id, step="stage"))
    tell(tx, case, "stage", to=("handlers", "reporter"), but=found.member)
    return session


def session_of(sql: Connection, case: Case) -> Session | None:
    """The release of a case, whatever became of it."""
    return find_session(sql, case.session_id) if case.session_id is not None else None


def end_stage(tx: Tx, case: Case, by: Identity) -> None:
    """Throw the release away of a case that is refused, rejected or withdrawn: nobody else could ever publish it."""
    seen = session_of(tx.sql, case)
    if seen is None or not seen.ongoing:
        return
    session, project = lock_session(tx, seen)
    if session is not None and session.state in ("open", "error"):
        end_session(tx, session, project, by, why="canceled")


def _own(tx: Tx, exists: SessionExists, case: Case) -> Session:
    """One that this case has lost sight of is found again; anything else is in the way."""
    session = find_session(tx.sql, exists.session_id, lock=True)
    if session is None or session.embargo != case.public_id:
        raise exists
    return session

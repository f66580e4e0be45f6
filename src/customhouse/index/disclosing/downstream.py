"""Telling those who bundle or need the project, under embargo: each promises silence before it learns what it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.engine import Connection

from customhouse.advisories.disclosure.draft import Draft
from customhouse.advisories.disclosure.events import DisclosureStep
from customhouse.advisories.disclosure.model import Case
from customhouse.advisories.disclosure.queries import members_of
from customhouse.catalog import queries, rights
from customhouse.index.bundling.who import who_bundles
from customhouse.index.dependents import asking_for
from customhouse.index.disclosing.access import Knock, enter, look_again, refuse_unless_handles
from customhouse.index.disclosing.move import step
from customhouse.index.disclosing.people import Newcomer, add_member, display_of
from customhouse.index.disclosing.tell import tell_one
from customhouse.ledger.tx import Tx
from customhouse.terms.errors import Refused, Rejected
from customhouse.terms.names import normalize

MOST_AT_ONCE = 40


@dataclass(frozen=True, slots=True)
class Downstream:
    """A public project of this index that has the vulnerable one in it, or asks for it."""

    project: str
    how: str
    """The line of its metadata, or the library that a file of it holds."""
    told: bool


@dataclass(frozen=True, slots=True)
class Notify:
    """A wish that the owners of these projects are told."""

    knock: Knock
    projects: Sequence[str]


def downstreams_of(sql: Connection, case: Case, now: datetime) -> list[Downstream]:
    """Who could be told, by name: those who bundle the library, and those who ask for the project.

    Private projects are left out: nobody in the case may learn of them by this.
    """
    _display, normalized = display_of(sql, case)
    library = Draft.of(case.draft).library
    told = {normalize(one.project) for one in members_of(sql, case.id) if one.role == "downstream"}
    found: dict[str, Downstream] = {}
    for name in dict.fromkeys(filter(None, (library, normalized))):
        answer = who_bundles(sql, name, "", now)
        for bundler in (*answer.matching, *answer.unknown):
            held = bundler.held
            how = f"{held.library.name} {held.library.version or 'of unknown version'} in {held.filename}"
            if held.project != normalized:
                found.setdefault(held.project, Downstream(held.project, how, held.project in told))
    for one in asking_for(sql, normalized) if normalized else ():
        if one.public:
            found.setdefault(one.project, Downstream(one.project, one.text, one.project in told))
    return [found[name] for name in sorted(found)]


def notify(command: Notify, tx: Tx) -> Case:
    """Invite the owners of each project. Before they agree they learn that there is something, and until when."""
    found = enter(tx, command.knock)
    refuse_unless_handles(found)
    case = found.case
    if case.state not in ("fix-ready", "notified", "scheduled"):
        raise Refused(
            "too-early", "Downstreams are told when the fix is ready, so that they can try it.", "Make it ready.",
            status=409,
        )  # fmt: skip
    if not command.projects or len(command.projects) > MOST_AT_ONCE:
        raise Rejected("bad-projects", "projects", f"{len(command.projects)} projects", f"1 to {MOST_AT_ONCE}")
    until = case.scheduled_for or case.disclose_by
    told = 0
    for name in dict.fromkeys(map(normalize, command.projects)):
        project = queries.find_project(tx.sql, name)
        if project is None or not project.public or project.deleted_at is not None:
            raise Rejected("unknown-project", "projects", f"there is no project {name[:100]!r}", "a name")
        there = {one.account_id for one in members_of(tx.sql, case.id)}
        for account_id, role in rights.people_of(tx.sql, project.id):
            if role == "owner" and account_id not in there:
                member = add_member(
                    tx, case, Newcomer("downstream", account_id, project=project.display, silent_until=until)
                )
                tell_one(tx, case, member, "embargo")
                told += 1
    tx.record(DisclosureStep(found.identity, None, case=case.public_id, step=f"told {told} downstreams"))
    if case.state == "fix-ready":
        return step(tx, found, "notified", f"{told} people of {len(command.projects)} projects were asked to be silent")
    return look_again(tx, found)

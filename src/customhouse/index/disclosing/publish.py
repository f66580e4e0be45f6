"""The one button: release, advisory, CVE record and notices in one transaction. Before it, nothing public has changed.

Everything that could fail because of what it says is looked at before: the draft is checked when it is written, the
record is read back as anybody would read it, and the release is published by the very deed that publishes every staged
release. What others do, mail servers and CVE Services, is done by jobs of the same transaction, again until it is done.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.engine import Connection

from customhouse.advisories.disclosure.draft import Draft
from customhouse.advisories.disclosure.events import DisclosureMoved, DisclosurePublished
from customhouse.advisories.disclosure.model import Case, may_publish, may_publish_by_program
from customhouse.advisories.disclosure.tables import disclosure_case
from customhouse.advisories.store import write_records
from customhouse.catalog.model import Project
from customhouse.catalog.queries import find_project
from customhouse.catalog.staged import Session
from customhouse.formats.osv.read import read_record
from customhouse.formats.osv.write import write_record
from customhouse.index.disclosing.access import Knock, access, enter, look_again, refuse_unless_handles
from customhouse.index.disclosing.cve_jobs import PUBLISH_JOB
from customhouse.index.disclosing.discuss import note
from customhouse.index.disclosing.facts import facts_of
from customhouse.index.disclosing.outputs import cna_container, csaf_document, osv_record
from customhouse.index.disclosing.people import display_of
from customhouse.index.disclosing.rules import Rules
from customhouse.index.disclosing.stage import session_of
from customhouse.index.disclosing.tell import tell
from customhouse.index.publication import role_here
from customhouse.index.staging import publish as publication
from customhouse.index.staging.policy import Policy
from customhouse.ledger.tx import Deeds, Tx
from customhouse.terms.errors import Refused


@dataclass(frozen=True, slots=True)
class PublishCase:
    """Somebody has pressed the button."""

    knock: Knock
    policy: Policy
    rules: Rules
    manifest: str = ""
    """The digest of its release's files, as in `staging.publish.Publish`."""
    by_program: bool = False
    """Whether no person has pressed it: then the agreed day is kept."""


def publish_case(deeds: Deeds, command: PublishCase) -> Case:
    """Publish everything that belongs to a case, or nothing. First note why the release waits, if it does."""
    with deeds.database.read() as sql:
        found = access(sql, command.knock)
        refuse_unless_handles(found)
        session = session_of(sql, found.case)
        _refuse_unless(may_publish(found.case))
        if session is not None and session.ongoing:
            _refuse_unless(_may_release(sql, command, find_project(sql, display_of(sql, found.case)[1])))
    if session is not None and session.ongoing:
        deeds.do(publication.note_reasons, _wish(command, found.case, session))
    return deeds.do(publish, command)


def publish(command: PublishCase, tx: Tx) -> Case:
    """The deed: whoever reads meanwhile sees none of it, or all."""
    found = enter(tx, command.knock)
    refuse_unless_handles(found)
    case, now = found.case, tx.now()
    _refuse_unless(may_publish(case))
    if command.by_program:
        _refuse_unless(may_publish_by_program(case, now))
    project = find_project(tx.sql, display_of(tx.sql, case)[1], lock=True)
    session = session_of(tx.sql, case)
    _refuse_unless(may_tell(Draft.of(case.draft), session, project))
    if session is not None and session.ongoing:
        _refuse_unless(_may_release(tx.sql, command, project))
        publication.publish(_wish(command, case, session), tx)
    public = project is None or project.public
    values = {"state": "published", "before": "", "published_at": now, "closed_at": now}
    if public and case.cve_state == "reserved":
        values["cve_state"] = "publishing"
        tx.later(PUBLISH_JOB, {"case_id": case.id}, key=f"{PUBLISH_JOB}:{case.id}")
    tx.sql.execute(disclosure_case.update().where(disclosure_case.c.id == case.id).values(**values))
    done = look_again(tx, found)
    facts = facts_of(tx.sql, done, command.rules)
    if public:
        record = read_record(write_record(osv_record(facts)), case.advisory_id)
        cna_container(facts)
        csaf_document(facts)
        write_records(tx, [record], by=found.identity)
    tx.record(DisclosureMoved(found.identity, None, case=case.public_id, before=case.state, state="published"))
    tx.record(
        DisclosurePublished(
            found.identity, project.normalized if project is not None else None, advisory=case.advisory_id,
            cve=case.cve_id, title=facts.draft.title, version=facts.fixed,
        )
    )  # fmt: skip
    note(tx, done, f"{found.name} published it: {facts.page}")
    tell(tx, done, "published", to=("handlers", "reporter", "downstreams"), but=found.member)
    return done


def may_tell(draft: Draft, session: Session | None, project: Project | None) -> Refused | None:
    """An advisory says what it is about, how grave it is and where it is mended, or it helps nobody."""
    missing = (
        list(draft.missing()) if project is not None else [one for one in draft.missing() if "versions" not in one]
    )
    if missing:
        return Refused(
            "draft-incomplete", f"The advisory still wants {', '.join(missing)}.", "Write it on the page of the case.",
            status=409,
        )  # fmt: skip
    if session is not None and session.ongoing and all(one.fixed != session.version for one in draft.spans):
        return Refused(
            "fix-not-named", f"The advisory does not say that {session.version} mends it.",
            "Name it among the affected versions.", status=409,
        )  # fmt: skip
    return None


def _may_release(sql: Connection, command: PublishCase, project: Project | None) -> Refused | None:
    if project is None or role_here(sql, project, command.knock.by) is None:
        return Refused(
            "not-an-uploader", "Its release is published by an owner or maintainer of the project, in person.",
            "One of them presses the button.", status=409,
        )  # fmt: skip
    return None


def _wish(command: PublishCase, case: Case, session: Session) -> publication.Publish:
    return publication.Publish(
        session.id, command.knock.by, command.policy, embargo=case.public_id, manifest=command.manifest
    )


def _refuse_unless(refusal: Refused | None) -> None:
    if refusal is not None:
        raise refusal

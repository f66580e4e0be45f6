"""CVE ids: asked for, kept, published and given back. What CVE Services do is done by jobs, outside any transaction.

A reservation that was made and whose answer was lost is found again: before each request the case is marked, and the
next try first looks what has been reserved since then and belongs to no case. So give this index a user of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

from customhouse.advisories.disclosure.draft import parse_cve
from customhouse.advisories.disclosure.events import DisclosureStep
from customhouse.advisories.disclosure.model import Case
from customhouse.advisories.disclosure.queries import case_of_cve, find_case, published_case
from customhouse.advisories.disclosure.tables import disclosure_case
from customhouse.advisories.store import write_records
from customhouse.formats.cve.write import NOBODY, Assigner, write_rejection
from customhouse.formats.osv.read import read_record
from customhouse.formats.osv.write import write_record
from customhouse.index.disclosing.access import Access, Knock, enter, look_again, refuse_unless_handles
from customhouse.index.disclosing.cve_jobs import PUBLISH_JOB, RESERVE_JOB, release_if_reserved
from customhouse.index.disclosing.facts import facts_of
from customhouse.index.disclosing.move import step
from customhouse.index.disclosing.outputs import cna_container, osv_record
from customhouse.index.disclosing.rules import Rules
from customhouse.infra.cve_services import CveServices
from customhouse.ledger.tx import Deeds, Tx
from customhouse.terms.errors import Refused, Unavailable
from customhouse.terms.identity import SYSTEM

LOOK_BACK = timedelta(minutes=5)
"""Their clock and ours may differ by so much."""


@dataclass(frozen=True, slots=True)
class AskForCve:
    """A wish for a CVE id: from CVE Services, or one that was reserved elsewhere."""

    knock: Knock
    typed: str = ""
    services: bool = True
    """Whether CVE Services are configured."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A CVE id that was reserved for a case."""

    case_id: int
    cve_id: str
    rules: Rules


def ask_for_cve(command: AskForCve, tx: Tx) -> Case:
    """Have one reserved, or keep the one that was typed."""
    found = enter(tx, command.knock)
    refuse_unless_handles(found)
    case = found.case
    if case.cve_id or case.cve_state:
        raise Refused("cve-there", "This case has a CVE id, or one is being reserved.", status=409)
    if case.decided_at is None or not case.open:
        raise Refused("not-accepted", "Only an accepted case gets a CVE id.", "Accept it.", status=409)
    if command.typed:
        return _keep(tx, found, parse_cve(command.typed), "by-hand")
    if not command.services:
        raise Refused("no-services", "CVE Services are not configured here.", "Type the id that was reserved.")
    tx.sql.execute(disclosure_case.update().where(disclosure_case.c.id == case.id).values(cve_state="asked"))
    tx.later(RESERVE_JOB, {"case_id": case.id}, key=f"{RESERVE_JOB}:{case.id}")
    tx.record(DisclosureStep(found.identity, None, case=case.public_id, step="asked for a CVE id"))
    return look_again(tx, found)


def reserve_now(deeds: Deeds, services: CveServices, rules: Rules, case_id: int) -> None:
    """The job. Running it again finds the id kept, or the reservation that the last run has made."""
    with deeds.database.read() as sql:
        case = find_case(sql, case_id)
    if case is None or case.cve_id or case.cve_state not in ("asked", "asking"):
        return
    cve_id = _lost(deeds, services, case) if case.cve_state == "asking" else ""
    if not cve_id:
        deeds.do(_mark_asking, case_id)
        cve_id = services.reserve(deeds.clock.now().year)
    deeds.do(keep_cve, Kept(case_id, cve_id, rules))


def keep_cve(command: Kept, tx: Tx) -> None:
    """Write the id that was reserved; one that another case has taken meanwhile is looked for again.

    A case may have ended while CVE Services were away: one that was published gets its record late, and its advisory
    the other name; one that was refused needs no id.
    """
    case = find_case(tx.sql, command.case_id, lock=True)
    if case is None or case.cve_id:
        return
    found = Access(case, None, desk=True, name="CVE Services", identity=SYSTEM)
    kept = _keep(tx, found, command.cve_id, "reserved")
    if kept.open:
        return
    facts = facts_of(tx.sql, kept, command.rules) if kept.published_at is not None else None
    if facts is None or kept.state == "withdrawn" or published_case(tx.sql, kept.advisory_id) is None:
        release_if_reserved(tx, kept)
        return
    record = replace(osv_record(facts), modified=tx.now())
    write_records(tx, [read_record(write_record(record), record.id)], by=SYSTEM)
    values = {"cve_state": "publishing"}
    tx.sql.execute(disclosure_case.update().where(disclosure_case.c.id == kept.id).values(**values))
    tx.later(PUBLISH_JOB, {"case_id": kept.id}, key=f"{PUBLISH_JOB}:{kept.id}")


def publish_now(deeds: Deeds, services: CveServices, rules: Rules, case_id: int) -> None:
    """The job that publishes the record. Running it again writes the same record."""
    with deeds.database.read() as sql:
        case = find_case(sql, case_id)
        if case is None or case.secret or case.cve_state != "publishing":
            return
        assigner = Assigner(services.org_id() or NOBODY, services.org)
        container = cna_container(facts_of(sql, case, rules, assigner=assigner))
    services.publish(case.cve_id, container)
    deeds.do(_note, (case_id, "publishing", "published"))


def release_now(deeds: Deeds, services: CveServices, case_id: int) -> None:
    """The job that gives an id back that was not needed. Running it again finds it rejected."""
    with deeds.database.read() as sql:
        case = find_case(sql, case_id)
    if case is None or case.cve_state != "releasing":
        return
    services.release(case.cve_id)
    deeds.do(_note, (case_id, "releasing", "rejected"))


def reject_now(deeds: Deeds, services: CveServices, case_id: int, reason: str) -> None:
    """The job that rejects a published record. Running it again writes the same rejection."""
    with deeds.database.read() as sql:
        case = find_case(sql, case_id)
    if case is None or case.cve_state != "rejecting":
        return
    assigner = Assigner(services.org_id() or NOBODY, services.org)
    services.reject(case.cve_id, write_rejection(reason, assigner))
    deeds.do(_note, (case_id, "rejecting", "rejected"))


def _lost(deeds: Deeds, services: CveServices, case: Case) -> str:
    """An id that the last try has reserved without hearing so; empty if there is none."""
    since = (case.cve_asked_at or deeds.clock.now()) - LOOK_BACK
    mine = [one.cve_id for one in services.reserved_since(since) if one.user == services.user]
    with deeds.database.read() as sql:
        return next((one for one in mine if case_of_cve(sql, one) is None), "")


def _mark_asking(case_id: int, tx: Tx) -> None:
    values = {"cve_state": "asking", "cve_asked_at": tx.now()}
    tx.sql.execute(disclosure_case.update().where(disclosure_case.c.id == case_id).values(**values))


def _keep(tx: Tx, found: Access, cve_id: str, state: str) -> Case:
    other = case_of_cve(tx.sql, cve_id)
    if other is not None:
        if state == "by-hand":
            raise Refused("cve-taken", f"{cve_id} belongs to another case here.", status=409)
        raise Unavailable("CVE Services", f"{cve_id} was kept for another case")
    tx.sql.execute(
        disclosure_case.update().where(disclosure_case.c.id == found.case.id).values(cve_id=cve_id, cve_state=state)
    )
    tx.record(DisclosureStep(found.identity, None, case=found.case.public_id, step=f"CVE id {state}"))
    case = look_again(tx, found)
    return step(tx, found, "cve-reserved", cve_id) if case.state == "accepted" else case


def _note(command: tuple[int, str, str], tx: Tx) -> None:
    """Note what a job has done, unless something else is wanted by now."""
    case_id, before, state = command
    case = find_case(tx.sql, case_id, lock=True)
    if case is not None and case.cve_state == before:
        tx.sql.execute(disclosure_case.update().where(disclosure_case.c.id == case_id).values(cve_state=state))
        tx.record(DisclosureStep(SYSTEM, None, case=case.public_id, step=f"CVE record {state}"))

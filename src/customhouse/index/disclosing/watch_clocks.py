"""Looking at the clocks of all cases: warning those who work on one, escalating what is late. Again it is quiet."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from customhouse.accounts.tables import account
from customhouse.advisories.disclosure.clocks import Alarm, alarms_of
from customhouse.advisories.disclosure.events import DisclosureLate
from customhouse.advisories.disclosure.model import Case
from customhouse.advisories.disclosure.queries import find_case, members_of, open_cases
from customhouse.advisories.disclosure.tables import disclosure_case
from customhouse.index.disclosing.discuss import note
from customhouse.index.disclosing.people import appoint_least_busy, team_of
from customhouse.index.disclosing.rules import Rules
from customhouse.index.disclosing.tell import LETTER, tell_one
from customhouse.index.letters.disclosure import CLOCKS
from customhouse.ledger.tx import Deeds, Tx
from customhouse.terms.identity import SYSTEM

WATCH_JOB = "disclosure-clocks"


@dataclass(frozen=True, slots=True)
class Look:
    """One case to be looked at."""

    case_id: int
    rules: Rules


def watch_clocks(deeds: Deeds, rules: Rules) -> int:
    """Look at every open case, one deed for each that has something to say; returns how many had."""
    now = deeds.clock.now()
    with deeds.database.read() as sql:
        due = [case.id for case in open_cases(sql) if alarms_of(case, now)]
    for case_id in due:
        deeds.do(_look, Look(case_id, rules))
    return len(due)


def _look(command: Look, tx: Tx) -> None:
    case = find_case(tx.sql, command.case_id, lock=True)
    if case is None:
        return
    alarms = alarms_of(case, tx.now())
    if not alarms:
        return
    told = [*case.told, *(one.key for one in alarms)]
    tx.sql.execute(disclosure_case.update().where(disclosure_case.c.id == case.id).values(told=told))
    for alarm in alarms:
        if alarm.late and alarm.what == "acknowledge":
            # Nobody has taken it in time: somebody gets it.
            appoint_least_busy(tx, case)
        tx.record(DisclosureLate(SYSTEM, None, case=case.public_id, clock=alarm.what, late=alarm.late))
        _tell(tx, case, alarm, command.rules)


def _tell(tx: Tx, case: Case, alarm: Alarm, rules: Rules) -> None:
    """Those who work on it; of what is late everybody at the desk, and every operator."""
    words = f"{CLOCKS[alarm.what]} was due" if alarm.late else f"{CLOCKS[alarm.what]} is due"
    note(tx, case, f"The clock: {words} {alarm.due_at:%-d %B %Y, %H:%M} UTC.", "handlers")
    what, facts = (
        ("late" if alarm.late else "soon"),
        {"clock": alarm.what, "due": f"{alarm.due_at:%-d %B %Y, %H:%M} UTC"},
    )
    members = [one for one in members_of(tx.sql, case.id) if one.handles]
    for member in members:
        tell_one(tx, case, member, what, facts=facts)
    if alarm.late:
        operators = sa.select(account.c.id).where(account.c.site_role == "operator", account.c.frozen_at.is_(None))
        there = {one.account_id for one in members}
        desk = {*team_of(tx.sql, rules.team), *tx.sql.execute(operators).scalars()} - there
        for account_id in sorted(desk):
            values = {
                "what": what,
                "case_id": case.id,
                "public_id": case.public_id,
                "at": tx.now().isoformat(),
                **facts,
            }
            tx.later("mail", {"account_id": account_id, "template": LETTER, "values": values})

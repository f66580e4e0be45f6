"""A report comes in and becomes a case. By web form or by mail, from somebody with an account or without."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.engine import Connection

from customhouse.advisories.disclosure.draft import LONGEST_TITLE, long_text, one_line
from customhouse.advisories.disclosure.events import DisclosureReceived
from customhouse.advisories.disclosure.model import Case, Member
from customhouse.advisories.disclosure.queries import find_case
from customhouse.advisories.disclosure.tables import disclosure_case
from customhouse.catalog import queries, rights
from customhouse.index.disclosing.discuss import Attached, write_message
from customhouse.index.disclosing.people import Newcomer, add_member, team_of
from customhouse.index.disclosing.rules import Rules
from customhouse.index.disclosing.tell import tell
from customhouse.ledger.tx import Tx
from customhouse.terms.encode import new_id
from customhouse.terms.errors import Broken
from customhouse.terms.identity import ANONYMOUS, Actor
from customhouse.terms.names import normalize

LONGEST_REPORT = 50_000
_LETTERS = "23456789cfghjmpqrvwx"
"""No vowels, no letters that look alike: an advisory's id is read aloud."""


@dataclass(frozen=True, slots=True)
class Report:
    """What somebody reports."""

    title: str
    text: str
    project: str
    """The name of a project here; whatever else it is, is left to the desk."""
    by: Actor
    email: str = ""
    """Of somebody without an account."""
    name: str = ""
    via: str = "web"
    attached: Sequence[Attached] = ()
    mail_key: str = ""


@dataclass(frozen=True, slots=True)
class Received:
    """A case that has begun, and its reporter."""

    case: Case
    reporter: Member


def receive(rules: Rules, command: Report, tx: Tx) -> Received:
    """Open a case. Whoever reports hears the same whether the project is here, is private or is not here at all.

    The desk's people belong to it at once; its owners are invited by them: a report may be about an owner.
    """
    now = tx.now()
    title = one_line(command.title, "title", LONGEST_TITLE) or "A report without a title"
    text = long_text(command.text, "text", LONGEST_REPORT)
    number = tx.sql.execute(
        disclosure_case.insert().returning(disclosure_case.c.id).values(
            public_id=new_id(), project_id=project_id_of(tx.sql, command.project, command.by), title=title,
            state="received", received_at=now, disclose_by=now + rules.disclose, told=[],
            advisory_id=advisory_id(rules.prefix, now.year), draft={"title": title},
        )
    ).scalar_one()  # fmt: skip
    case = find_case(tx.sql, number)
    if case is None:
        raise Broken("A case that was written just now is not there.")
    reporter = add_member(
        tx, case,
        Newcomer(
            "reporter", command.by.account_id, email=command.email, name=command.name, by_mail=command.via == "mail"
        ),
    )  # fmt: skip
    for account_id in team_of(tx.sql, rules.team):
        if account_id != command.by.account_id:
            add_member(tx, case, Newcomer("team", account_id))
    named = f"About: {command.project}\n\n" if command.project and case.project_id is None else ""
    write_message(
        tx, case, reporter, f"{named}{text}", via=command.via, attached=command.attached, mail_key=command.mail_key
    )
    # The ledger names no reporter.
    tx.record(DisclosureReceived(ANONYMOUS, None, case=case.public_id, via=command.via))
    tell(tx, case, "received", to=("reporter", "team"))
    return Received(case, reporter)


def project_id_of(sql: Connection, name: str, by: Actor) -> int | None:
    """The project of that name, if whoever reports may know of it."""
    found = queries.find_project(sql, normalize(name)) if name else None
    if found is None or found.deleted_at is not None or not rights.standing(sql, found, by).reads:
        return None
    return found.id


def advisory_id(prefix: str, year: int) -> str:
    """A new id. No number in it tells how many cases there are."""
    letters = [secrets.choice(_LETTERS) for _ in range(8)]
    return f"{prefix}-{year}-{''.join(letters[:4])}-{''.join(letters[4:])}"

"""Writing the advisory of a case, who is thanked in it, and that its fix works, before anybody else may read it."""

from __future__ import annotations

from dataclasses import dataclass

from customhouse.advisories.disclosure.draft import Draft, one_line
from customhouse.advisories.disclosure.events import DisclosureStep
from customhouse.advisories.disclosure.model import CREDITS, Case
from customhouse.advisories.disclosure.queries import credits_of
from customhouse.advisories.disclosure.tables import disclosure_case, disclosure_credit
from customhouse.index.disclosing.access import Access, Knock, enter, look_again, refuse_unless_handles
from customhouse.index.disclosing.discuss import note
from customhouse.index.disclosing.tell import tell
from customhouse.ledger.tx import Tx
from customhouse.terms.errors import Refused, Rejected

MOST_CREDITS = 30


@dataclass(frozen=True, slots=True)
class WriteDraft:
    """A wish that the advisory says this."""

    knock: Knock
    draft: Draft


@dataclass(frozen=True, slots=True)
class Thank:
    """A wish that somebody is named in the advisory."""

    knock: Knock
    name: str
    kind: str


@dataclass(frozen=True, slots=True)
class Unthank:
    """A wish that somebody is not named."""

    knock: Knock
    credit_id: int


@dataclass(frozen=True, slots=True)
class Confirm:
    """Somebody has tried the release of the stage: it mends it, or it does not."""

    knock: Knock
    works: bool


def write_draft(command: WriteDraft, tx: Tx) -> Case:
    """Write the draft; the case is called what the advisory is called."""
    found = enter(tx, command.knock)
    refuse_unless_handles(found)
    _refuse_public(found)
    title = command.draft.title or found.case.title
    tx.sql.execute(
        disclosure_case.update()
        .where(disclosure_case.c.id == found.case.id)
        .values(draft=command.draft.row, title=title)
    )
    tx.record(DisclosureStep(found.identity, None, case=found.case.public_id, step="drafted"))
    return look_again(tx, found)


def thank(command: Thank, tx: Tx) -> None:
    """Name somebody. A reporter says himself how he is named; so do those who work on it for everybody else."""
    found = enter(tx, command.knock)
    mine = found.member is not None and found.member.role == "reporter"
    if not found.handles and not mine:
        raise Refused("not-yours", "Only the reporter and those who work on the case name people.")
    _refuse_public(found)
    if command.kind not in CREDITS:
        raise Rejected("bad-credit", "kind", f"{command.kind[:20]!r}", ", ".join(CREDITS))
    name = one_line(command.name, "name", 120)
    if not name:
        raise Rejected("missing-field", "name", "is empty", "a name")
    there = credits_of(tx.sql, found.case.id)
    if len(there) >= MOST_CREDITS:
        raise Refused("too-many-credits", f"{MOST_CREDITS} people are named already.", status=409)
    if any((one.name, one.kind) == (name, command.kind) for one in there):
        return
    tx.sql.execute(disclosure_credit.insert().values(case_id=found.case.id, name=name, kind=command.kind))
    tx.record(DisclosureStep(found.identity, None, case=found.case.public_id, step="credited"))


def unthank(command: Unthank, tx: Tx) -> None:
    """Take a name out again."""
    found = enter(tx, command.knock)
    mine = found.member is not None and found.member.role == "reporter"
    if not found.handles and not mine:
        raise Refused("not-yours", "Only the reporter and those who work on the case name people.")
    _refuse_public(found)
    credit = disclosure_credit.c
    tx.sql.execute(disclosure_credit.delete().where(credit.id == command.credit_id, credit.case_id == found.case.id))
    tx.record(DisclosureStep(found.identity, None, case=found.case.public_id, step="credited"))


def confirm(command: Confirm, tx: Tx) -> Case:
    """Note what came of trying the fix. Whether that is enough is decided by those who work on the case."""
    found = enter(tx, command.knock)
    if not found.knows:
        raise Refused("agree-first", "Agree to keep silent first.", "Do so on the page of the case.")
    if found.case.session_id is None or not found.case.open:
        raise Refused("nothing-to-try", "There is no release under embargo in this case.", status=409)
    at = tx.now() if command.works else None
    tx.sql.execute(disclosure_case.update().where(disclosure_case.c.id == found.case.id).values(confirmed_at=at))
    said = f"{found.name} tried the release: it {'mends it' if command.works else 'does not mend it'}."
    note(tx, found.case, said)
    tx.record(DisclosureStep(found.identity, None, case=found.case.public_id, step="tried the fix"))
    tell(tx, found.case, "message", to=("handlers",), but=found.member, text=said)
    return look_again(tx, found)


def _refuse_public(found: Access) -> None:
    if not found.case.secret:
        raise Refused(
            "published", "The advisory is public: it is changed where advisories are.", "See /advisories/.", status=409
        )

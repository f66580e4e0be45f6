"""An operator says what a record is: a package's vulnerability, nothing of Python's, known already, or for later."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from customhouse.accounts.users import refuse_unless_operator
from customhouse.advisories import queries as stored
from customhouse.advisories.triage.draft import Concerned, Relation
from customhouse.advisories.triage.events import TriageDecided
from customhouse.advisories.triage.queries import Case, find_case
from customhouse.advisories.triage.tables import triage_case, triage_verdict
from customhouse.formats.osv.times import write_time
from customhouse.index.triage.writing import concerned, withdraw, write_advisory
from customhouse.ledger.tx import Tx
from customhouse.terms.errors import Refused, Rejected
from customhouse.terms.identity import COMMAND_LINE, Actor
from customhouse.terms.names import ProjectName

Word = Literal["accepted", "not-python", "duplicate", "later"]
WORDS: tuple[Word, ...] = ("accepted", "not-python", "duplicate", "later")
LONGEST_REASON = 1_000
MOST_PACKAGES = 20


@dataclass(frozen=True, slots=True)
class Decide:
    """What somebody says of a record."""

    case: str
    verdict: Word
    prefix: str
    """Of the ids of our own advisories."""
    packages: tuple[str, ...] = ()
    """Of an accepted one; none: the likeliest candidate."""
    reason: str = ""
    relation: Relation = "alias"
    """Of an accepted one: whether it is the package's own vulnerability, or one of a library that it contains."""
    seen: str = ""
    """The digest of the record that was looked at: another one is not decided about unseen."""
    by: Actor = COMMAND_LINE


def decide(command: Decide, tx: Tx) -> Case:
    """Decide; returns the case as it is then. A decided case is taken back before it is decided otherwise."""
    refuse_unless_operator(command.by)
    tx.serialize()
    case = open_case(tx, command.case, command.seen)
    reason = command.reason.strip()
    if len(reason) > LONGEST_REASON:
        raise Rejected("bad-reason", "reason", f"{len(reason):,} characters", f"at most {LONGEST_REASON:,}")
    if not reason and command.verdict in ("not-python", "duplicate"):
        raise Rejected("no-reason", "reason", "it is missing", "why: whoever meets the record next will ask")
    before = _as_it_is(tx, case)
    packages: tuple[str, ...] = ()
    advisory_id = ""
    if command.verdict == "accepted":
        packages = _packages(command, case)
        advisory_id = _accept(command, case, packages, reason, tx)
    elif case.status == "accepted" and command.verdict != "later":
        withdraw(tx, case.advisory_id, command.by.as_operator)
    elif case.status == "accepted":
        raise Refused("is-accepted", f"{case.id} is an advisory already.", "Accept it again, or refuse it.", status=409)
    by = command.by.as_operator
    tx.sql.execute(
        triage_case.update().where(triage_case.c.id == case.id).values(
            status=command.verdict, packages=list(packages), advisory_id=advisory_id or None, automatic=False,
            reason=reason, decided_by=by.name, decided_at=tx.now(), note="", changed_at=tx.now(),
        )
    )  # fmt: skip
    tx.sql.execute(
        triage_verdict.insert().values(
            case_id=case.id, verdict=command.verdict, packages=list(packages), advisory_id=advisory_id or None,
            reason=reason, by=by.name, at=tx.now(), before=before,
        )
    )  # fmt: skip
    tx.record(
        TriageDecided(
            by, None, record=case.id, verdict=command.verdict, packages=packages, advisory_id=advisory_id, reason=reason
        )
    )
    return find_case(tx.sql, case.id) or case


def open_case(tx: Tx, case_id: str, seen: str) -> Case:
    """The case, if a verdict is wanted and it is as somebody has seen it; raises `Refused`."""
    case = find_case(tx.sql, case_id, lock=True)
    if case is None or case.record is None:
        raise Refused("no-case", f"No record {case_id[:60]!r} waits here.", status=404)
    if not case.is_open and case.status != "ignored":
        raise Refused(
            "decided-already",
            f"{case.id} was judged {case.status} by {case.decided_by}.",
            "Undo that first.",
            status=409,
        )
    if seen and seen != case.digest:
        raise Refused(
            "changed-meanwhile", f"{case.id} has changed since you looked at it.", "Look at it again.", status=409
        )
    return case


def _packages(command: Decide, case: Case) -> tuple[str, ...]:
    named = command.packages or tuple(one.package for one in case.candidates[:1])
    if not named or len(named) > MOST_PACKAGES:
        raise Rejected("no-package", "package", f"{len(named)} packages", f"1 to {MOST_PACKAGES} names of packages")
    return tuple(dict.fromkeys(ProjectName.parse(one.strip(), where="package").normalized for one in named))


def _accept(command: Decide, case: Case, packages: Sequence[str], reason: str, tx: Tx) -> str:
    record = case.record
    if record is None:
        raise Refused("no-case", f"Nothing is kept of {case.id}.", "Import it again.", status=409)
    what = concerned(tx, record, case.candidates, packages)
    open_ended = [one.name for one in what if _is_open(one)]
    if open_ended and not reason:
        raise Rejected(
            "open-range", "reason", f"nothing ends the range of {open_ended[0]}, so all its future releases are marked",
            "a reason why that is right",
        )  # fmt: skip
    before = case.advisory_id or _withdrawn_one(tx, case.id)
    return write_advisory(
        tx, record, what, command.prefix, advisory_id=before, by=command.by.as_operator, relation=command.relation
    )


def _is_open(package: Concerned) -> bool:
    return not package.spans or not all(one.bounded for one in package.spans)


def _withdrawn_one(tx: Tx, case_id: str) -> str:
    """The advisory that an earlier verdict has written: one record has one id for ever."""
    statement = (
        triage_verdict.select()
        .where(triage_verdict.c.case_id == case_id, triage_verdict.c.advisory_id.is_not(None))
        .order_by(triage_verdict.c.id.desc())
    )
    row = tx.sql.execute(statement).first()
    return row.advisory_id if row is not None else ""


def _as_it_is(tx: Tx, case: Case) -> dict[str, Any]:
    """What undoing restores: the case, and the text of its advisory."""
    advisory = stored.find(tx.sql, case.advisory_id) if case.advisory_id else None
    return {
        "status": case.status, "packages": list(case.packages), "advisory_id": case.advisory_id,
        "automatic": case.automatic, "reason": case.reason, "decided_by": case.decided_by,
        "decided_at": write_time(case.decided_at) if case.decided_at else None, "note": case.note,
        "document": advisory.document if advisory is not None and advisory.withdrawn is None else None,
    }  # fmt: skip

"""An operator decides a case, or takes a decision back. Either way everything follows in the same transaction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import sqlalchemy as sa

from customhouse.accounts.tables import account
from customhouse.accounts.users import Freeze, User, find_user, find_user_by_id, freeze, refuse_unless_operator
from customhouse.catalog.tables import file
from customhouse.index.quarantine import (
    Target,
    check_reason,
    lift_hold,
    lock_target,
    newest_file_id,
    quarantine_project,
    quarantine_release,
    resume_hold,
)
from customhouse.ledger.tx import Tx
from customhouse.reports import queries
from customhouse.reports.events import CaseDecided, VerdictUndone
from customhouse.reports.model import CLEARING, HARMFUL, VERDICTS, Verdict
from customhouse.reports.queries import Case
from customhouse.reports.tables import report_case
from customhouse.terms.errors import Refused, Rejected
from customhouse.terms.identity import COMMAND_LINE, Actor

_UPLOADED = sa.select(sa.literal(1)).where(
    file.c.project_id == sa.bindparam("project"), file.c.uploader_id == sa.bindparam("account")
)


@dataclass(frozen=True, slots=True)
class GiveVerdict:
    """An operator's decision of a case."""

    case_id: int
    verdict: str
    note: str
    """Why. The reporters and owners read it, and everybody else beside what is held back."""
    by: Actor = COMMAND_LINE
    effect: str = "quarantine"
    """What a harmful verdict does: quarantine or archive."""
    versions: tuple[str, ...] = ()
    """The releases that are harmful; none means the whole project."""
    freeze: str = ""
    """The name of an uploader whose account is frozen."""
    seen_file_id: int | None = None
    """The newest file that the operator was shown, if he was shown any."""


@dataclass(frozen=True, slots=True)
class UndoVerdict:
    """An operator's wish to take a verdict back."""

    case_id: int
    note: str
    by: Actor = COMMAND_LINE


@dataclass(frozen=True, slots=True)
class Decided:
    """A case after a decision: its project and whether it is open again."""

    case_id: int
    project: str
    reopened: bool = False


def give_verdict(command: GiveVerdict, tx: Tx) -> Decided:
    """Decide an open case.

    A harmful verdict quarantines the project, or the releases that it names and nothing else of it; spam, typosquats
    and dependency confusion may be archived instead. Any other verdict lifts what the case has held back, and the
    project is what it was before. A clearing one is only good for files that the operator has seen: if one has come
    since he opened the page, he is told to look again.
    """
    refuse_unless_operator(command.by)
    verdict = check_verdict(command)
    case, target = _locked_case(command.case_id, tx)
    if not case.open:
        raise Refused(
            "case-decided", f"Case {case.id} has been decided as {case.verdict} by {case.decided_by}.",
            "Undo that verdict first.", status=409,
        )  # fmt: skip
    newest = newest_file_id(tx.sql, target.project_id)
    if verdict in CLEARING and command.seen_file_id is not None and command.seen_file_id != newest:
        raise Refused(
            "files-changed", f"A file of {target.display!r} has come since you opened this case.",
            "Look at the case again, then decide.", status=409,
        )  # fmt: skip
    frozen = _freeze_uploader(command, target, tx)
    if verdict in HARMFUL:
        _hold_back(command, case, target, tx)
    else:
        _lift_all(command, case, tx)
    tx.sql.execute(
        report_case.update()
        .where(report_case.c.id == case.id)
        .values(
            decided_at=tx.now(),
            verdict=verdict,
            note=command.note.strip(),
            decided_by=command.by.identity.name,
            newest_file_id=newest,
            frozen_account_id=frozen.id if frozen else None,
        )
    )
    tx.record(
        CaseDecided(
            command.by.as_operator, target.normalized, case_id=case.id, verdict=verdict, reason=command.note.strip(),
            version=" ".join(command.versions), effect=command.effect if verdict in HARMFUL else "lift",
            reporters=_reporters(case, tx), frozen=str(frozen.id) if frozen else "",
        )
    )  # fmt: skip
    return Decided(case.id, target.normalized)


def undo_verdict(command: UndoVerdict, tx: Tx) -> Decided:
    """Open a decided case again, with everything as it was before the verdict.

    What the verdict held back is let go, what it lifted is held back again, whom it froze is thawed. If a newer case
    about the project is open, that one must be decided first: a project has one open case.
    """
    refuse_unless_operator(command.by)
    note = check_reason(command.note, "note")
    case, target = _locked_case(command.case_id, tx)
    if case.open or case.verdict == "":
        raise Refused("case-open", f"Case {case.id} has no verdict to undo.", status=409)
    newer = queries.open_case(tx.sql, case.project_id)
    if newer is not None:
        raise Refused(
            "newer-case-open",
            f"Case {newer.id} about {target.display!r} is open.",
            "Decide that one first.",
            status=409,
        )
    by = command.by.as_operator
    held = queries.holds_of_case(tx.sql, case.id)
    for one in held:
        if one.ended_at is None and one.origin == "verdict":
            lift_hold(tx, one, note, by, how="undo")
    for one in held:
        if one.ended_how == "verdict":
            resume_hold(tx, one, by)
    if case.frozen_account_id is not None:
        frozen = find_user_by_id(tx.sql, case.frozen_account_id)
        freeze(Freeze(frozen.name, f"Verdict of case {case.id} undone: {note}", thaw=True, by=command.by), tx)
    tx.sql.execute(
        report_case.update()
        .where(report_case.c.id == case.id)
        .values(decided_at=None, verdict="", note="", decided_by="", newest_file_id=None, frozen_account_id=None)
    )
    tx.record(
        VerdictUndone(
            by, target.normalized, case_id=case.id, verdict=case.verdict, reason=note, reporters=_reporters(case, tx)
        )
    )
    return Decided(case.id, target.normalized, reopened=True)


def check_verdict(command: GiveVerdict) -> Verdict:
    """What a decision must say; raises `Rejected` naming the field at fault.

    A reason always. Only malware cannot be archived, since its files must not be offered. Only harmful verdicts name
    releases or freeze anybody, and an archive closes the project as a whole.
    """
    if command.verdict not in VERDICTS:
        raise Rejected("bad-verdict", "verdict", f"{command.verdict[:80]!r} is no verdict", ", ".join(VERDICTS))
    check_reason(command.note, "note")
    if command.effect not in ("quarantine", "archive"):
        raise Rejected("bad-effect", "effect", f"{command.effect[:80]!r} is none", "quarantine or archive")
    harmful = command.verdict in HARMFUL
    if command.effect == "archive" and (command.verdict == "malware" or command.versions):
        what = "malware" if command.verdict == "malware" else "single releases"
        raise Rejected("bad-effect", "effect", f"archive offers the files on, and is not for {what}", "quarantine")
    if command.versions and not harmful:
        raise Rejected("bad-versions", "versions", f"{command.verdict} holds nothing back", "no version")
    if command.freeze and not harmful:
        raise Rejected("bad-freeze", "freeze", f"{command.verdict} freezes nobody", "no account")
    return command.verdict


def _locked_case(case_id: int, tx: Tx) -> tuple[Case, Target]:
    """The case, read after its project was locked, so that nobody decides or joins it meanwhile."""
    case = queries.find_case(tx.sql, case_id)
    if case is None:
        raise Refused("unknown-case", f"There is no case {case_id}.", status=404)
    target = lock_target(tx, case.project_id)
    return queries.find_case(tx.sql, case_id) or case, target


def _freeze_uploader(command: GiveVerdict, target: Target, tx: Tx) -> User | None:
    if not command.freeze:
        return None
    user = find_user(tx.sql, command.freeze)
    if tx.sql.execute(_UPLOADED, {"project": target.project_id, "account": user.id}).first() is None:
        raise Rejected(
            "not-an-uploader", "freeze", f"{user.name} has uploaded nothing to {target.display}", "one who has"
        )
    if user.frozen:
        return None
    tx.sql.execute(sa.select(account.c.id).where(account.c.id == user.id).with_for_update(key_share=True))
    reason = f"Case {command.case_id}: {command.note.strip()}"
    return freeze(Freeze(user.name, reason, by=command.by), tx)


def _hold_back(command: GiveVerdict, case: Case, target: Target, tx: Tx) -> None:
    by, note = command.by.as_operator, command.note.strip()
    if not command.versions:
        status: Literal["quarantined", "archived"] = "archived" if command.effect == "archive" else "quarantined"
        quarantine_project(tx, target.project_id, note, by, case_id=case.id, origin="verdict", status=status)
        return
    named = set()
    for version in command.versions:
        found = lock_target(tx, target.project_id, version)
        quarantine_release(tx, target.project_id, found.version, note, by, case_id=case.id, origin="verdict")
        named.add(found.release_id)
    # The operator has named what is harmful; what reports alone have held back beside it is let go.
    for one in queries.holds_of_case(tx.sql, case.id):
        if one.ended_at is None and one.release_id not in named:
            lift_hold(tx, one, note, by, how="verdict")


def _lift_all(command: GiveVerdict, case: Case, tx: Tx) -> None:
    for one in queries.holds_of_case(tx.sql, case.id):
        if one.ended_at is None:
            lift_hold(tx, one, command.note.strip(), command.by.as_operator, how="verdict")


def _reporters(case: Case, tx: Tx) -> tuple[str, ...]:
    return tuple(sorted({str(one.account_id) for one in queries.reports_of(tx.sql, [case.id])}))

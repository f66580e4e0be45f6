"""A project says what a vulnerability is to its releases, and takes that back.

"We embed B, and what is wrong with it does not concern us": whoever maintains the project knows, and says it once for
everybody who installs it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime

import sqlalchemy as sa

from customhouse.accounts.tokens import look_again
from customhouse.advisories.vex.events import VexStated, VexWithdrawn
from customhouse.advisories.vex.tables import vex_statement
from customhouse.formats.vex.model import CODE, MAX_TEXT, Justification, Product, Statement, Status, check
from customhouse.formats.vex.ranges import read_specifier
from customhouse.index.subject import Subject, lock_subject, unknown
from customhouse.index.vex.model import PER_PROJECT
from customhouse.index.vex.queries import find_statement
from customhouse.ledger.tx import Tx
from customhouse.terms.encode import new_id
from customhouse.terms.errors import Refused, Rejected
from customhouse.terms.identity import COMMAND_LINE, Actor, Identity
from customhouse.terms.names import ProjectName

_VULNERABILITY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}", re.ASCII)


@dataclass(frozen=True, slots=True)
class StateVex:
    """Somebody's wish that his project says this."""

    project: str
    vulnerability: str
    status: str
    specifier: str = ""
    """Of the project's own releases."""
    part: str = ""
    """The package inside that it is about."""
    part_specifier: str = ""
    justification: str = ""
    impact: str = ""
    action: str = ""
    reason: str = ""
    expires: date | None = None
    by: Actor = COMMAND_LINE


@dataclass(frozen=True, slots=True)
class WithdrawVex:
    """Somebody's wish that his project says that no more."""

    project: str
    statement_id: str
    by: Actor = COMMAND_LINE


def state_vex(command: StateVex, tx: Tx) -> str:
    """Say it, in place of what the project has said of the same before; returns the statement's id.

    Owners and maintainers may, operators too. It is held to OpenVEX's rules.
    """
    wanted = _checked(command)
    subject = lock_subject(tx, command.project, "", "", command.by)
    identity = _refuse_strangers(subject, command.by)
    now, project_id = tx.now(), subject.project.id
    if command.expires is not None and command.expires < now.date():
        raise Rejected(CODE, "expires", f"{command.expires} is over", "a day that is to come, or none")
    same = (
        vex_statement.c.project_id == project_id,
        vex_statement.c.vulnerability == wanted["vulnerability"],
        vex_statement.c.part == wanted["part"],
        vex_statement.c.specifier == wanted["specifier"],
        vex_statement.c.withdrawn_at.is_(None),
    )
    known = tx.sql.execute(sa.select(vex_statement.c.id, vex_statement.c.version).where(*same)).one_or_none()
    values = {**wanted, "account_id": command.by.account_id, "changed_at": now, "expires": command.expires}
    if known is None:
        _refuse_more(tx, project_id)
        statement_id, version = new_id(), 1
        tx.sql.execute(
            vex_statement.insert().values(id=statement_id, project_id=project_id, version=1, made_at=now, **values)
        )
    else:
        statement_id, version = known.id, known.version + 1
        tx.sql.execute(
            vex_statement.update().where(vex_statement.c.id == statement_id).values(version=version, **values)
        )
    if command.by.token_id:
        tx.serialize()
        look_again(tx, command.by.token_id, command.by.scope)
    found = find_statement(tx.sql, project_id, statement_id)
    releases = found.what if found is not None else ""
    tx.record(
        VexStated(
            identity, subject.project.normalized, statement_id, wanted["vulnerability"], releases, wanted["status"],
            wanted["justification"], command.expires.isoformat() if command.expires else "", version,
        )
    )  # fmt: skip
    return statement_id


def _checked(command: StateVex) -> dict[str, str]:
    """The values of the row; raises `Rejected`."""
    if not _VULNERABILITY.fullmatch(command.vulnerability):
        raise Rejected(CODE, "vulnerability", f"{command.vulnerability[:60]!r} is no id", "CVE-…, GHSA-…, PYSEC-…")
    status = _word(command.status, [one.value for one in Status], "status")
    words = [one.value for one in Justification]
    justification = _word(command.justification, words, "justification") if command.justification else ""
    texts = {"impact": command.impact, "action": command.action, "reason": command.reason}
    for name, text in texts.items():
        if len(text) > MAX_TEXT:
            raise Rejected(CODE, name, f"{len(text)} characters", f"at most {MAX_TEXT}")
    part = ProjectName.parse(command.part, where="part").normalized if command.part else ""
    specifier = read_specifier(command.specifier, "specifier")
    part_specifier = read_specifier(command.part_specifier, "part_specifier") if part else ""
    statement = Statement(
        "the statement", command.vulnerability, (Product(command.project, specifier),), Status(status),
        datetime(2000, 1, 1, tzinfo=UTC), justification=Justification(justification) if justification else None,
        impact=command.impact, action=command.action,
    )  # fmt: skip
    check(statement, "the statement")
    return {
        "vulnerability": command.vulnerability, "status": status, "justification": justification, "part": part,
        "specifier": specifier, "part_specifier": part_specifier, **texts,
    }  # fmt: skip


def _word(text: str, known: list[str], where: str) -> str:
    # OpenVEX writes not_affected, people type not-affected.
    word = text.strip().lower().replace("-", "_").replace(" ", "_")
    if word not in known:
        raise Rejected(CODE, where, f"{text[:60]!r} is not known", ", ".join(known))
    return word


def _refuse_strangers(subject: Subject, by: Actor) -> Identity:
    if by.account_id is None:
        raise Refused("not-signed-in", "Somebody must answer for a statement.", "Sign in, or send an API token.")
    if subject.project.deleted_at is not None:
        raise Refused(
            "deleted", f"The project {subject.project.display!r} is deleted.", "Restore it first.", status=409
        )
    if subject.standing.role is not None:
        return by.identity
    if by.operator:
        return by.as_operator
    raise Refused(
        "not-a-maintainer", f"Only owners and maintainers of {subject.project.display!r} may do that.",
        "Ask one of its owners.",
    )  # fmt: skip


def _refuse_more(tx: Tx, project_id: int) -> None:
    there = tx.sql.execute(
        sa.select(sa.func.count())
        .select_from(vex_statement)
        .where(vex_statement.c.project_id == project_id, vex_statement.c.withdrawn_at.is_(None))
    ).scalar_one()
    if there >= PER_PROJECT:
        raise Refused(
            "too-many-statements", f"The project has {PER_PROJECT} statements.", "Take some back first.", status=409
        )


def withdraw_vex(command: WithdrawVex, tx: Tx) -> str:
    """Take a statement back; its row stays. Returns the vulnerability that it was about."""
    subject = lock_subject(tx, command.project, "", "", command.by)
    identity = _refuse_strangers(subject, command.by)
    found = find_statement(tx.sql, subject.project.id, command.statement_id)
    if found is None:
        raise unknown("such statement")
    tx.sql.execute(vex_statement.update().where(vex_statement.c.id == found.id).values(withdrawn_at=tx.now()))
    tx.record(VexWithdrawn(identity, subject.project.normalized, found.id, found.vulnerability, found.what))
    return found.vulnerability

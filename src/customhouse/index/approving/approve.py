"""Approving a release that waits: exactly its files as they are, by somebody who may, with a fresh second factor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import sqlalchemy as sa

from customhouse.catalog import queries
from customhouse.catalog.staged import Session, StagedFile, files_of_session, find_session, manifest_digest_of
from customhouse.catalog.staged_events import told
from customhouse.catalog.staged_tables import approval
from customhouse.index.approving.clearance import Clearance, clearance_of
from customhouse.index.approving.events import ApprovalWithdrawn, ReleaseApproved
from customhouse.index.embargo import may_know
from customhouse.infra.db import insert_new
from customhouse.ledger.tx import Tx
from customhouse.terms.errors import Refused
from customhouse.terms.identity import Actor


@dataclass(frozen=True, slots=True)
class Approve:
    """Somebody's yes. The door has claimed the factor's challenge or code for this very manifest."""

    project: str
    session_id: str
    manifest: str
    method: Literal["webauthn", "totp"]
    evidence: dict[str, str]
    """Of WebAuthn: see `statement.evidence_of`; of a code: nothing can be proved later."""
    by: Actor


@dataclass(frozen=True, slots=True)
class Withdraw:
    """A wish to take one's own approval back."""

    project: str
    session_id: str
    by: Actor


def approve(command: Approve, tx: Tx) -> Clearance:
    """Approve; returns how far the release is then."""
    session, files = _lock(tx, command.project, command.session_id, command.by)
    account_id = _person(command.by)
    before = clearance_of(tx.sql, session, tx.now(), files)
    refusal = may_approve(before, session, files, account_id) or may_approve_with(before, command.method)
    if refusal is not None:
        raise refusal
    if command.manifest != manifest_digest_of(files):
        raise Refused(
            "manifest-changed", "The files have changed since you looked at them.", "Look at them as they are now.",
            status=409,
        )  # fmt: skip
    _write(tx, session, command, account_id)
    approved = ReleaseApproved(
        command.by.identity, session.normalized, version=session.version, session=session.id,
        manifest=command.manifest, method=command.method,
    )  # fmt: skip
    tx.record(told(session, approved))
    return clearance_of(tx.sql, session, tx.now(), files)


def withdraw(command: Withdraw, tx: Tx) -> Clearance:
    """Take one's own approval back, while the release still waits; returns how far it is then."""
    session, files = _lock(tx, command.project, command.session_id, command.by)
    account_id = _person(command.by)
    mine = [
        one for one in clearance_of(tx.sql, session, tx.now(), files).approvals if one.account_id == account_id
    ]  # fmt: skip
    if not mine:
        raise Refused("not-approved", "You have not approved this release as it is.", status=409)
    tx.sql.execute(approval.update().where(approval.c.id == mine[0].id).values(withdrawn_at=tx.now()))
    gone = ApprovalWithdrawn(
        command.by.identity, session.normalized, version=session.version, session=session.id,
        manifest=mine[0].manifest,
    )  # fmt: skip
    tx.record(told(session, gone))
    return clearance_of(tx.sql, session, tx.now(), files)


def may_approve(found: Clearance, session: Session, files: list[StagedFile], account_id: int) -> Refused | None:
    """Somebody whose approval counts may give one, once, when every file is there. Else: why not."""
    if not session.ongoing:
        return Refused("session-over", f"This release is {session.state} already.", status=409)
    if not found.rule.approvals and not found.holds:
        return Refused("not-wanted", "Nothing asks for an approval of this release.", "Publish it.", status=409)
    if not files or any(one.state != "completed" for one in files):
        return Refused("not-complete", "Its files are not all here yet.", "Approve it when they are.", status=409)
    counted = (found.electorate.by_rule if found.rule.approvals else ()) + (
        found.electorate.by_hold if found.holds else ()
    )
    if all(one.account_id != account_id for one in counted):
        return _not_counted(found, files, account_id)
    if any(one.account_id == account_id for one in found.approvals):
        return Refused("approved-already", "You have approved these files already.", "Somebody else must.", status=409)
    return None


def may_approve_with(found: Clearance, method: str) -> Refused | None:
    """The rule may ask for a key, whose answer cannot be phished. A password is never enough."""
    if found.rule.approvals and found.rule.method == "webauthn" and method != "webauthn":
        return Refused(
            "needs-key", "The project's rule asks for a security key or passkey.", "Add one at /account/two-factor/."
        )
    return None


def _not_counted(found: Clearance, files: list[StagedFile], account_id: int) -> Refused:
    if any(one.account_id == account_id for one in files) and any(
        one.account_id == account_id for one in found.electorate.people
    ):
        return Refused("own-upload", "You have sent a file of this release yourself.", "Somebody else must approve it.")
    names = ", ".join(one.name for one in found.who) or "nobody now"
    return Refused("may-not-approve", "Your approval does not count here.", f"Who may approve: {names}.")


def _person(by: Actor) -> int:
    if by.account_id is None or by.token_id:
        raise Refused("not-a-person", "Only people approve releases, in a browser.", "Sign in.")
    return by.account_id


def _lock(tx: Tx, project: str, session_id: str, by: Actor) -> tuple[Session, list[StagedFile]]:
    """The project first, then its session, as every deed locks them."""
    found = queries.find_project(tx.sql, project, lock=True)
    session = find_session(tx.sql, session_id, lock=True)
    if found is None or session is None or session.project_id != found.id or not may_know(tx.sql, session, by):
        raise unknown_session()
    return session, files_of_session(tx.sql, session.id)


def unknown_session() -> Refused:
    """The same for what never was and for what is another project's."""
    return Refused("unknown-session", "No such release waits here.", status=404)


def _write(tx: Tx, session: Session, command: Approve, account_id: int) -> None:
    """One row for each person and manifest: whoever approves again, after a change or a withdrawal, writes it anew."""
    values = {
        "method": command.method, "evidence": command.evidence, "approved_at": tx.now(), "withdrawn_at": None,
    }  # fmt: skip
    row = {"session_id": session.id, "account_id": account_id, "manifest": command.manifest}
    if insert_new(tx.sql, approval, **row, **values) is None:
        same = [approval.c[name] == value for name, value in row.items()]
        tx.sql.execute(approval.update().where(sa.and_(*same)).values(**values))

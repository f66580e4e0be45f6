"""Putting a dangerous change off: on protected projects it waits, is announced, and can be stopped.

A deed asks `put_off` when everything has been looked up and allowed, just before it changes anything::

    if waits := put_off(tx, "owner-removed", project=found, about=user.id, by=command.by, arguments={...}):
        return waits

None means that nothing protects it: act at once. Otherwise the deed changes nothing else, and its door tells the person
``waits.says_when``. When it is due, `index.waited.apply` does the same deed again, which looks up all rights as they
are then; `put_off` says None to it, because its transaction has waited.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from customhouse.catalog.model import Project
from customhouse.catalog.organizations import Organization
from customhouse.index.slow import queries
from customhouse.index.slow.events import ChangeMadeAtOnce, ChangePutOff
from customhouse.index.slow.model import KINDS, OF_THE_INDEX, PendingChange, contradict
from customhouse.index.slow.tables import pending_change
from customhouse.index.slow.tell import contest, facts_of
from customhouse.infra.db import insert_new
from customhouse.ledger.tx import Tx
from customhouse.terms.errors import Broken, Refused
from customhouse.terms.identity import Actor

JOB = "pending-change"


def put_off(
    tx: Tx,
    kind: str,
    *,
    project: Project | None = None,
    organization: Organization | None = None,
    about: int | None = None,
    by: Actor,
    arguments: Mapping[str, Any],
    sentence: str = "",
    what: str = "",
) -> PendingChange | None:
    """Let a change wait if something protects what it touches; None: act at once.

    ``project`` is what it changes; or ``organization``, if it changes who owns its projects; or neither, if it changes
    the account ``about``, which may own protected projects. ``arguments`` are plain JSON, enough to do it later. They
    hold no secret. ``what`` tells changes of one kind about the same thing apart: a version, the name of a factor.

    An operator who gives a reason (``arguments["reason"]``) acts at once, and everybody who owns it is told; on the
    command line he needs none, since whoever sits there could do worse. Otherwise he waits like everybody else.
    """
    if kind not in KINDS:
        raise Broken(f"{kind!r} is no change that can wait.")
    if tx.waited or not tx.delay:
        return None
    project_id = project.id if project is not None else None
    organization_id = organization.id if organization is not None else None
    touched = queries.protected_by(tx.sql, project_id, organization_id, about)
    if not touched and kind not in OF_THE_INDEX:
        return None
    now = tx.now()
    change = PendingChange(
        id=0, kind=kind, project_id=project_id,
        organization_id=organization_id, about=about, requested_by=by.account_id,
        requested_at=now, effective_at=now + tx.delay, arguments=dict(arguments),
        sentence=sentence or KINDS[kind], state="waiting",
    )  # fmt: skip
    reason = str(arguments.get("reason", "")).strip()
    if by.operator and (reason or by.account_id is None) and kind not in OF_THE_INDEX:
        tx.record(
            ChangeMadeAtOnce(
                by.as_operator, project.normalized if project is not None else None,
                **facts_of(tx.sql, change), reason=reason,
            )
        )  # fmt: skip
        return None
    change = _write(tx, change, what)
    tx.record(
        ChangePutOff(
            by.identity, project.normalized if project is not None else None, **facts_of(tx.sql, change),
            effective_at=change.effective_at.isoformat(timespec="seconds"),
        )
    )  # fmt: skip
    tx.later(JOB, {"change_id": change.id}, due_at=change.effective_at, key=f"{JOB}:{change.id}")
    return _contest_contradictions(tx, change)


def _write(tx: Tx, change: PendingChange, what: str) -> PendingChange:
    """Write the row; raises `Refused` (409) if the same change waits already."""
    scope = f"{change.project_id or 0}:{change.organization_id or 0}:{change.about or 0}"
    written = insert_new(
        tx.sql, pending_change, kind=change.kind, subject=f"{change.kind}:{scope}:{what}"[:700],
        project_id=change.project_id, organization_id=change.organization_id, account_id=change.about,
        requested_by=change.requested_by, requested_at=change.requested_at, effective_at=change.effective_at,
        arguments=dict(change.arguments), sentence=change.sentence, state="waiting", ended_why="",
    )  # fmt: skip
    if written is None:
        raise Refused(
            "waits-already",
            f"The same change waits already: {change.sentence}.",
            "Whoever asked for it can withdraw it.",
            status=409,
        )
    return queries.find_change(tx.sql, written[0])


def _contest_contradictions(tx: Tx, change: PendingChange) -> PendingChange:
    """Where two people turn on each other, both changes wait for an operator; returns the change as it is then."""
    if change.project_id is not None:
        others = queries.open_changes_of_project(tx.sql, change.project_id)
    elif change.organization_id is not None:
        others = queries.open_changes_of_organization(tx.sql, change.organization_id)
    else:
        return change
    for other in (one for one in others if one.id != change.id and contradict(change, one)):
        for one in (change, other):
            contest(tx, one, by=None, why="contradiction")
    return queries.find_change(tx.sql, change.id)

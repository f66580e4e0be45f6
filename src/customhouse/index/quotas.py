"""Granting a project or an organization more room than the index gives by itself."""

from __future__ import annotations

from dataclasses import dataclass

from customhouse.accounts.users import refuse_unless_operator
from customhouse.catalog.people_events import QuotaGranted
from customhouse.catalog.tables import organization, project
from customhouse.index.organization_subject import lock_organization
from customhouse.index.subject import lock_subject
from customhouse.ledger.tx import Tx
from customhouse.terms.errors import Refused, Rejected
from customhouse.terms.identity import COMMAND_LINE, Actor

MAX_REASON = 1000
MOST_BYTES = 2**53
"""What JSON carries exactly."""


@dataclass(frozen=True, slots=True)
class GrantQuota:
    """An operator's wish for the limits of a project or of an organization: exactly one of them is named.

    None means the index's own limit. Since the most generous limit counts, a smaller number takes nothing away.
    """

    project: str = ""
    organization: str = ""
    file_bytes: int | None = None
    project_bytes: int | None = None
    reason: str = ""
    door_bytes: int | None = None
    """The largest file that the server takes in at all: granting more would promise what the door refuses."""
    by: Actor = COMMAND_LINE


def grant_quota(command: GrantQuota, tx: Tx) -> str:
    """Set both limits; returns the name of what they are for."""
    refuse_unless_operator(command.by)
    _check(command)
    if command.organization:
        found, _ = lock_organization(tx, command.organization, command.by)
        name, normalized, table, row_id = found.name, None, organization, found.id
    else:
        subject = lock_subject(tx, command.project, "", "", command.by)
        name, normalized = subject.project.display, subject.project.normalized
        table, row_id = project, subject.project.id
    tx.sql.execute(
        table.update()
        .where(table.c.id == row_id)
        .values(file_quota_bytes=command.file_bytes, project_quota_bytes=command.project_bytes)
    )
    tx.record(
        QuotaGranted(
            command.by.as_operator, normalized, organization=name if command.organization else "",
            file_quota_bytes=command.file_bytes, project_quota_bytes=command.project_bytes, reason=command.reason,
        )
    )  # fmt: skip
    return name


def _check(command: GrantQuota) -> None:
    if bool(command.project) == bool(command.organization):
        raise Rejected("bad-quota", "name", "a project or an organization is needed", "one of them")
    if len(command.reason) > MAX_REASON:
        raise Rejected("reason-too-long", "reason", f"{len(command.reason)} characters", f"at most {MAX_REASON}")
    for where, size in (("file size", command.file_bytes), ("project size", command.project_bytes)):
        if size is not None and not 0 < size <= MOST_BYTES:
            raise Rejected("bad-size", where, f"{size} bytes", f"1 to {MOST_BYTES} bytes, or nothing")
    if command.door_bytes is not None and (command.file_bytes or 0) > command.door_bytes:
        raise Refused(
            "above-the-door",
            f"This server takes no file of more than {command.door_bytes:,} bytes.",
            "Raise its setting upload_limit_bytes first.",
            status=409,
        )

"""Whether a release that comes in waits for people, and why."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.engine import Connection

from customhouse.catalog.model import Project
from customhouse.index.approving.facts import Asked, Sender, asked_of, facts_of, startup_files_of
from customhouse.index.approving.holds import holds
from customhouse.index.approving.model import RECOVERY, RULE, STAGES_ONLY, Reason
from customhouse.index.provenance import continuity_of
from customhouse.index.publication import StoredFile
from customhouse.index.recovery.hold import held_until
from customhouse.terms.identity import Actor
from customhouse.trust.attestations import attested
from customhouse.trust.continuity import Continuity


def reasons_to_wait(
    sql: Connection, by: Actor, project: Project | None, version: str, files: Sequence[StoredFile], now: datetime
) -> tuple[Reason, ...]:
    """Why a release with these files waits, sent by him; nothing if it may appear at once.

    ``project`` is None for the first release of a new one; ``version`` is canonical. Costs one statement where the
    project is not critical, and one more for an account, which may be in recovery.
    """
    sender = Sender(by.account_id, by.publisher_id)
    asked = asked_of(sql, project.id if project is not None else None, sender)
    reasons = [*_stages_only(by, asked), *_rule(asked), *_recovery(sql, by, now)]
    if project is not None and asked.is_critical:
        startup = frozenset(name for one in files for name in startup_files_of(one.signals, version))
        facts = facts_of(
            sql, project.id, project.normalized, sender, tuple(sorted(startup)), now,
            _compared(sql, project, version, files),
        )  # fmt: skip
        reasons += holds(facts)
    return tuple(reasons)


def _compared(sql: Connection, project: Project, version: str, files: Sequence[StoredFile]) -> Continuity | None:
    """Whether these files come from where those of the release before came from."""
    if not files:
        return None
    return continuity_of(sql, project, version, {one.name.filename: attested(one.attested) for one in files})


def _stages_only(by: Actor, asked: Asked) -> list[Reason]:
    """A token or publisher that cannot publish, however it is stolen."""
    if asked.stages_only:
        return [Reason(STAGES_ONLY, "This publisher may only stage releases: people publish them.")]
    if by.scope.allows("stage") and not by.scope.allows("upload"):
        return [Reason(STAGES_ONLY, "This token may only stage releases: people publish them.")]
    return []


def _rule(asked: Asked) -> list[Reason]:
    found = []
    if asked.approvals:
        people = "one person" if asked.approvals == 1 else f"{asked.approvals} people"
        found.append(Reason(RULE, f"The project asks {people} to approve each release."))
    elif asked.minimum_age:
        found.append(Reason(RULE, "The project lets each release wait for a while."))
    return found


def _recovery(sql: Connection, by: Actor, now: datetime) -> list[Reason]:
    until = held_until(sql, by.account_id, now) if by.account_id is not None else None
    if until is None:
        return []
    return [
        Reason(
            RECOVERY,
            f"The account {by.identity.name} is being recovered: it publishes nothing until "
            f"{until:%-d %B %Y, %H:%M} UTC at the latest.",
        )
    ]

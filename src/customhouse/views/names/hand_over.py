"""Handing a name over: it was hosted here, and from now on an upstream supplies it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import sqlalchemy as sa

from customhouse.accounts.users import refuse_unless_operator
from customhouse.catalog import queries
from customhouse.catalog.lifecycle_events import Deleted
from customhouse.catalog.model import Project
from customhouse.catalog.tables import name, project
from customhouse.ledger.tx import Tx
from customhouse.terms.errors import Refused, Rejected
from customhouse.terms.identity import COMMAND_LINE, Actor
from customhouse.terms.names import ProjectName
from customhouse.views.names.events import NameHandedOver
from customhouse.views.names.known import KnownNames
from customhouse.views.names.reason import check_reason


@dataclass(frozen=True, slots=True)
class HandOver:
    """An operator's wish that an upstream supplies a name that is hosted here."""

    name: str
    upstream: str
    reason: str
    known: KnownNames
    upstreams: Collection[str]
    """Those of the settings."""
    typed: str = ""
    """The normalised name, typed again: needed if a file was ever published here."""
    by: Actor = COMMAND_LINE


@dataclass(frozen=True, slots=True)
class HandedOver:
    """What came of it."""

    name: str
    upstream: str
    files: int
    """Files that were ever published here under the name."""


def hand_over(command: HandOver, tx: Tx) -> HandedOver:
    """An operator may hand over a name under which nothing was ever published here.

    If files were, whoever has installed them gets somebody else's from then on under the same name: it takes the name
    typed again. The project is deleted, its files leave every listing; only a later adoption brings them back.
    """
    refuse_unless_operator(command.by)
    wanted, reason = ProjectName.parse(command.name.strip()), check_reason(command.reason)
    if command.upstream not in command.upstreams:
        names = ", ".join(sorted(command.upstreams)) or "none"
        raise Rejected("unknown-upstream", "upstream", f"{command.upstream[:40]!r} is not in the settings", names)
    found = queries.find_project(tx.sql, wanted.normalized, lock=True)
    row = tx.sql.execute(
        sa.select(name.c.state).where(name.c.normalized == wanted.normalized).with_for_update()
    ).one_or_none()
    if row is None or row.state != "hosted" or found is None:
        raise _not_hosted(wanted, row.state if row is not None else "free")
    if command.known.is_kept(tx.sql, wanted.normalized):
        raise Refused(
            "name-kept", f"The name {wanted.display!r} is internal, or in a namespace of ours: no upstream is asked.",
            "Change the setting internal_names, or revoke the namespace, first.", status=409,
        )  # fmt: skip
    files = queries.files_of(tx.sql, found.id)
    if files and command.typed.strip() != wanted.normalized:
        raise Rejected(
            "not-typed", "typed",
            f"{len(files)} files were published here as {wanted.normalized!r}, and somebody else's take their place",
            f"exactly {wanted.normalized!r}",
        )  # fmt: skip
    _end_project(command, found, [row.filename for row in files if row.listed], tx)
    tx.sql.execute(
        name.update()
        .where(name.c.normalized == wanted.normalized)
        .values(state="upstream", upstream=command.upstream, claimed_at=tx.now())
    )
    by = command.by.as_operator
    tx.record(NameHandedOver(by, wanted.normalized, upstream=command.upstream, reason=reason, files=len(files)))
    return HandedOver(wanted.normalized, command.upstream, len(files))


def _end_project(command: HandOver, found: Project, listed: Collection[str], tx: Tx) -> None:
    if found.deleted_at is not None:
        return
    reason = f"handed over to the upstream {command.upstream}: {command.reason.strip()}"
    tx.sql.execute(project.update().where(project.c.id == found.id).values(deleted_at=tx.now(), delete_reason=reason))
    tx.record(
        Deleted(
            command.by.as_operator, found.normalized, version="", filename="", reason=reason, files=tuple(listed),
            downloads_30_days=0, dependents=(),
        )
    )  # fmt: skip


def _not_hosted(wanted: ProjectName, state: str) -> Refused:
    accepted = {
        "free": "Nobody has it: an upstream that has it supplies it as soon as somebody asks for it.",
        "upstream": "An upstream supplies it already.",
        "reserved": "Allow it first.",
        "staged": "A first release of it is being made: cancel that first.",
    }.get(state, "")
    return Refused("not-hosted", f"The name {wanted.display!r} is not hosted here.", accepted, status=409)

"""Adopting a name: an upstream supplied it, and from now on this index does."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from customhouse.accounts.users import refuse_unless_operator
from customhouse.catalog import queries
from customhouse.catalog.lifecycle_events import Restored
from customhouse.catalog.tables import name, project, project_role
from customhouse.formats.prohibited_names import name_refusal
from customhouse.index import people
from customhouse.infra.db import put_rows
from customhouse.ledger.events import ProjectCreated
from customhouse.ledger.tx import Tx
from customhouse.mirror.forget import forget_rows
from customhouse.terms.errors import Refused
from customhouse.terms.identity import COMMAND_LINE, Actor
from customhouse.terms.names import ProjectName
from customhouse.views.names.events import NameAdopted
from customhouse.views.names.reason import check_reason


@dataclass(frozen=True, slots=True)
class Adopt:
    """An operator's wish that a name of an upstream is hosted here, for this account."""

    name: str
    owner: str
    reason: str
    by: Actor = COMMAND_LINE


@dataclass(frozen=True, slots=True)
class Adopted:
    """What came of it."""

    name: str
    upstream: str
    owner: str
    files: int
    """Files of the upstream that views no longer offer."""


def adopt(command: Adopt, tx: Tx) -> Adopted:
    """An operator may adopt a name that an upstream supplies. No other name is adopted: a free one is simply uploaded.

    It becomes a project without files that the account owns; what upstream had under the name is offered no more. If
    the project was hosted here before and was handed over, it comes back with its files.
    """
    refuse_unless_operator(command.by)
    wanted, reason = ProjectName.parse(command.name.strip()), check_reason(command.reason)
    owner = people.find_person(tx.sql, command.owner)
    row = tx.sql.execute(
        sa.select(name.c.state, name.c.upstream).where(name.c.normalized == wanted.normalized).with_for_update()
    ).one_or_none()
    if row is None or row.state != "upstream":
        raise Refused(
            "not-upstreams",
            f"The name {wanted.display!r} is {'free' if row is None else row.state} here, and no upstream's.",
            "Upload to it." if row is None else "", status=409,
        )  # fmt: skip
    if (rejection := name_refusal(wanted)) is not None:
        raise rejection
    _refuse_look_alike(tx, wanted)
    files = forget_rows(tx.sql, wanted.normalized)
    tx.sql.execute(
        name.update()
        .where(name.c.normalized == wanted.normalized)
        .values(state="hosted", upstream=None, claimed_at=tx.now())
    )
    _make_project(command, wanted, owner.id, owner.identity.id, tx)
    tx.record(
        NameAdopted(
            command.by.as_operator, wanted.normalized, upstream=row.upstream or "", owner_id=owner.identity.id,
            owner=owner.name, reason=reason, files=files,
        )
    )  # fmt: skip
    return Adopted(wanted.normalized, row.upstream or "", owner.name, files)


def _make_project(command: Adopt, wanted: ProjectName, account_id: int, user_id: str, tx: Tx) -> None:
    """The project, owned by the account; the one from before if there is one."""
    by = command.by.as_operator
    before = queries.find_project(tx.sql, wanted.normalized, lock=True)
    if before is None:
        made = queries.insert_project(
            tx.sql, wanted.normalized, display=wanted.display, created_at=tx.now(), signals={}
        )
        tx.record(ProjectCreated(by, wanted.normalized, display_name=wanted.display, owner_id=user_id))
    else:
        made = before
        tx.sql.execute(project.update().where(project.c.id == made.id).values(deleted_at=None, delete_reason=""))
        back = tuple(row.filename for row in queries.files_of(tx.sql, made.id) if row.listed)
        tx.record(Restored(by, wanted.normalized, version="", filename="", files=back))
    put_rows(tx.sql, project_role, [{"project_id": made.id, "account_id": account_id, "role": "owner"}])


def _refuse_look_alike(tx: Tx, wanted: ProjectName) -> None:
    """No two names that are hosted here may look alike, and upstream's may."""
    other = tx.sql.execute(
        sa.select(name.c.normalized).where(
            name.c.ultranormalized == wanted.ultranormalized,
            name.c.state != "upstream",
            name.c.normalized != wanted.normalized,
        )
    ).scalar()
    if other is not None:
        raise Refused(
            "name-too-similar", f"The name {wanted.display!r} looks too much like {other!r}, which is taken here.",
            "Both could not be hosted.", status=409,
        )  # fmt: skip

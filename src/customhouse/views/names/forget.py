"""Forgetting a name of an upstream: it is free again, and whoever comes first has it."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from customhouse.accounts.users import refuse_unless_operator
from customhouse.catalog import queries
from customhouse.catalog.tables import name
from customhouse.ledger.tx import Tx
from customhouse.mirror.events import UpstreamNameForgotten
from customhouse.mirror.forget import forget_rows
from customhouse.terms.errors import Refused
from customhouse.terms.identity import COMMAND_LINE, Actor
from customhouse.terms.names import normalize
from customhouse.views.names.reason import check_reason


@dataclass(frozen=True, slots=True)
class Forget:
    """An operator's wish that what is known of a name of an upstream is forgotten."""

    name: str
    reason: str
    by: Actor = COMMAND_LINE


def forget(command: Forget, tx: Tx) -> tuple[str, int]:
    """Forget what an upstream said of a project, and that it has the name; returns the name and how many files.

    The digests of files that were here stay: a file name has one, even if the name comes back (`mirrored_object`).
    """
    refuse_unless_operator(command.by)
    wanted, reason = normalize(command.name.strip()), check_reason(command.reason)
    row = tx.sql.execute(
        sa.select(name.c.state, name.c.upstream).where(name.c.normalized == wanted).with_for_update()
    ).one_or_none()
    if row is None or row.state != "upstream":
        raise Refused("not-upstreams", f"The name {command.name[:100]!r} is no upstream's here.", status=404)
    files = forget_rows(tx.sql, wanted)
    if queries.find_project(tx.sql, wanted) is not None:
        # It was hosted here once: never free, and nobody's until an operator says whose.
        raise Refused(
            "hosted-before", f"The name {wanted!r} was hosted here before it was handed over, so it is never free.",
            "Adopt it back: `customhouse name adopt`.", status=409,
        )  # fmt: skip
    tx.sql.execute(name.delete().where(name.c.normalized == wanted))
    tx.record(UpstreamNameForgotten(command.by.as_operator, wanted, row.upstream or "", reason=reason))
    return wanted, files

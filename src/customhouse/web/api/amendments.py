"""Amendments for programs: the records of a project, saying and withdrawing one, and the index's public keys.

``GET /api/projects/NAME/amendments`` tells everything that was ever said, with signatures, the newest first.
``POST`` to it takes a flat JSON object with the members of `FIELDS`; ``POST …/ID/withdraw`` takes a ``reason``.
``GET /.well-known/customhouse-keys.json`` has the keys to check them with.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from starlette.responses import Response

from customhouse.formats.amendment import envelope, keys_to_json
from customhouse.index.amending import queries
from customhouse.index.amending.publish import Amend, amend
from customhouse.index.amending.queries import Told
from customhouse.index.amending.withdraw import WithdrawAmendment, withdraw_amendment
from customhouse.infra.signing_keys import read_signing_keys
from customhouse.terms.errors import Rejected
from customhouse.web.doors import Door, door
from customhouse.web.permissions import Permission
from customhouse.web.visit import Visit

FIELDS = ("versions", "requirement", "reason", "evidence", "before")


def amendment_api_doors() -> list[Door]:
    """The doors of amendments for programs."""
    here = "/api/projects/{name}/amendments"
    return [
        door("GET", "/.well-known/customhouse-keys.json", keys, Permission.PUBLIC_READ),
        door("GET", here, of_project, Permission.PROJECT_READ),
        door("POST", here, post_amendment, Permission.PROJECT_AMEND),
        door("POST", here + "/{amendment}/withdraw", post_withdrawal, Permission.PROJECT_AMEND),
    ]


def keys(visit: Visit) -> Response:
    """The public keys that this index signs and has signed with."""
    return visit.json(keys_to_json(read_signing_keys(visit.app.settings).public), kept=True)


def of_project(visit: Visit) -> Response:
    """Everything that was said of a project's releases, and what was taken back."""
    with visit.app.database.read() as sql:
        told = queries.all_of(sql, visit.this_project.normalized)
    return visit.json({"amendments": [plain_told(one) for one in told]}, kept=visit.this_project.public)


def plain_told(one: Told) -> dict[str, Any]:
    """One amendment with its signature, and with its end if it has one."""
    end = envelope(one.withdrawal) if one.withdrawal is not None else None
    return {**envelope(one.signed), "withdrawal": end}


def post_amendment(visit: Visit) -> Response:
    """Say it: 201 with the signed record."""
    _only(visit, FIELDS)
    record = visit.app.do(partial(amend, visit.app.sign), command_of(visit))
    visit.app.renderer.render_after_commit(record.project)
    with visit.app.database.read() as sql:
        found = queries.find(sql, record.id)
    return visit.json(plain_told(found) if found is not None else {"id": record.id}, status=201)


def command_of(visit: Visit) -> Amend:
    """The wish of a form or of a JSON object."""
    return Amend(
        visit.path["name"], visit.field("versions", required=True), visit.field("requirement", required=True),
        visit.field("reason", required=True), visit.field("evidence", required=True), visit.field("before"),
        by=visit.actor,
    )  # fmt: skip


def post_withdrawal(visit: Visit) -> Response:
    """Take it back."""
    _only(visit, ("reason",))
    record = visit.app.do(partial(withdraw_amendment, visit.app.sign), withdrawal_of(visit))
    visit.app.renderer.render_after_commit(record.project)
    return visit.json({"withdrawn": record.id, "project": record.project})


def withdrawal_of(visit: Visit) -> WithdrawAmendment:
    """The wish of a form or of a JSON object."""
    reason = visit.field("reason", required=True)
    return WithdrawAmendment(visit.path["amendment"], reason, visit.path["name"], visit.actor)


def _only(visit: Visit, fields: Sequence[str]) -> None:
    unknown = sorted(set(visit.form) - set(fields))
    if unknown:
        raise Rejected("unknown-field", unknown[0][:80], "is not a member of an amendment", ", ".join(fields))

"""What was said of releases afterwards: the page of those who say it, and the part of a project's page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from starlette.responses import Response

from customhouse.app import App
from customhouse.formats.amendment import Amendment, PublicKey, verify
from customhouse.index.amending import queries
from customhouse.index.amending.publish import amend
from customhouse.index.amending.queries import Told
from customhouse.index.amending.withdraw import withdraw_amendment
from customhouse.infra.signing_keys import read_signing_keys
from customhouse.terms.errors import Rejected, Unavailable
from customhouse.web.api.amendments import command_of, withdrawal_of
from customhouse.web.doors import Door, door
from customhouse.web.permissions import Permission
from customhouse.web.visit import Visit


@dataclass(frozen=True, slots=True)
class AmendmentRow:
    """One amendment as a page shows it."""

    record: Amendment
    signature: str
    """``signed``, or why it is not."""
    good: bool
    key: str
    withdrawn: str = ""
    """When and why, if it was."""


def amendment_doors() -> list[Door]:
    """The doors of a project's amendments."""
    here = "/manage/project/{name}/amendments/"
    return [
        door("GET", here, listing, Permission.PROJECT_MANAGE_READ),
        door("POST", here, add, Permission.PROJECT_AMEND),
        door("POST", here + "{amendment}/withdraw/", withdraw, Permission.PROJECT_AMEND),
    ]


def amendment_rows(app: App, told: Sequence[Told]) -> list[AmendmentRow]:
    """Rows for a page, each with its signature checked now."""
    if not told:
        return []
    try:
        keys = read_signing_keys(app.settings).public
    except Unavailable:
        keys = ()
    return [_row(one, keys, app.clock.now()) for one in told]


def _row(one: Told, keys: Sequence[PublicKey], now: datetime) -> AmendmentRow:
    try:
        verify(one.signed, keys, now)
    except Rejected as error:
        state, good = error.why, False
    else:
        state, good = "signed", True
    withdrawn = ""
    if one.withdrawal is not None:
        end = one.withdrawal.record
        withdrawn = f"on {end.at.strftime('%-d %b %Y')}: {end.reason}"
    return AmendmentRow(one.record, state, good, one.signed.key, withdrawn)


def listing(visit: Visit) -> Response:
    """What was said, and the form for more."""
    with visit.app.database.read() as sql:
        told = queries.all_of(sql, visit.this_project.normalized)
        released = queries.hosted_releases(sql, visit.this_project.id)
    return visit.page("manage_amendments.html", rows=amendment_rows(visit.app, told), released=released[::-1][:20])


def add(visit: Visit) -> Response:
    """Say something."""
    record = visit.app.do(partial(amend, visit.app.sign), command_of(visit))
    visit.app.renderer.render_after_commit(record.project)
    word = "narrows" if record.kind == "narrowing" else "widens"
    return visit.go(_here(visit), said=f"It is said, and it {word} what {record.releases} requires.")


def withdraw(visit: Visit) -> Response:
    """Take something back."""
    record = visit.app.do(partial(withdraw_amendment, visit.app.sign), withdrawal_of(visit))
    visit.app.renderer.render_after_commit(record.project)
    return visit.go(_here(visit), said=f"What was said of {record.before} is taken back.")


def _here(visit: Visit) -> str:
    return f"/manage/project/{visit.this_project.normalized}/amendments/"

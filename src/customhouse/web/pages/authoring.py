"""Operators' pages of our own advisories: the list, the form with its preview, withdrawing."""

from __future__ import annotations

import json
from urllib.parse import quote

from starlette.responses import Response

from customhouse.advisories.authored import own_advisories
from customhouse.index.authoring.form import FIELDS, LONGEST_FIELD, Typed, typed_of
from customhouse.index.authoring.write import (
    Preview,
    WithdrawAdvisory,
    WriteAdvisory,
    own_advisory,
    preview,
    withdraw_advisory,
    write_advisory,
)
from customhouse.terms.errors import Rejected
from customhouse.web.doors import Door, door
from customhouse.web.pages.diff import visible
from customhouse.web.permissions import Permission
from customhouse.web.visit import Visit

LISTED = 200
LONGEST_DETAILS = 60_000
LABELS = {
    "summary": ("Summary", "One line, at most 120 characters."),
    "details": ("What is wrong", "Markdown."),
    "affected": ("Packages and ranges", "One package a line: demo: >= 1.0, < 1.4.2; >= 2.0, <= 2.1. Or demo: all."),
    "aliases": ("The same elsewhere", "CVE-2026-1234, GHSA-…: other names of this very vulnerability."),
    "upstream": ("Of what it contains", "Vulnerabilities of something inside the package, such as a library."),
    "related": ("Related", "Other ids."),
    "severity": ("Severity", "One vector of CVSS a line: CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N."),
    "references": ("Links", "One a line, with its kind in front: FIX https://… ADVISORY https://…"),
    "credits": ("Thanks to", "One a line, with the part in front: FINDER Ada, REMEDIATION_DEVELOPER Bob."),
}
_LINES = {"summary": 1, "details": 12, "references": 5, "affected": 4}


def authoring_doors() -> list[Door]:
    """The doors of our own advisories."""
    read, write = Permission.ADMIN_READ, Permission.ADMIN_WRITE
    return [
        door("GET", "/admin/advisories/", own, read),
        door("GET", "/admin/advisories/new/", new, read),
        door("POST", "/admin/advisories/new/", write_new, write),
        door("GET", "/admin/advisories/{advisory}/", edit, read),
        door("POST", "/admin/advisories/{advisory}/", write_again, write),
        door("POST", "/admin/advisories/{advisory}/withdraw/", withdraw, write),
    ]


def own(visit: Visit) -> Response:
    """Our own advisories, the newest first."""
    with visit.app.database.read() as sql:
        found = own_advisories(sql, most=LISTED)
    return visit.page("admin_advisories.html", found=found, visible=visible, address=quote)


def new(visit: Visit) -> Response:
    """An empty form."""
    return _form(visit, Typed(), "")


def write_new(visit: Visit) -> Response:
    """Show what would be written, or write it."""
    return _write(visit, "", "")


def edit(visit: Visit) -> Response:
    """The form of an advisory that is there."""
    with visit.app.database.read() as sql:
        found = own_advisory(sql, visit.path["advisory"])
    return _form(visit, typed_of(found.record), found.id, seen=found.digest, withdrawn=found.withdrawn is not None)


def write_again(visit: Visit) -> Response:
    """Show what would be written, or write it."""
    return _write(visit, visit.path["advisory"], visit.field("seen", limit=64))


def withdraw(visit: Visit) -> Response:
    """Withdraw it, or let it stand again."""
    again = visit.field("do", limit=20) == "reinstate"
    command = WithdrawAdvisory(visit.path["advisory"], visit.field("reason", limit=1000), again, visit.actor)
    done = visit.app.do(withdraw_advisory, command)
    return visit.go("/admin/advisories/", said=f"{done} {'stands again' if again else 'is withdrawn'}.")


def _write(visit: Visit, advisory_id: str, seen: str) -> Response:
    texts = {name: visit.field(name, limit=LONGEST_DETAILS if name == "details" else LONGEST_FIELD) for name in FIELDS}
    typed = Typed(**texts)
    command = WriteAdvisory(typed, visit.app.settings.advisory_prefix, advisory_id, seen, visit.actor)
    try:
        if visit.field("do", limit=20) != "save":
            with visit.app.database.read() as sql:
                shown = preview(sql, command, visit.app.clock.now())
            return _form(visit, typed, advisory_id, seen=seen, shown=shown)
        done = visit.app.do(write_advisory, command)
    except Rejected as fault:
        # What was typed is not lost, and the fault stands above it.
        return _form(visit, typed, advisory_id, seen=seen, fault=str(fault), status=400)
    return visit.go("/admin/advisories/", said=f"{done.id} is written.")


def _form(
    visit: Visit, typed: Typed, advisory_id: str, *, seen: str = "", shown: Preview | None = None, fault: str = "",
    status: int = 200, withdrawn: bool = False,
) -> Response:  # fmt: skip
    document = json.dumps(shown.record.document, indent=2, ensure_ascii=False) if shown is not None else ""
    fields = [(name, *LABELS[name], getattr(typed, name), _LINES.get(name, 2)) for name in FIELDS]
    return visit.page(
        "admin_advisory.html", fields=fields, advisory_id=advisory_id, seen=seen, shown=shown, document=document,
        fault=fault, status=status, withdrawn=withdrawn, visible=visible, address=quote,
    )  # fmt: skip

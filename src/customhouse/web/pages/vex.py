"""What a project says of vulnerabilities in its releases: the page of those who say it."""

from __future__ import annotations

from urllib.parse import quote

from starlette.responses import Response

from customhouse.formats.vex.model import Justification, Status
from customhouse.index.vex import queries
from customhouse.index.vex.state import WithdrawVex, state_vex, withdraw_vex
from customhouse.web.api.vex import command_of
from customhouse.web.doors import Door, door
from customhouse.web.permissions import Permission
from customhouse.web.visit import Visit


def vex_doors() -> list[Door]:
    """The doors of a project's statements."""
    here = "/manage/project/{name}/vex/"
    return [
        door("GET", here, listing, Permission.PROJECT_MANAGE_READ),
        door("POST", here, add, Permission.PROJECT_VEX),
        door("POST", here + "{statement}/withdraw/", withdraw, Permission.PROJECT_VEX),
    ]


def listing(visit: Visit) -> Response:
    """The statements, and the form for another one."""
    with visit.app.database.read() as sql:
        rows = queries.of_project(sql, visit.this_project.id)
    return visit.page(
        "manage_vex.html", rows=rows, today=visit.app.clock.now().date(), statuses=list(Status),
        justifications=list(Justification), address=quote,
    )  # fmt: skip


def add(visit: Visit) -> Response:
    """Say something."""
    visit.app.do(state_vex, command_of(visit))
    return visit.go(_here(visit), said="It is said: the advisory's page and the exports show it.")


def withdraw(visit: Visit) -> Response:
    """Take a statement back."""
    about = visit.app.do(withdraw_vex, WithdrawVex(visit.path["name"], visit.path["statement"], visit.actor))
    return visit.go(_here(visit), said=f"What was said of {about} is taken back.")


def _here(visit: Visit) -> str:
    return f"/manage/project/{visit.this_project.normalized}/vex/"

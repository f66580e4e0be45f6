"""The pages of webhooks: of a project, of an organization, and of the whole index."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import quote

from starlette.responses import Response

from customhouse.hooks import queries
from customhouse.hooks.model import BOTH_KEYS_FOR, HOOKS_PER_SCOPE, Patterns
from customhouse.index.webhooks.add import AddWebhook, NewKey, RotateKey, add_webhook, rotate_webhook_key
from customhouse.index.webhooks.change import ChangeWebhook, RemoveWebhook, change_webhook, remove_webhook
from customhouse.index.webhooks.holder import Holder, say_of
from customhouse.index.webhooks.probe import ProbeWebhook, SendAgain, probe_webhook, send_again
from customhouse.infra.targets import Target
from customhouse.terms.errors import Rejected
from customhouse.terms.numbers import number_of
from customhouse.web.doors import Door, door
from customhouse.web.permissions import Permission
from customhouse.web.visit import Visit

LOG_LINES = 50


@dataclass(frozen=True, slots=True)
class Desk:
    """Where the webhooks of one kind of holder are managed, and what that asks for."""

    path: str
    read: Permission
    write: Permission
    danger: Permission
    """For what sends events to another place, or shows a key."""
    navigation: str
    holder: Callable[[Visit], Holder]

    def address(self, visit: Visit) -> str:
        """The address of the list, ending in a slash."""
        return self.path.format(**{name: quote(text) for name, text in visit.path.items()})


PROJECT = Desk(
    "/manage/project/{name}/webhooks/",
    Permission.PROJECT_SETTINGS_READ, Permission.PROJECT_SETTINGS, Permission.PROJECT_DANGER,
    "manage_nav.html", lambda visit: Holder("project", visit.this_project.normalized),
)  # fmt: skip
ORGANIZATION = Desk(
    "/manage/organization/{organization}/webhooks/",
    Permission.ORGANIZATION_SETTINGS_READ, Permission.ORGANIZATION_SETTINGS, Permission.ORGANIZATION_SETTINGS,
    "organization_nav.html", lambda visit: Holder("organization", visit.path["organization"]),
)  # fmt: skip
INDEX = Desk(
    "/admin/webhooks/", Permission.ADMIN_READ, Permission.ADMIN_WRITE, Permission.ADMIN_DANGER,
    "admin_nav.html", lambda _visit: Holder("index"),
)  # fmt: skip


def webhook_doors() -> list[Door]:
    """The doors of webhooks."""
    return [one for desk in (PROJECT, ORGANIZATION, INDEX) for one in _doors(desk)]


def _doors(desk: Desk) -> list[Door]:
    hook = desk.path + "{hook}/"
    return [
        door("GET", desk.path, partial(listing, desk), desk.read),
        door("POST", desk.path, partial(add, desk), desk.danger),
        door("GET", hook, partial(one, desk), desk.read),
        door("POST", hook, partial(change, desk), desk.danger),
        door("POST", hook + "key/", partial(rotate, desk), desk.danger),
        door("POST", hook + "remove/", partial(remove, desk), desk.write),
        door("POST", hook + "probe/", partial(probe, desk), desk.write),
        door("POST", hook + "again/", partial(again, desk), desk.write),
    ]


def listing(desk: Desk, visit: Visit) -> Response:
    """Every webhook, and the form for another one."""
    with visit.app.database.read() as sql:
        rows = queries.hooks_of(sql, say_of(sql, desk.holder(visit), visit.actor).scope)
    return _page(desk, visit, "webhooks.html", rows=rows, most=HOOKS_PER_SCOPE)


def add(desk: Desk, visit: Visit) -> Response:
    """Make a webhook and show its key, once."""
    command = AddWebhook(desk.holder(visit), _target(visit), _patterns(visit), visit.actor)
    made = visit.app.do(partial(add_webhook, visit.app.key.secret), command)
    return _one(desk, visit, made.hook_id, key=made)


def one(desk: Desk, visit: Visit) -> Response:
    """A webhook with its log."""
    return _one(desk, visit, visit.path["hook"])


def change(desk: Desk, visit: Visit) -> Response:
    """Change address, events or whether it is on."""
    command = ChangeWebhook(
        desk.holder(visit), visit.path["hook"], _target(visit), _patterns(visit), visit.field("active") == "yes",
        visit.actor,
    )  # fmt: skip
    visit.app.do(change_webhook, command)
    return _back(desk, visit, "The webhook is changed.")


def rotate(desk: Desk, visit: Visit) -> Response:
    """Make another key and show it, once."""
    command = RotateKey(desk.holder(visit), visit.path["hook"], visit.actor)
    made = visit.app.do(partial(rotate_webhook_key, visit.app.key.secret), command)
    return _one(desk, visit, made.hook_id, key=made)


def remove(desk: Desk, visit: Visit) -> Response:
    """Send nothing there any more."""
    visit.app.do(remove_webhook, RemoveWebhook(desk.holder(visit), visit.path["hook"], visit.actor))
    return visit.go(desk.address(visit), said="The webhook is removed.")


def probe(desk: Desk, visit: Visit) -> Response:
    """Send a test."""
    visit.app.do(probe_webhook, ProbeWebhook(desk.holder(visit), visit.path["hook"], visit.actor))
    return _back(desk, visit, "A test is on its way; the log shows it in a moment.")


def again(desk: Desk, visit: Visit) -> Response:
    """Send one event of the log once more."""
    command = SendAgain(
        desk.holder(visit), visit.path["hook"], _number(visit.field("serial", required=True)), visit.actor
    )
    visit.app.do(send_again, command)
    return _back(desk, visit, f"Event {command.serial} is sent again.")


def _one(desk: Desk, visit: Visit, hook_id: str, *, key: NewKey | None = None) -> Response:
    before = _number(visit.query["before"]) if "before" in visit.query else None
    with visit.app.database.read() as sql:
        hook = queries.hook_of(sql, say_of(sql, desk.holder(visit), visit.actor).scope, hook_id)
        log = queries.deliveries_of(sql, hook.id, limit=LOG_LINES + 1, before=before)
    return _page(
        desk, visit, "webhook.html", hook=hook, log=log[:LOG_LINES], key=key, before=before,
        older=log[LOG_LINES - 1].serial if len(log) > LOG_LINES else None,
        both_hours=BOTH_KEYS_FOR.total_seconds() // 3600,
    )  # fmt: skip


def _page(desk: Desk, visit: Visit, template: str, **values: Any) -> Response:
    holder = desk.holder(visit)
    whose = {"project": holder.name, "organization": holder.name, "index": "the whole index"}[holder.kind]
    return visit.page(
        template, here=desk.address(visit), navigation=desk.navigation, whose=whose, kind=holder.kind, **values
    )


def _back(desk: Desk, visit: Visit, said: str) -> Response:
    return visit.go(f"{desk.address(visit)}{quote(visit.path['hook'])}/", said=said)


def _target(visit: Visit) -> Target:
    """The address, refused at once if it is written as one that we would not connect to."""
    target = Target.parse(visit.field("url", required=True))
    visit.app.outbound.judge(target)
    return target


def _patterns(visit: Visit) -> Patterns:
    return Patterns.parse(visit.field("events"))


def _number(text: str) -> int:
    number = number_of(text)
    if number is None:
        raise Rejected("bad-number", "serial", f"{text[:20]!r} is no number", "the number of an event")
    return number

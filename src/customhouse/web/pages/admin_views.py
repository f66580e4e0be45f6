"""``/admin/views/``: operators add views, change what they show and under which policy, and end them.

Nothing is saved that was not shown first: what is wrong with the policy and in which line, what becomes another, and
what that would have meant to those who used the view in the last month. Then the deeds of the command line do it.
"""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from starlette.responses import Response

from customhouse.app import App
from customhouse.formats.policy.level_texts import DEFAULT, LEVELS
from customhouse.formats.policy.rejected import BadPolicy
from customhouse.formats.policy.rule import Policy
from customhouse.formats.policy.unknown import LOAD_ADVISORIES
from customhouse.terms.errors import Refused, Rejected, Unavailable
from customhouse.views.define import (
    MAX_NAME_LENGTH,
    AddView,
    RemoveView,
    SetView,
    add_view,
    definition,
    remove_view,
    set_view,
)
from customhouse.views.model import View
from customhouse.views.offering import policy_of
from customhouse.views.queries import all_views
from customhouse.views.simulate.change import Change, change_of
from customhouse.views.simulate.only_here import OnlyHere
from customhouse.views.simulate.there import Looking
from customhouse.views.standing import standing_of
from customhouse.web.doors import Door, door
from customhouse.web.pages.diff import visible
from customhouse.web.permissions import Permission
from customhouse.web.visit import Visit

BODY_BYTES = 2**20
MOST_PLACES = 8
"""Upstreams that the form offers places for; `customhouse view set` takes any number."""
SHOWN = 40
ABOUT = {
    "open": "only known malware is kept out", "balanced": "new files wait a week, fixes do not",
    "strict": "what nobody can tell counts against a file", "curated": "nothing but what somebody here has chosen",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the policy, as it stands before and after."""

    mark: str
    """``+``, ``-``, a blank, or … where lines are left out."""
    text: str


@dataclass(frozen=True, slots=True)
class Shown:
    """What would become of a view: shown before it is saved."""

    lines: tuple[Line, ...]
    before: View
    after: View
    remarks: tuple[str, ...]
    rules: tuple[int, int]
    change: Change | None
    seen: str
    """What the form sends back, so that nothing else is saved than what was shown."""

    @property
    def same(self) -> bool:
        """Whether nothing becomes another."""
        return not self.lines and self.before.upstreams == self.after.upstreams


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with what was typed; of a policy with the line itself."""

    said: str
    line: int = 0
    text: str = ""


def admin_view_doors(app: App) -> list[Door]:
    """The doors of the operators' pages of views."""
    pages = AdminViews(app)
    return [
        door("GET", "/admin/views/", pages.listing, Permission.ADMIN_READ),
        door("POST", "/admin/views/", pages.add, Permission.ADMIN_DANGER),
        # The password is asked before the form, so that nobody loses what he has typed.
        door("GET", "/admin/views/{view}/", pages.form, Permission.ADMIN_DANGER_FORM),
        door("POST", "/admin/views/{view}/", pages.change, Permission.ADMIN_DANGER, body_bytes=BODY_BYTES),
        door("POST", "/admin/views/{view}/remove/", pages.remove, Permission.ADMIN_DANGER),
    ]


class AdminViews:
    """The pages, with what they remember of projects for a minute."""

    def __init__(self, app: App) -> None:
        self._looking = Looking(replace(app.views, pulls=OnlyHere(app.database)))

    def listing(self, visit: Visit) -> Response:
        """Every view and how it stands; a form for another one."""
        now, settings = visit.app.clock.now(), visit.app.settings
        with visit.app.database.read() as sql:
            found = [standing_of(sql, one, now, settings.internal_names) for one in all_views(sql)]
        places = _places(visit, [one.name for one in settings.upstreams][:MOST_PLACES])
        return visit.page(
            "admin_views.html", views=found, load=LOAD_ADVISORIES, levels=LEVELS, about=ABOUT, chosen=DEFAULT,
            places=places, most_name=MAX_NAME_LENGTH,
        )  # fmt: skip

    def add(self, visit: Visit) -> Response:
        """Add a view under one of the levels; its own rules are written on its page."""
        level = visit.field("level", limit=40) or DEFAULT
        if level not in LEVELS:
            raise Rejected("bad-level", "level", f"{level!r} is no level", ", ".join(LEVELS))
        wish = AddView(
            visit.field("name", limit=200, required=True), _asked_upstreams(visit), f'level = "{level}"\n',
            visit.app.upstream_names, visit.app.settings.internal_names, visit.actor,
        )  # fmt: skip
        done = visit.app.do(add_view, wish)
        return visit.go(
            f"/admin/views/{done.name}/", said=f"The view {done.name} is there, at /view/{done.name}/simple/."
        )

    def form(self, visit: Visit) -> Response:
        """One view as it is."""
        view = visit.app.views.get(visit.path["view"])
        return self._page(visit, view, view.upstreams, view.policy)

    def change(self, visit: Visit) -> Response:
        """Show what would become of the view; save it if it is what was shown."""
        view = visit.app.views.get(visit.path["view"])
        upstreams, policy = _asked_upstreams(visit), _lines_of(visit.form.get("policy", ""))
        try:
            after = definition(
                upstreams, policy, known=visit.app.upstream_names, internal=visit.app.settings.internal_names,
                now=visit.app.clock.now(),
            )  # fmt: skip
        except Rejected as error:
            return self._page(visit, view, upstreams, policy, fault=_fault(error, policy))
        shown = self._shown(visit, view, replace(view, upstreams=upstreams, policy=policy), after)
        wants, again = visit.field("do", limit=20) == "save", ""
        if wants and visit.field("seen", limit=100) == shown.seen and not shown.same:
            wish = SetView(
                view.name, visit.app.upstream_names, visit.app.settings.internal_names, upstreams, policy, visit.actor
            )
            visit.app.do(set_view, wish)
            return visit.go(
                f"/admin/views/{view.name}/",
                said=f"{view.name} has changed. Everything that it shows is looked at anew.",
            )
        if wants and not shown.same:
            again = "Not saved yet: this is another change than the one that was shown. Look at it, then save it."
        return self._page(visit, view, upstreams, policy, shown=shown, again=again)

    def remove(self, visit: Visit) -> Response:
        """End a view, if its name was typed."""
        view = visit.app.views.get(visit.path["view"])
        if visit.field("typed", limit=100) != view.name:
            raise Refused(
                "wrong-name", "Nothing was removed: the name that was typed is another one.",
                f"Type {view.name!r} to remove the view.", status=409,
            )  # fmt: skip
        visit.app.do(remove_view, RemoveView(view.name, visit.actor))
        return visit.go("/admin/views/", said=f"The view {view.name} is removed. What the mirror holds stays.")

    def _shown(self, visit: Visit, before: View, after: View, policy: Policy) -> Shown:
        change, rules = None, 0
        try:
            today = policy_of(before, visit.app.settings.internal_names)
            rules = len(today.rules)
            if before.policy != after.policy or before.upstreams != after.upstreams:
                change = change_of(self._looking, after, policy, today)
        except Unavailable:
            # It is closed and lets nothing in: there is nothing to compare with.
            pass
        said = repr((before.upstreams, before.policy, after.upstreams, after.policy))
        return Shown(
            tuple(_diff(before.policy, after.policy)), before, after, tuple(policy.remarks), (rules, len(policy.rules)),
            change, hashlib.sha256(said.encode()).hexdigest(),
        )  # fmt: skip

    def _page(
        self, visit: Visit, view: View, upstreams: Sequence[str], policy: str, *, shown: Shown | None = None,
        fault: Fault | None = None, again: str = "",
    ) -> Response:  # fmt: skip
        now, settings = visit.app.clock.now(), visit.app.settings
        with visit.app.database.read() as sql:
            found = standing_of(sql, view, now, settings.internal_names)
        return visit.page(
            "admin_view.html", status=400 if fault is not None else 409 if again else 200, view=view, found=found,
            load=LOAD_ADVISORIES, places=_places(visit, upstreams), policy=policy, shown=shown, fault=fault,
            again=again, visible=visible, most=SHOWN,
        )  # fmt: skip


def _places(visit: Visit, chosen: Sequence[str]) -> list[tuple[str, list[str]]]:
    """For each place in the order of asking what is chosen, and what there is to choose from."""
    known = [one.name for one in visit.app.settings.upstreams]
    names = [*known, *(one for one in chosen if one not in known)]
    count = min(max(len(names), len(chosen)), max(MOST_PLACES, len(chosen)))
    return [(chosen[place] if place < len(chosen) else "", names) for place in range(count)]


def _asked_upstreams(visit: Visit) -> tuple[str, ...]:
    """The upstreams of the form, in the order of their places; an empty place is none."""
    fields = (visit.field(f"upstream-{place}", limit=100) for place in range(1, 1 + 10 * MOST_PLACES))
    return tuple(name for name in fields if name)


def _lines_of(text: str) -> str:
    """A text as browsers send it, with the line ends of files."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text if not text or text.endswith("\n") else f"{text}\n"


def _fault(error: Rejected, policy: str) -> Fault:
    if not isinstance(error, BadPolicy):
        return Fault(str(error))
    lines = policy.splitlines()
    text = lines[error.line - 1] if 0 < error.line <= len(lines) else ""
    return Fault(str(error), error.line, text[:300])


def _diff(before: str, after: str) -> list[Line]:
    told = list(difflib.unified_diff(before.splitlines(), after.splitlines(), n=2, lineterm=""))[2:]
    return [Line("…", "") if one.startswith("@@") else Line(one[:1], one[1:]) for one in told]

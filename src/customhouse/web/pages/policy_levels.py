"""``/policy/``: four levels from open to curated, tried on a lock that somebody pastes, as a picture.

Everything is worked out here and in the first answer: the slider of the script only chooses what is shown. For visitors
whom nobody knows no upstream is asked, and what they paste is stored nowhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from markupsafe import Markup
from starlette.responses import Response

from customhouse.accounts.limits import Counted, Limit
from customhouse.app import App
from customhouse.consume.policy.exceptions_toml import exceptions_toml
from customhouse.consume.policy.model import Excepted
from customhouse.consume.policy.stopped import attacks_stopped
from customhouse.formats.inventory.model import Component, Gap
from customhouse.formats.inventory.pasted import read_pasted
from customhouse.formats.policy.decide import DATA
from customhouse.formats.policy.level_texts import level_text
from customhouse.formats.policy.unknown import LOAD_ADVISORIES
from customhouse.terms.errors import Refused, Rejected
from customhouse.views.log.queries import builds
from customhouse.views.model import View
from customhouse.views.queries import all_views
from customhouse.views.simulate.levels import MOST_RULES, Asked, AtLevel, Levels, under_every_level
from customhouse.views.simulate.only_here import OnlyHere
from customhouse.views.simulate.replay import wanted_of
from customhouse.views.simulate.there import Looking
from customhouse.views.standing import standing_of
from customhouse.web.doors import Door, door
from customhouse.web.headers import Script
from customhouse.web.pages.levels_chart import Column, levels_chart
from customhouse.web.permissions import Permission
from customhouse.web.render import static_address
from customhouse.web.visit import Visit

BODY_BYTES = 6 * 2**20
MOST_TEXT = 4 * 2**20
MOST_KNOWN, MOST_STRANGER = 2000, 400
"""Projects of one lock, of somebody who is signed in and of anybody else."""
KNOWN = Limit("policy-page", 120, timedelta(hours=1))
STRANGER = Limit("policy-page-stranger", 30, timedelta(hours=1))
LOG_DAYS = 30
MOST_ROWS = MOST_RULES
SHOWN_AGAIN = 200_000
"""Characters of what was pasted that stand in the form of the answer."""
ABOUT = {
    "open": "Keeps out known malware, and nothing else that anybody could want.",
    "balanced": "New files wait a week, stolen accounts are held. Fixes of grave faults come through at once.",
    "strict": "Two weeks, no young projects, and what nobody can tell counts against a file.",
    "curated": "Nothing but what somebody here has chosen.",
}


@dataclass(frozen=True, slots=True)
class LevelView:
    """One level as the page shows it."""

    at: AtLevel
    about: str
    stopped: int
    attacks: int
    rows: Sequence[object]
    more: int
    toml: str
    never: Sequence[object]
    closed: str
    """Why the level lets nothing in at all: data that it rests on are missing; empty if it does."""
    step: str
    """What the step to here buys and costs, in a sentence."""


@dataclass(frozen=True, slots=True)
class Tried:
    """The answer."""

    levels: tuple[LevelView, ...]
    found: Levels
    chart: Markup
    gaps: tuple[Gap, ...]
    source: str
    cut: bool


def policy_level_doors(app: App, looking: Looking) -> list[Door]:
    """The doors of the page; ``looking`` is shared with whoever else tries policies."""
    page = PolicyLevels(app, looking)
    return [
        door("GET", "/policy/", page.show, Permission.PUBLIC_READ),
        door("POST", "/policy/", page.show, Permission.POLICY_TRY, body_bytes=BODY_BYTES),
        door("GET", "/view/{view}/policy/", page.show, Permission.PUBLIC_READ),
        door("POST", "/view/{view}/policy/", page.show, Permission.POLICY_TRY, body_bytes=BODY_BYTES),
    ]


class PolicyLevels:
    """The page, with what it remembers of projects."""

    def __init__(self, app: App, looking: Looking) -> None:
        self._asking = looking
        self._here = Looking(replace(app.views, pulls=OnlyHere(app.database)))

    def show(self, visit: Visit) -> Response:
        """The form, and below it what the levels do to what was pasted."""
        with visit.app.database.read() as sql:
            views = all_views(sql)
            chosen = _chosen(views, visit.path.get("view") or visit.form.get("view", ""))
            now, internal = visit.app.clock.now(), visit.app.settings.internal_names
            unadvised = standing_of(sql, chosen, now, internal).unadvised if chosen is not None else ""
        if "view" in visit.path and chosen is None:
            raise Refused("unknown-view", "There is no such view here.", status=404)
        tried, fault, text = None, "", visit.form.get("lock", "")
        if visit.form and chosen is not None:
            try:
                tried = self._tried(visit, chosen, text)
            except Rejected as error:
                fault = str(error)
        script = Script(f"{visit.site}{static_address('policy.js')}", "'none'")
        operator = visit.user is not None and visit.user.site_role == "operator"
        return visit.page(
            "policy.html", status=400 if fault else 200, script=script, views=views, chosen=chosen, tried=tried,
            fault=fault, text=text[:SHOWN_AGAIN], operator=operator, most=_most(visit), days=LOG_DAYS,
            unadvised=unadvised, load=LOAD_ADVISORIES,
        )  # fmt: skip

    def _tried(self, visit: Visit, view: View, text: str) -> Tried:
        signed_in = visit.user is not None
        who = Counted(KNOWN, str(visit.me.id)) if signed_in else Counted(STRANGER, visit.address)
        visit.app.limiter.take(who, sentence="You try policies very often.")
        asked, gaps, source = self._asked(visit, view, text)
        most = _most(visit)
        looking = self._asking if signed_in else self._here
        now = visit.app.clock.now()
        found = under_every_level(looking, view, asked[:most], now)
        shown: list[LevelView] = []
        for at in found.at:
            shown.append(_level(at, shown[-1] if shown else None, visit))
        columns = [
            Column(one.at.name, one.at.let_in, one.at.warned, len(one.at.refused), f"{one.stopped}/{one.attacks}")
            for one in shown
        ]
        return Tried(tuple(shown), found, levels_chart(columns), gaps, source, len(asked) > most)

    def _asked(self, visit: Visit, view: View, text: str) -> tuple[list[Asked], tuple[Gap, ...], str]:
        if visit.form.get("source") == "log":
            if visit.user is None or visit.user.site_role != "operator":
                raise Refused("not-allowed", "What a view was asked for is for operators.", "Paste a lock instead.")
            since = (visit.app.clock.now() - timedelta(days=LOG_DAYS - 1)).date()
            with visit.app.database.read() as sql:
                wanted = wanted_of(builds(sql, view.name, since=since)[0])
            if not wanted:
                raise Rejected("empty-log", "the log", "nobody has fetched anything through this view", "a lock")
            return [Asked(one.name, one.version) for one in wanted], (), f"{LOG_DAYS} days of the view's log"
        if len(text) > MOST_TEXT:
            raise Rejected("bad-lock", "lock", f"{len(text)} characters", f"at most {MOST_TEXT}")
        subject = read_pasted(text)
        return [_of(one) for one in subject.components], subject.gaps, f"your {subject.kind.replace('-', ' ')}"


def _chosen(views: Sequence[View], name: str) -> View | None:
    if name:
        return next((one for one in views if one.name == name), None)
    return views[0] if views else None


def _most(visit: Visit) -> int:
    return MOST_KNOWN if visit.user is not None else MOST_STRANGER


def _of(component: Component) -> Asked:
    own = next((edge.specifier for edge in component.requires if edge.requires == component.name), "")
    return Asked(component.name, component.version, own)


def _level(at: AtLevel, before: LevelView | None, visit: Visit) -> LevelView:
    now = visit.app.clock.now()
    attacks = attacks_stopped(level_text(at.name), now)
    stopped = sum(one.stopped for one in attacks)
    refused = at.refused
    excepted = [
        Excepted(one.wanted.name, one.wanted.version, one.rules or (one.rule,), one.reason or "needed", one.changes_at)
        for one in refused[:MOST_ROWS] if not one.never
    ]  # fmt: skip
    closed = refused[0].never if refused and all(one.rule == DATA for one in refused) else ""
    never = [] if closed else [one for one in refused if one.never]
    return LevelView(
        at=at, about=ABOUT[at.name], stopped=stopped, attacks=len(attacks), rows=refused[:MOST_ROWS],
        more=max(0, len(refused) - MOST_ROWS), toml=exceptions_toml(excepted, now).lstrip("\n"),
        never=never, closed=closed, step=_step(at, stopped, before),
    )  # fmt: skip


def _step(at: AtLevel, stopped: int, before: LevelView | None) -> str:
    if before is None:
        return "Where everybody begins."
    attacks = stopped - before.stopped
    avoided = len(at.avoided) - len(before.at.avoided)
    breaks = len(at.refused) - len(before.at.refused)
    wait = at.median_wait - before.at.median_wait
    buys = [
        _many(attacks, "known attack is stopped", "known attacks are stopped") if attacks > 0 else "",
        _many(avoided, "known vulnerability stays out", "known vulnerabilities stay out") if avoided > 0 else "",
    ]
    costs = [
        _many(breaks, "package of yours breaks", "packages of yours break") if breaks > 0 else "",
        f"new versions come {wait:.0f} days later" if wait >= 1 and at.waits else "",
    ]
    bought = " and ".join(one for one in buys if one) or "nothing that is known"
    paid = " and ".join(one for one in costs if one) or "nothing"
    return f"This step buys: {bought}. It costs: {paid}."


def _many(count: int, one: str, several: str) -> str:
    return f"{count} more {one if count == 1 else several}"

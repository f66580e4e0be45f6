"""How a view stands: whether it is open, under which rules, and how old what it rests on is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.engine import Connection

from customhouse.advisories.sources import rows as sources
from customhouse.formats.policy.rule import Policy, Spared
from customhouse.infra.db import Database
from customhouse.mirror.queries import UpstreamState, upstream_states
from customhouse.terms.errors import Unavailable
from customhouse.views.model import View
from customhouse.views.offering import policy_of
from customhouse.views.queries import all_views
from customhouse.views.signals.queries import loaded_lists

ADVISORIES = "advisories"
ADVISED = frozenset({"vulnerabilities", "fixes", "malware", "bundled-vulnerabilities"})


@dataclass(frozen=True, slots=True)
class Data:
    """Something that decisions rest on, and of when it is."""

    what: str
    of: datetime | None
    """None: there is none."""
    limit: str = ""
    """How old it may be, in words; empty: the policy does not say."""
    too_old: bool = False
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """One view at one moment."""

    view: View
    policy: Policy | None
    closed: str
    """Why nothing is let in; empty if it is open."""
    upstreams: tuple[tuple[str, UpstreamState | None], ...]
    data: tuple[Data, ...]
    exceptions: tuple[tuple[Spared, bool], ...]
    """Each with whether it is over."""

    @property
    def unadvised(self) -> str:
        """What the policy asks and nobody here can tell, because no advisories are loaded; empty if that is not so."""
        if self.policy is None or not any(one.what == ADVISORIES and one.of is None for one in self.data):
            return ""
        asked = sorted(self.policy.signals & ADVISED)
        return f"the policy asks for {_listed(asked)}, and no advisories are loaded"


def standing_of(sql: Connection, view: View, now: datetime, internal: tuple[str, ...] = ()) -> Standing:
    """How it stands now."""
    states = {one.upstream: one for one in upstream_states(sql)}
    upstreams = tuple((name, states.get(name)) for name in view.upstreams)
    try:
        policy = policy_of(view, internal)
    except Unavailable as error:
        return Standing(view, None, str(error), upstreams, (), ())
    spared = {id(one): one for several in policy.exceptions.values() for one in several}
    exceptions = tuple((one, one.ends_at is not None and one.ends_at <= now) for one in spared.values())
    return Standing(view, policy, "", upstreams, tuple(_data(sql, policy, now)), exceptions)


def unadvised_views(database: Database, now: datetime, internal: tuple[str, ...] = ()) -> list[str]:
    """One sentence for each view whose policy asks for what only advisories tell, while there are none."""
    with database.read() as sql:
        found = [standing_of(sql, one, now, internal) for one in all_views(sql)]
    return [f"the view {one.view.name}: {one.unadvised}" for one in found if one.unadvised]


def _data(sql: Connection, policy: Policy, now: datetime) -> list[Data]:
    found = []
    if policy.signals & ADVISED:
        limit = next((policy.limits[name] for name in sorted(ADVISED) if name in policy.limits), None)
        words = f"at most {limit.max_age.days} days" if limit is not None else ""
        known = [one for one in sources.sources(sql) if one.succeeded_at is not None]
        for one in known:
            too_old = limit is not None and one.succeeded_at is not None and now - one.succeeded_at >= limit.max_age
            found.append(Data(f"advisories from {one.name}", one.succeeded_at, words, too_old, one.error))
        if not known:
            found.append(Data(ADVISORIES, None, words))
    for loaded in loaded_lists(sql):
        if loaded.signal in policy.signals:
            limit = policy.limits.get(loaded.signal)
            dated = datetime.combine(loaded.dated, datetime.min.time(), now.tzinfo)
            words = f"at most {limit.max_age.days} days" if limit is not None else ""
            too_old = limit is not None and now - dated >= limit.max_age
            found.append(Data(f"{loaded.signal} of {loaded.upstream}, from {loaded.source}", dated, words, too_old))
    return found


def _listed(names: list[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))

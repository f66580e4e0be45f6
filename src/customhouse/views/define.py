"""Defining views: adding, changing and removing one, and voiding what all of them show."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from customhouse.accounts.users import refuse_unless_operator
from customhouse.formats.policy.read import read_policy
from customhouse.formats.policy.rule import Policy
from customhouse.ledger.tx import Tx
from customhouse.terms.errors import Refused, Rejected
from customhouse.terms.identity import COMMAND_LINE, SYSTEM, Actor
from customhouse.views.events import ViewRemoved, ViewSet, ViewsVoided
from customhouse.views.log.queries import forget_log
from customhouse.views.model import View
from customhouse.views.queries import all_views, find_view
from customhouse.views.tables import view

MAX_NAME_LENGTH = 40
MAX_POLICY = 200_000
_NAME = re.compile(r"[a-z0-9](?:-?[a-z0-9])*", re.ASCII)


@dataclass(frozen=True, slots=True)
class AddView:
    """An operator's wish for a new view. ``known`` are the upstreams of the settings."""

    name: str
    upstreams: tuple[str, ...]
    policy: str
    known: Collection[str]
    internal: tuple[str, ...] = ()
    """Patterns of names that are ours, as of the settings."""
    by: Actor = COMMAND_LINE


@dataclass(frozen=True, slots=True)
class SetView:
    """An operator's wish to change a view; None leaves a part as it is."""

    name: str
    known: Collection[str]
    internal: tuple[str, ...] = ()
    upstreams: tuple[str, ...] | None = None
    policy: str | None = None
    by: Actor = COMMAND_LINE


@dataclass(frozen=True, slots=True)
class RemoveView:
    """An operator's wish that a view ends."""

    name: str
    by: Actor = COMMAND_LINE


@dataclass(frozen=True, slots=True)
class VoidViews:
    """Everything that views show is to be looked at anew, because what they rest on has changed."""

    why: str


def add_view(command: AddView, tx: Tx) -> View:
    """Add a view. A policy that cannot be read, and an upstream that nobody has heard of, are refused."""
    refuse_unless_operator(command.by)
    name = command.name.strip()
    if len(name) > MAX_NAME_LENGTH or not _NAME.fullmatch(name):
        raise Rejected(
            "bad-view-name", "view", f"{name[:60]!r} is no name of a view",
            f"a-z, 0-9 and single dashes between them, at most {MAX_NAME_LENGTH} characters",
        )  # fmt: skip
    definition(command.upstreams, command.policy, known=command.known, internal=command.internal, now=tx.now())
    if find_view(tx.sql, name) is not None:
        raise Refused("view-exists", f"There is a view {name!r} already.", "Change it with `customhouse view set`.",
                      status=409)  # fmt: skip
    now = tx.now()
    tx.sql.execute(
        view.insert().values(
            name=name, upstreams=list(command.upstreams), policy=command.policy, created_at=now, changed_at=now
        )
    )
    tx.void_view(name)
    tx.record(
        ViewSet(
            command.by.as_operator, None, view=name, change="added", upstreams=command.upstreams, policy=command.policy
        )
    )
    return View(name, command.upstreams, command.policy, 0, now)


def set_view(command: SetView, tx: Tx) -> View:
    """Change where a view looks, or its policy. What was rendered of it is void from the commit on."""
    refuse_unless_operator(command.by)
    known = _known(command.name, tx)
    upstreams = known.upstreams if command.upstreams is None else command.upstreams
    policy = known.policy if command.policy is None else command.policy
    definition(upstreams, policy, known=command.known, internal=command.internal, now=tx.now())
    tx.sql.execute(
        view.update()
        .where(view.c.name == known.name)
        .values(upstreams=list(upstreams), policy=policy, changed_at=tx.now())
    )
    tx.void_view(known.name)
    tx.record(
        ViewSet(command.by.as_operator, None, view=known.name, change="changed", upstreams=upstreams, policy=policy)
    )
    return View(known.name, upstreams, policy, 0, tx.now())


def remove_view(command: RemoveView, tx: Tx) -> View:
    """End a view: its addresses answer as if it had never been there."""
    refuse_unless_operator(command.by)
    known = _known(command.name, tx)
    tx.sql.execute(view.delete().where(view.c.name == known.name))
    forget_log(tx.sql, known.name)
    tx.void_view(known.name)
    tx.record(ViewRemoved(command.by.as_operator, None, view=known.name))
    return known


def void_views(command: VoidViews, tx: Tx) -> int:
    """Have everything that views show looked at anew; returns how many views there are."""
    views = all_views(tx.sql)
    for one in views:
        tx.void_view(one.name)
    if views:
        tx.record(ViewsVoided(SYSTEM, None, why=command.why, views=len(views)))
    return len(views)


def _known(name: str, tx: Tx) -> View:
    known = find_view(tx.sql, name.strip())
    if known is None:
        raise Refused("unknown-view", f"There is no view {name[:60]!r}.", "See: customhouse view list", status=404)
    return known


def definition(
    upstreams: tuple[str, ...], policy: str, *, known: Collection[str], internal: tuple[str, ...], now: datetime
) -> Policy:
    """The policy of a view that may be defined so; raises `Rejected` for what is wrong with it."""
    for one in upstreams:
        if one not in known:
            said = ", ".join(sorted(known)) or "none is configured"
            raise Rejected("unknown-upstream", "upstream", f"nobody has described an upstream {one[:60]!r}", said)
    if len(set(upstreams)) != len(upstreams):
        raise Rejected("upstream-twice", "upstream", "an upstream is named twice", "each one once")
    if len(policy) > MAX_POLICY:
        raise Rejected("policy-too-long", "policy", f"{len(policy)} characters", f"at most {MAX_POLICY}")
    return read_policy(policy, now=now, internal=internal)

"""What is missing before a staged release may be published: approvals, owners' answers to holds, time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.engine import Connection

from customhouse.catalog.staged import Session, StagedFile, files_of_session
from customhouse.index.approving.approvers import (
    Approval,
    Electorate,
    Person,
    counting_approvals,
    electorate,
    uploaders_of,
)
from customhouse.index.approving.holds_now import holds_now
from customhouse.index.approving.model import Missing, Reason
from customhouse.index.approving.only_stages import only_stages
from customhouse.index.approving.rule import NO_RULE, ReleaseRule, rule_of
from customhouse.index.recovery.hold import held_among
from customhouse.terms.identity import Actor

_NOBODY = Electorate((), (), ())
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Clearance:
    """How far a release is on its way: what its page shows, and what `missing` is made of."""

    rule: ReleaseRule
    reasons: tuple[Reason, ...]
    """Why it waits: what was found when its files came in, and what is found now."""
    electorate: Electorate
    approvals: tuple[Approval, ...]
    """Those about its files as they are now, whoever gave them."""
    by_rule: tuple[Approval, ...]
    """Those that the rule counts."""
    by_hold: tuple[Approval, ...]
    """Those that end holds."""
    not_before: datetime | None
    """When the minimum age is over, if the rule has one."""
    held_until: datetime | None
    """Until when a recovery holds somebody who has sent a file of it."""

    @property
    def holds(self) -> tuple[Reason, ...]:
        """The reasons that only owners can answer."""
        return tuple(one for one in self.reasons if one.hold)

    @property
    def is_held(self) -> bool:
        """Whether an owner has still to answer."""
        return bool(self.holds) and not self.by_hold

    @property
    def wanted(self) -> int:
        """How many approvals are still wanted."""
        return max(self.rule.approvals - len(self.by_rule), 1 if self.is_held else 0, 0)

    @property
    def who(self) -> tuple[Person, ...]:
        """Who may give one that is still wanted."""
        given = {one.account_id for one in self.approvals}
        by_rule = self.electorate.by_rule if len(self.by_rule) < self.rule.approvals else ()
        by_hold = self.electorate.by_hold if self.is_held else ()
        return tuple(
            one
            for one in self.electorate.people
            if one.account_id not in given and (one in by_rule or one in by_hold)
        )  # fmt: skip


def clearance_of(sql: Connection, session: Session, now: datetime, files: list[StagedFile] | None = None) -> Clearance:
    """How far a session is on its way to be published."""
    files = files_of_session(sql, session.id) if files is None else files
    recorded = tuple(Reason.of(row) for row in session.reasons)
    uploaders = uploaders_of(files) | ({session.account_id} if session.account_id is not None else set())
    held = max(held_among(sql, uploaders, now).values(), default=None)
    if session.project_id is None:
        return Clearance(NO_RULE, recorded, _NOBODY, (), (), (), None, held)
    rule = rule_of(sql, session.project_id)
    people = electorate(sql, session.project_id, rule, uploaders_of(files), now)
    given = counting_approvals(sql, session, files)
    ids = {one.account_id for one in people.by_rule}
    owners = {one.account_id for one in people.by_hold}
    return Clearance(
        rule=rule,
        reasons=_with_news(recorded, holds_now(sql, session, files, now)),
        electorate=people,
        approvals=tuple(given),
        by_rule=tuple(one for one in given if one.account_id in ids and rule.method in ("any", one.method)),
        by_hold=tuple(one for one in given if one.account_id in owners),
        not_before=session.changed_at + rule.minimum_age if rule.minimum_age > timedelta(0) else None,
        held_until=held,
    )


def missing(sql: Connection, session: Session, by: Actor | None, now: datetime) -> Missing | None:
    """What is missing before a session may be published, by him; None if nothing is.

    Asked before the publication and again inside its deed, with the session locked. ``by`` is None where it is only
    shown; a token or publisher that may only stage is told that people publish.
    """
    found = clearance_of(sql, session, now)
    held = found.held_until
    if by is not None and by.account_id is not None:
        own = held_among(sql, [by.account_id], now).get(by.account_id)
        held = max(filter(None, (held, own)), default=None)
    sentences = []
    if held is not None:
        sentences.append(
            f"An account that takes part is being recovered, so nothing appears until {_moment(held)} at the latest."
        )
    wanted = found.wanted
    if wanted:
        sentences.append(_approvals_wanted(found, wanted))
    waits_until = found.not_before if found.not_before is not None and found.not_before > now else None
    if waits_until is not None:
        sentences.append(f"The project lets its releases wait: this one until {_moment(waits_until)}.")
    who = found.who
    if not sentences and by is not None and (why := _wants_person(sql, session, by)):
        who = found.electorate.people
        sentences.append(f"{why}: {_names(who) or 'an owner'} can, in a browser.")
    if not sentences:
        return None
    dates = [moment for moment in (held, waits_until) if moment is not None]
    return Missing(" ".join(sentences), wanted, tuple(one.name for one in who), max(dates, default=None))


def _approvals_wanted(found: Clearance, wanted: int) -> str:
    what = "approval is" if wanted == 1 else "approvals are"
    more = "more " if found.approvals else ""
    names = _names(found.who) or "nobody who may give one now: see the rule, and who has come within three days"
    why = f" It is held: {found.holds[0].sentence}" if found.is_held else ""
    if found.is_held and found.electorate.owners_absent:
        why += " The other owners cannot act now: their accounts are frozen or being recovered."
    factor = "a security key or passkey" if found.rule.method == "webauthn" else "a second factor"
    return f"{wanted} {more}{what} wanted, with {factor}, from {names}.{why}"


def _with_news(recorded: tuple[Reason, ...], now: tuple[Reason, ...]) -> tuple[Reason, ...]:
    """What was recorded stays; what has become true since is added once."""
    codes = {one.code for one in recorded}
    return recorded + tuple(one for one in now if one.code not in codes)


def _wants_person(sql: Connection, session: Session, by: Actor) -> str:
    """Why no machine publishes this, if it is one: whoever only stages is not made a publisher by another's token."""
    if only_stages(sql, session.project_id, by):
        return "Who may only stage does not publish"
    unattended = by.token_id or by.publisher_id is not None
    if unattended and any(one.stages_only for one in files_of_session(sql, session.id)):
        return "A file came from who may only stage, and no token or publisher publishes that"
    return ""


def _names(people: Sequence[Person]) -> str:
    names = [one.name for one in people[:_SHOWN]]
    if len(people) > _SHOWN:
        names.append(f"{len(people) - _SHOWN} others")
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}" if names else ""


def _moment(moment: datetime) -> str:
    return f"{moment:%-d %B %Y, %H:%M} UTC"

"""Setting what a project asks of its releases. Asking for less waits where dangerous changes wait."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from customhouse.catalog import rights, teams
from customhouse.catalog.model import Project
from customhouse.catalog.staged_tables import release_rule
from customhouse.index import people
from customhouse.index.approving.events import ReleaseRuleChanged
from customhouse.index.approving.model import Method
from customhouse.index.approving.rule import ReleaseRule, check_rule, is_lowered, rule_of
from customhouse.index.slow.model import PendingChange
from customhouse.index.slow.put_off import put_off
from customhouse.index.subject import lock_subject
from customhouse.infra.db import insert_new
from customhouse.ledger.tx import Tx
from customhouse.terms.errors import Refused, Rejected
from customhouse.terms.identity import COMMAND_LINE, Actor
from customhouse.trust.publishers import senders_of

KIND = "rule-lowered"


@dataclass(frozen=True, slots=True)
class SetRule:
    """What an owner, or an operator, wants a project to ask of its releases."""

    project: str
    approvals: int = 0
    method: Method = "any"
    not_uploader: bool = True
    minimum_age: timedelta = timedelta(0)
    team: str = ""
    """A team of the organization that holds the project; empty: owners and maintainers."""
    reason: str = ""
    by: Actor = COMMAND_LINE


def set_rule(command: SetRule, tx: Tx) -> ReleaseRule | PendingChange:
    """Set it at once, or let it wait if it asks for less; returns the rule, or what waits.

    Raises `Refused` for a rule that nobody could keep: too few people may approve.
    """
    subject = lock_subject(tx, command.project, "", "", command.by)
    found, role = subject.project, subject.standing.role
    if role != "owner" and not command.by.operator:
        raise Refused("not-an-owner", f"You are not an owner of {found.display!r}.", "Ask one of its owners.")
    before = rule_of(tx.sql, found.id)
    after = _rule(command, found, tx)
    if after == before:
        return after
    _refuse_unkept(tx, found, after)
    words, words_before = in_words(after, command.team), in_words(before, _team_name(tx, before.team_id))
    if is_lowered(before, after):
        sentence = f"{found.display} asks for less before a release appears: {words}, no longer: {words_before}"
        if waits := put_off(
            tx, KIND, project=found, by=command.by, arguments=_arguments(command), sentence=sentence
        ):  # fmt: skip
            return waits
    insert_new(tx.sql, release_rule, project_id=found.id, changed_at=tx.now())
    tx.sql.execute(
        release_rule.update()
        .where(release_rule.c.project_id == found.id)
        .values(
            approvals=after.approvals, method=after.method, not_uploader=after.not_uploader, team_id=after.team_id,
            minimum_age_seconds=int(after.minimum_age.total_seconds()), changed_at=tx.now(),
        )
    )  # fmt: skip
    by = people.acting(command.by, by_right=role == "owner")
    tx.record(ReleaseRuleChanged(by, found.normalized, rule=words, before=words_before))
    return after


def lower(tx: Tx, arguments: Mapping[str, Any], by: Actor) -> ReleaseRule | PendingChange:
    """Do what has waited, by the arguments that `put_off` was given."""
    age = timedelta(seconds=arguments["minimum_age_seconds"])
    rest = {name: value for name, value in arguments.items() if name != "minimum_age_seconds"}
    return set_rule(SetRule(**rest, minimum_age=age, by=by), tx)


def in_words(rule: ReleaseRule, team: str = "") -> str:
    """A rule for people."""
    parts = []
    if rule.approvals:
        who = f" of the team {team}" if team else ""
        people_ = f"1 person{who} approves" if rule.approvals == 1 else f"{rule.approvals} people{who} approve"
        factor = " with a security key or passkey" if rule.method == "webauthn" else ""
        parts.append(people_ + factor + (", none of them an uploader" if rule.not_uploader else ""))
    if rule.minimum_age:
        parts.append(f"{_span(rule.minimum_age)} must pass")
    return "; ".join(parts) or "nothing is asked"


def _rule(command: SetRule, found: Project, tx: Tx) -> ReleaseRule:
    team_id = None
    if command.team:
        holder = found.organization_id
        team = teams.find_team(tx.sql, holder, command.team) if holder is not None else None
        if team is None:
            raise teams.unknown_team(command.team)
        team_id = team.id
    if command.method not in ("any", "webauthn"):
        raise Rejected("bad-rule", "method", f"{command.method[:40]!r}", "any | webauthn")
    return check_rule(
        ReleaseRule(
            command.approvals, command.method, command.not_uploader, command.minimum_age, team_id
        )
    )  # fmt: skip


def _refuse_unkept(tx: Tx, found: Project, rule: ReleaseRule) -> None:
    """So many people must be there who may approve, or nothing could be released until the rule is lowered.

    One more, if nobody approves his own files and no trusted publisher sends them.
    """
    may = {account_id for account_id, _ in rights.people_of(tx.sql, found.id)}
    if rule.team_id is not None:
        may &= set(teams.members_of(tx.sql, rule.team_id))
    sends_itself = bool(rule.approvals) and rule.not_uploader and not senders_of(tx.sql, found.id)
    if len(may) < rule.approvals + sends_itself:
        but = ", one of whom sends the files" if sends_itself else ""
        raise Refused(
            "too-few-people",
            f"{rule.approvals} approvals are asked for, and there are {len(may)} people who may give one{but}.",
            "Invite maintainers first, or ask for fewer.", status=409,
        )  # fmt: skip


def _arguments(command: SetRule) -> dict[str, Any]:
    return {
        "project": command.project, "approvals": command.approvals, "method": command.method,
        "not_uploader": command.not_uploader, "minimum_age_seconds": int(command.minimum_age.total_seconds()),
        "team": command.team, "reason": command.reason,
    }  # fmt: skip


def _team_name(tx: Tx, team_id: int | None) -> str:
    return teams.name_of_team(tx.sql, team_id) if team_id is not None else ""


def _span(span: timedelta) -> str:
    minutes = int(span.total_seconds() // 60)
    for unit, size in (("day", 24 * 60), ("hour", 60), ("minute", 1)):
        if minutes and minutes % size == 0:
            count = minutes // size
            return f"{count} {unit}" + ("" if count == 1 else "s")
    return "less than a minute"

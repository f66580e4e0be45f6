"""Changing a mandate. Asking for more happens at once; asking for less waits, is announced, and can be stopped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple

from customhouse.accounts.users import find_user
from customhouse.catalog import protection
from customhouse.catalog import queries as catalog
from customhouse.catalog.model import Project
from customhouse.index.mandates import queries
from customhouse.index.mandates.announce import check_dates, plan_letters
from customhouse.index.mandates.events import (
    MandateChanged,
    MandateEnded,
    MandateExempted,
    MandateExemptionEnded,
)
from customhouse.index.mandates.model import METHODS, Dates, Exemption, Mandate, Methods, is_lowering, parse_methods
from customhouse.index.mandates.tables import mandate, mandate_exemption, mandate_letter
from customhouse.index.slow.model import PendingChange
from customhouse.index.slow.put_off import put_off
from customhouse.index.subject import lock_subject
from customhouse.infra.db import insert_new
from customhouse.ledger.tx import Tx
from customhouse.terms.errors import Refused, Rejected
from customhouse.terms.identity import COMMAND_LINE, Actor, Identity
from customhouse.terms.names import normalize

LOWERED = "mandate-lowered"


@dataclass(frozen=True, slots=True)
class Change:
    """A wish for other days or other methods; None leaves them as they are."""

    mandate_id: int
    reason: str = ""
    methods: str | None = None
    warned_at: datetime | None = None
    enforced_at: datetime | None = None
    by: Actor = COMMAND_LINE


@dataclass(frozen=True, slots=True)
class End:
    """A wish that a mandate ask for nothing any more."""

    mandate_id: int
    reason: str
    by: Actor = COMMAND_LINE


@dataclass(frozen=True, slots=True)
class Exempt:
    """A wish to let off an account, or everybody in one project, until a day."""

    mandate_id: int
    reason: str
    until: datetime
    account: str = ""
    project: str = ""
    by: Actor = COMMAND_LINE


@dataclass(frozen=True, slots=True)
class EndExemption:
    """A wish that somebody be let off no longer."""

    exemption_id: int
    mandate_id: int
    reason: str = ""
    by: Actor = COMMAND_LINE


class Outcome(NamedTuple):
    """The mandate as it is after the deed, and the change that waits instead, if one does."""

    mandate: Mandate
    waits: PendingChange | None = None

    def says(self, done: str) -> str:
        """What the person is told."""
        return self.waits.says_when if self.waits is not None else done


def change_mandate(command: Change, tx: Tx) -> Outcome:
    """Set other days or methods. People are told anew of what is asked now."""
    before = _locked(command.mandate_id, command.by, tx)
    methods = before.methods if command.methods is None else parse_methods(command.methods)
    dates = replace(
        before.dates,
        warned_at=command.warned_at or before.dates.warned_at,
        enforced_at=command.enforced_at or before.dates.enforced_at,
    )
    if command.enforced_at is not None and command.warned_at is None:
        dates = replace(dates, warned_at=min(dates.warned_at, dates.enforced_at))
    dates = replace(dates, announced_at=min(dates.announced_at, dates.warned_at))
    check_dates(dates)
    if (methods, dates) == (before.methods, before.dates):
        raise Refused("nothing-changed", "That is what it says already.", status=409)
    lowered = is_lowering(before, methods, dates)
    if lowered:
        _need_reason(command.reason)
        arguments = {
            "deed": "change", "mandate_id": before.id, "methods": methods,
            "warned_at": dates.warned_at.isoformat(), "enforced_at": dates.enforced_at.isoformat(),
        }  # fmt: skip
        said = f"the mandate “{before.title}” asks for less: {_in_words(methods, dates)}"
        if waits := _put_off(before, arguments, said, command.reason, command.by, tx):
            return Outcome(before, waits)
    tx.sql.execute(
        mandate.update()
        .where(mandate.c.id == before.id)
        .values(
            methods=methods,
            announced_at=dates.announced_at,
            warned_at=dates.warned_at,
            enforced_at=dates.enforced_at,
        )
    )
    tx.sql.execute(mandate_letter.delete().where(mandate_letter.c.mandate_id == before.id))
    tx.record(
        MandateChanged(
            _who(before, command.by), before.project or None, before.id, before.title, before.scope,
            before.organization, methods=methods, methods_before=before.methods,
            warned_at=dates.warned_at.isoformat(), enforced_at=dates.enforced_at.isoformat(),
            enforced_before=before.dates.enforced_at.isoformat(), lowered=lowered, reason=command.reason,
        )
    )  # fmt: skip
    plan_letters(before.id, dates, tx)
    return Outcome(queries.find_mandate(tx.sql, before.id))


def end_mandate(command: End, tx: Tx) -> Outcome:
    """Let a mandate end."""
    before = _locked(command.mandate_id, command.by, tx)
    _need_reason(command.reason)
    arguments = {"deed": "end", "mandate_id": before.id}
    if waits := _put_off(before, arguments, f"the mandate “{before.title}” ends", command.reason, command.by, tx):
        return Outcome(before, waits)
    tx.sql.execute(
        mandate.update().where(mandate.c.id == before.id).values(ended_at=tx.now(), end_reason=command.reason)
    )
    tx.record(
        MandateEnded(
            _who(before, command.by), before.project or None, before.id, before.title, before.scope,
            before.organization, reason=command.reason,
        )
    )  # fmt: skip
    return Outcome(queries.find_mandate(tx.sql, before.id))


def exempt(command: Exempt, tx: Tx) -> Outcome:
    """Let somebody off, for a reason and until a day."""
    before = _locked(command.mandate_id, command.by, tx)
    _need_reason(command.reason)
    if bool(command.account) == bool(command.project):
        raise Rejected("bad-exemption", "account", "not one of the two is given", "either an account or a project")
    if command.until <= tx.now():
        raise Rejected("bad-until", "until", "is over already", "a day to come")
    user = find_user(tx.sql, command.account) if command.account else None
    project = _project(command.project, tx).normalized if command.project else None
    name = user.name if user is not None else project or ""
    arguments = {
        "deed": "exempt", "mandate_id": before.id, "account": user.name if user else "", "project": project or "",
        "until": command.until.isoformat(),
    }  # fmt: skip
    said = f"{name} is let off the mandate “{before.title}” until {command.until:%Y-%m-%d}"
    if waits := _put_off(before, arguments, said, command.reason, command.by, tx, what=name):
        return Outcome(before, waits)
    insert_new(
        tx.sql, mandate_exemption, mandate_id=before.id, account_id=user.id if user is not None else None,
        project=project, reason=command.reason, until=command.until, made_at=tx.now(),
        made_by=command.by.identity.name,
    )  # fmt: skip
    tx.record(
        MandateExempted(
            _who(before, command.by), before.project or None, before.id, before.title, before.scope,
            before.organization, user_id=str(user.id) if user is not None else "", name=name,
            until=command.until.isoformat(), reason=command.reason,
        )
    )  # fmt: skip
    return Outcome(before)


def end_exemption(command: EndExemption, tx: Tx) -> Exemption:
    """Let somebody off no longer: that asks for more, so it happens at once."""
    before = _locked(command.mandate_id, command.by, tx)
    found = next((one for one in queries.exemptions(tx.sql, [before.id]) if one.id == command.exemption_id), None)
    if found is None or found.ended_at is not None:
        raise Refused("unknown-exemption", f"No exemption {command.exemption_id} holds there.", status=404)
    tx.sql.execute(mandate_exemption.update().where(mandate_exemption.c.id == found.id).values(ended_at=tx.now()))
    user_id = str(found.account_id) if found.account_id is not None else ""
    tx.record(
        MandateExemptionEnded(
            _who(before, command.by), before.project or None, before.id, before.title, before.scope,
            before.organization, user_id=user_id, name=found.account or found.project, reason=command.reason,
        )
    )  # fmt: skip
    plan_letters(before.id, before.dates, tx)
    return found


def lower(tx: Tx, given: Mapping[str, Any], by: Actor) -> Outcome:
    """Do what has waited; rights and rows are looked up as they are now."""
    mandate_id, reason = int(given["mandate_id"]), str(given["why"])
    match given["deed"]:
        case "change":
            warned_at, enforced_at = (datetime.fromisoformat(given[name]) for name in ("warned_at", "enforced_at"))
            return change_mandate(Change(mandate_id, reason, given["methods"], warned_at, enforced_at, by), tx)
        case "exempt":
            until = datetime.fromisoformat(given["until"])
            return exempt(Exempt(mandate_id, reason, until, given["account"], given["project"], by), tx)
        case _:
            return end_mandate(End(mandate_id, reason, by), tx)


def _put_off(
    found: Mandate, arguments: Mapping[str, Any], sentence: str, reason: str, by: Actor, tx: Tx, *, what: str = ""
) -> PendingChange | None:
    """Let it wait, unless it has not begun yet, or is an unprotected project's own.

    The reason goes along as ``why``: an operator's reason does not make it happen at once.
    """
    if found.stage(tx.now()) == "planned":
        return None
    project = _project(found.project, tx) if found.project else None
    if project is not None and not protection.is_protected(tx.sql, project):
        return None
    return put_off(
        tx, LOWERED, project=project, by=by, arguments={**arguments, "why": reason}, sentence=sentence,
        what=f"{found.id}:{arguments['deed']}:{what}",
    )  # fmt: skip


def _locked(mandate_id: int, by: Actor, tx: Tx) -> Mandate:
    """A mandate that has not ended, for whoever may change it: an operator, or the owners of its project."""
    found = queries.find_mandate(tx.sql, mandate_id, lock=True)
    if not by.operator:
        standing = lock_subject(tx, found.project, "", "", by).standing if found.project else None
        if standing is None or standing.role != "owner":
            raise Refused("not-allowed", "Only an operator may change this mandate.", "Ask one.")
    if found.ended_at is not None:
        raise Refused("mandate-ended", f"The mandate “{found.title}” has ended.", "Announce a new one.", status=409)
    return found


def _project(name: str, tx: Tx) -> Project:
    found = catalog.find_project(tx.sql, normalize(name))
    if found is None:
        raise Refused("unknown", f"There is no project named {name[:100]!r} here.", status=404)
    return found


def _need_reason(reason: str) -> None:
    if not reason.strip():
        raise Rejected("missing-reason", "reason", "is empty", "why less is asked")


def _who(found: Mandate, by: Actor) -> Identity:
    """An owner acts in his own name, for the index only an operator acts."""
    return by.identity if found.project and not by.operator else by.as_operator


def _in_words(methods: Methods, dates: Dates) -> str:
    return f"{METHODS[methods]}, from {dates.enforced_at:%Y-%m-%d} on"

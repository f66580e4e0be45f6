"""What is required of somebody: today, by when, and what is up to him. Computed from how things are now."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.accounts.factors import METHODS, Method, methods_of
from customhouse.accounts.tables import account
from customhouse.catalog import rights
from customhouse.catalog.tables import critical_mark, project
from customhouse.index.mandates import queries
from customhouse.index.mandates.model import METHODS as IN_WORDS
from customhouse.index.mandates.model import Exemption, Mandate

State = Literal["optional", "announced", "warned", "enforced"]
STATES: tuple[State, ...] = ("enforced", "warned", "announced", "optional")
"""The most pressing first."""

_FACTS = (
    sa.select(
        project.c.normalized, project.c.organization_id, critical_mark.c.normalized.is_not(None).label("critical")
    )
    .outerjoin(critical_mark, critical_mark.c.normalized == project.c.normalized)
    .where(project.c.normalized.in_(sa.bindparam("names", expanding=True)), project.c.deleted_at.is_(None))
)


@dataclass(frozen=True, slots=True)
class Because:
    """The mandate behind a requirement, and which of the person's projects it holds for."""

    mandate: Mandate
    projects: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Requirement:
    """One thing that is, will be or could be required of somebody."""

    what: str
    because: Because | None
    state: State
    by: datetime | None
    """From when on it is required; None: never."""
    met: bool
    methods: tuple[Method, ...]
    """The methods of which one is enough, the strongest first."""
    exempt: Exemption | None = None

    @property
    def open(self) -> bool:
        """Whether there is something left to do."""
        return not self.met and self.exempt is None and self.because is not None


@dataclass(frozen=True, slots=True)
class Place:
    """A project as mandates see it."""

    normalized: str
    organization_id: int | None = None
    critical: bool = False


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody as mandates see him."""

    account_id: int
    staff: bool = False
    methods: frozenset[Method] = frozenset()
    places: Sequence[Place] = field(default_factory=tuple)
    """The projects that he may publish."""


def requirements_of(sql: Connection, account_id: int, now: datetime) -> list[Requirement]:
    """Everything that is, will be or could be required of an account, the most pressing first."""
    live = queries.mandates(sql, ended=False)
    let_off = [one for one in queries.exemptions(sql, [one.id for one in live]) if one.holds(now)]
    return required(_person(sql, account_id), live, let_off, now)


def required(
    person: Person, mandates: Collection[Mandate], let_off: Collection[Exemption], now: datetime
) -> list[Requirement]:
    """The same from what was looked up; pure."""
    found = [one for each in mandates if (one := requirement(person, each, let_off, now)) is not None]
    found.sort(key=lambda one: (STATES.index(one.state), one.by or now, one.because.mandate.id if one.because else 0))
    return found + _optional(person, found)


def requirement(person: Person, mandate: Mandate, let_off: Collection[Exemption], now: datetime) -> Requirement | None:
    """What one mandate asks of somebody; None if it does not concern him or has not been announced.

    Whoever is let off himself, or in each project that it holds for, owes nothing until that ends.
    """
    match mandate.stage(now):
        case "planned" | "ended":
            return None
        case stage:
            pass
    mine = [one for one in let_off if one.mandate_id == mandate.id]
    covered = [place.normalized for place in person.places if _covers(mandate, place)]
    if not covered and not (mandate.scope == "staff" and person.staff):
        return None
    by_account = next((one for one in mine if one.account_id == person.account_id), None)
    by_project = {one.project: one for one in mine if one.project in covered}
    left = [name for name in covered if name not in by_project]
    exempt = by_account or (next(iter(by_project.values())) if covered and not left else None)
    return Requirement(
        what=IN_WORDS[mandate.methods],
        because=Because(mandate, tuple(sorted(left or covered))),
        state=stage,
        by=mandate.dates.enforced_at,
        met=mandate.met_by(person.methods),
        methods=_in_order(mandate.accepted),
        exempt=exempt,
    )


def _covers(mandate: Mandate, place: Place) -> bool:
    match mandate.scope:
        case "all":
            return True
        case "critical":
            return place.critical
        case "organization":
            return place.organization_id is not None and place.organization_id == mandate.organization_id
        case "project":
            return place.normalized == mandate.project
        case "staff":
            return False


def _optional(person: Person, found: Collection[Requirement]) -> list[Requirement]:
    """What is up to him: a second factor where none is asked for, and the stronger kind where any would do."""
    optional = []
    if not found:
        met = bool(person.methods)
        optional.append(Requirement(IN_WORDS["any"], None, "optional", None, met, METHODS))
    if not any(one.methods == ("webauthn",) for one in found):
        met = "webauthn" in person.methods
        optional.append(Requirement(IN_WORDS["webauthn"], None, "optional", None, met, ("webauthn",)))
    return optional


def _person(sql: Connection, account_id: int) -> Person:
    names = [name for name, role in rights.projects_of(sql, account_id).items() if role is not None]
    rows = sql.execute(_FACTS, {"names": names}).all() if names else []
    staff = sql.execute(sa.select(account.c.site_role).where(account.c.id == account_id)).scalar() or ""
    return Person(
        account_id,
        staff=staff != "",
        methods=methods_of(sql, [account_id]).get(account_id, frozenset()),
        places=[Place(row.normalized, row.organization_id, bool(row.critical)) for row in rows],
    )


def _in_order(methods: Collection[Method]) -> tuple[Method, ...]:
    return tuple(method for method in METHODS if method in methods)


def by_state(found: Collection[Requirement]) -> Mapping[State, list[Requirement]]:
    """The requirements of each state."""
    return {state: [one for one in found if one.state == state] for state in STATES}

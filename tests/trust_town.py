"""A town with a history, for the dashboard: it grows, a mandate is announced and then enforced, and the curve bends.

The past is written as snapshots that the job might have taken; today is counted by the job itself, from real rows.
"""

from __future__ import annotations

import math
from datetime import date, datetime, timedelta
from functools import partial

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.accounts.tables import account, second_factor
from customhouse.app import App
from customhouse.catalog.tables import critical_mark, name, project, project_role
from customhouse.index.giveaway.load import LoadCodes, load_codes
from customhouse.index.giveaway.model import Terms
from customhouse.index.giveaway.tables import giveaway_claim, giveaway_code
from customhouse.index.mandates.tables import mandate
from customhouse.index.recovery.tables import recovery_case
from customhouse.index.trust.snapshot import take_snapshot
from customhouse.index.trust.tables import trust_snapshot

PEOPLE, CRITICAL, KEYS = 2_400, 46, 320
WEBAUTHN, BOTH, TOTP = 448, 229, 352
DAYS, ANNOUNCED, ENFORCED = 420, 205, 95
MISSED = frozenset(range(141, 150))
"""Days ago on which nothing ran."""
WORDS = ("anchor", "ballast", "bollard", "capstan", "cargo", "chandler", "cleat", "dockside", "fairlead", "fathom",
         "gangway", "gantry", "halyard", "harbour", "hawser", "jetty", "keelson", "landfall", "lantern", "ledgerline",
         "lighter", "mainstay", "manifold", "marlin", "mooring", "pallet", "pennant", "pilothouse", "quay", "ratline",
         "rigging", "rudder", "scupper", "seacock", "sextant", "shackle", "sounding", "spindrift", "stevedore",
         "stowage", "tideway", "tonnage", "transom", "waybill", "wharf", "windlass")  # fmt: skip
SHARED = (1, 2, 1, 3, 2, 1, 4, 2, 3, 1, 2, 6, 2, 1, 3, 2, 9, 2, 3, 4, 1, 2, 5)


def found(app: App) -> None:
    """Fill an empty index."""
    now = app.clock.now()
    with app.database.write() as sql:
        people = _people(sql, now)
        _projects(sql, now, people)
        _mandates(sql, now)
        _recoveries(sql, now, people)
    _give(app, people)
    with app.database.write() as sql:
        sql.execute(trust_snapshot.insert(), [_past(now, age) for age in range(DAYS, 0, -1) if age not in MISSED])
    take_snapshot(app.database, now)


def _people(sql: Connection, now: datetime) -> list[int]:
    rows = [
        {
            "name": f"person{number}", "normalized": f"person{number}", "email": f"person{number}@example.org",
            "email_verified_at": now, "created_at": now - timedelta(days=400),
        }
        for number in range(PEOPLE)
    ]  # fmt: skip
    sql.execute(account.insert(), rows)
    query = sa.select(account.c.id).where(account.c.normalized.startswith("person")).order_by(account.c.id)
    people = list(sql.execute(query).scalars())
    # Whoever looks after a critical project comes first, and most of them are protected by now.
    methods = [
        (people[:WEBAUTHN], ("webauthn",)),
        (people[WEBAUTHN : WEBAUTHN + BOTH], ("webauthn", "totp")),
        (people[PEOPLE - TOTP :], ("totp",)),
    ]
    factors = [
        {"account_id": one, "method": method, "label": method, "created_at": now}
        for group, held in methods
        for one in group
        for method in held
    ]
    sql.execute(second_factor.insert(), factors)
    return people


def _projects(sql: Connection, now: datetime, people: list[int]) -> None:
    at, protected, bare = now - timedelta(days=380), iter(people), iter(people[WEBAUTHN + BOTH :])
    for number, word in enumerate(WORDS[:CRITICAL]):
        sql.execute(name.insert().values(normalized=word, ultranormalized=word, state="hosted", claimed_at=at))
        made = project.insert().values(normalized=word, display=word, created_at=at, signals={})
        project_id = sql.execute(made).inserted_primary_key[0]  # type: ignore[index]
        sql.execute(critical_mark.insert().values(normalized=word, reason="Much is built on it.", marked_at=at))
        for person in range(SHARED[number % len(SHARED)]):
            account_id = next(bare if (number + person) % 17 == 3 else protected)
            role = "maintainer" if person else "owner"
            sql.execute(project_role.insert().values(project_id=project_id, account_id=account_id, role=role))


def _mandates(sql: Connection, now: datetime) -> None:
    def days(ago: int) -> datetime:
        return now - timedelta(days=ago)

    for title, scope, methods, dates in (
        ("Two factors for critical projects", "critical", "any", (ANNOUNCED, 140, ENFORCED)),
        ("Security keys for those who run this index", "staff", "webauthn", (60, 30, 14)),
    ):
        announced, warned, enforced = (days(ago) for ago in dates)
        sql.execute(
            mandate.insert().values(
                title=title, text="", scope=scope, methods=methods, announced_at=announced, warned_at=warned,
                enforced_at=enforced, created_at=announced, created_by="olga",
            )
        )  # fmt: skip


def _recoveries(sql: Connection, now: datetime, people: list[int]) -> None:
    for number in range(23):
        opened = now - timedelta(days=9 + 11 * number)
        took = timedelta(hours=75 + 13 * (number * 7 % 10))
        sql.execute(
            recovery_case.insert().values(
                public_id=f"case-{number}", account_id=people[100 + number], sent=True, opened_at=opened,
                expires_at=opened + timedelta(days=30), closed_at=min(opened + took, now), outcome="completed",
            )
        )  # fmt: skip


def _give(app: App, people: list[int]) -> None:
    now = app.clock.now()
    terms = Terms(
        "Security keys for critical projects", (now - timedelta(days=ANNOUNCED)).date(), (now + timedelta(days=40)).date(),
        "https://keys.example/redeem", now.date(),
    )  # fmt: skip
    codes = [f"KEY-{number:06}" for number in range(KEYS)]
    loaded = app.do(partial(load_codes, app.key), LoadCodes("critical-2026", codes, terms))
    with app.database.write() as sql:
        ids = list(sql.execute(sa.select(giveaway_code.c.id).order_by(giveaway_code.c.id)).scalars())
        for number, person in enumerate(people[:79]):
            claim = {"campaign_id": loaded.campaign.id, "account_id": person, "claimed_at": now}
            sql.execute(giveaway_claim.insert().values(**claim))
            mine = giveaway_code.c.id.in_(ids[2 * number : 2 * number + 2])
            sql.execute(giveaway_code.update().where(mine).values(account_id=person))


def _past(now: datetime, age: int) -> dict[str, object]:
    """A snapshot of so many days ago. Slow at first, fast from the announcement, and once more at the deadline."""
    day: date = (now - timedelta(days=age)).date()
    grown = 1 - age / DAYS
    accounts = round(1_540 + (PEOPLE - 1_540) * grown**1.15)
    wave = _rise(age, ANNOUNCED, 70) * 0.6 + _rise(age, ENFORCED + 12, 16) * 0.4
    webauthn = round(70 + 120 * grown + (WEBAUTHN - 190) * wave)
    both = round(30 + 60 * grown + (BOTH - 90) * wave)
    totp = round(118 + 165 * grown + (TOTP - 283) * wave)
    critical = round(34 + (CRITICAL - 34) * grown)
    people = round(critical * 2.7)
    share = (
        0.22 + 0.14 * grown + (0.945 - 0.36) * (_rise(age, ANNOUNCED, 60) * 0.55 + _rise(age, ENFORCED + 10, 12) * 0.45)
    )
    return {
        "day": day, "taken_at": now - timedelta(days=age), "accounts": accounts, "webauthn_only": webauthn,
        "both_methods": both, "totp_only": totp, "critical_projects": critical, "critical_people": people,
        "critical_protected": round(people * min(share, 1)), "projects_by_people": {"1": 10, "2": critical - 10},
        "keys_given": round(150 * _rise(age, ANNOUNCED - 8, 70)), "recoveries": 0,
    }  # fmt: skip


def _rise(age: int, from_age: int, takes: int) -> float:
    """From 0 to 1 of today, beginning so many days ago and levelling off."""
    return (1 - math.exp(-max(from_age - age, 0) / takes)) / (1 - math.exp(-from_age / takes))

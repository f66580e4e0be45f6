"""A world whose mail domains can lapse: a name server and a registry on loopback, real mail, and a clock to turn."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from starlette.testclient import TestClient

from clock import TurnableClock
from customhouse.accounts.lost_address import LostAddress, find_lost
from customhouse.accounts.tables import account
from customhouse.accounts.users import User, find_user
from customhouse.app import App, open_app
from customhouse.catalog.tables import project, project_role
from customhouse.index.domains.tables import mail_domain
from customhouse.infra.settings import Settings
from customhouse.infra.walkers import Walkers
from customhouse.ledger.tables import ledger_event
from customhouse.web.asgi import build
from customhouse.work import run_followers
from dns_simulator import DnsSimulator, dns_simulator
from mail_sink import MailSink, mail_sink
from rdap_simulator import RdapSimulator, rdap_simulator
from telling import settle
from world import World

DAY = timedelta(days=1)


@dataclass
class DomainWorld:
    """The world and the three services that it asks."""

    world: World
    names: DnsSimulator
    registry: RdapSimulator
    sink: MailSink

    @property
    def app(self) -> App:
        return self.world.app

    @property
    def now(self) -> datetime:
        return self.app.clock.now()

    def register(self, *domains: str, at: datetime | None = None, years: int = 10) -> None:
        """Let a domain be registered and take mail, as most do."""
        for domain in domains:
            self.registry.register(domain, at=at or self.now - 900 * DAY, years=years)
            self.names.zone(domain, MX=[f"10 mx.{domain}."], NS=["ns1.host.example.", "ns2.host.example."])

    def lapse(self, domain: str) -> None:
        """Let a domain be gone from registry and name system."""
        self.registry.domains.pop(domain, None)
        self.names.remove(domain)

    def someone(self, name: str, email: str, *, projects: Sequence[str] = (), role: str = "owner") -> User:
        """An account with a verified address, and a role in projects."""
        self.world.user(name)
        with self.app.database.write() as sql:
            user = find_user(sql, name)
            sql.execute(account.update().where(account.c.id == user.id).values(email=email, email_verified_at=self.now))
            for one in projects:
                found = sql.execute(sa.select(project.c.id).where(project.c.normalized == one)).scalar_one()
                sql.execute(project_role.insert().values(project_id=found, account_id=user.id, role=role))
        return user

    def round(self) -> None:
        """Gather, look at all that is due, and tell everybody."""
        self.app.watch.gather()
        self.app.watch.run(1000)
        settle(self.world)

    def days(self, count: int = 1) -> None:
        """Let days go by, each with its looks."""
        for _ in range(count):
            self.app.watch.gather()
            self.world.clock.turn(DAY + timedelta(minutes=2))
            self.round()

    def verified(self, name: str) -> bool:
        """Whether somebody's address counts."""
        with self.app.database.read() as sql:
            at = sql.execute(sa.select(account.c.email_verified_at).where(account.c.normalized == name)).scalar_one()
        return at is not None

    def lost(self, name: str) -> LostAddress | None:
        """What is known of somebody's lost address."""
        with self.app.database.read() as sql:
            return find_lost(sql, find_user(sql, name).id)

    def state(self, domain: str) -> tuple[str, str]:
        """The state of a domain, and why."""
        with self.app.database.read() as sql:
            row = sql.execute(sa.select(mail_domain).where(mail_domain.c.name == domain)).one()
        return row.state, row.reason

    def events(self, *kinds: str) -> list[dict[str, object]]:
        """The bodies of all events of these kinds."""
        with self.app.database.read() as sql:
            rows = sql.execute(sa.select(ledger_event).where(ledger_event.c.kind.in_(kinds)).order_by("serial")).all()
        return [json.loads(row.body) for row in rows]

    def subjects(self, address: str) -> list[str]:
        """The subjects of all letters to an address."""
        return [str(message["Subject"]).partition("] ")[2] for message in self.sink.letters_to(address)]


@contextmanager
def domain_world(settings: Settings, clock: TurnableClock, walkers: Walkers, **more: object) -> Iterator[DomainWorld]:
    """A running one on a prepared installation; everything holds at the end."""
    with dns_simulator() as names, rdap_simulator() as registry, mail_sink() as sink:
        values = {"url": "https://index.test", **sink.settings, **names.settings, **registry.settings, **more}
        settings = Settings.model_validate(settings.model_dump() | values)
        with (
            open_app(settings, clock=clock, walkers=walkers) as app,
            TestClient(build(app), base_url="https://index.test") as client,
        ):
            run_followers(app)
            world = World(app, clock, client)
            yield DomainWorld(world, names, registry, sink)
            world.check()

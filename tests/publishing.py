"""A world into which builds publish: a service that issues their tokens, and the deeds that trust it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx2 as httpx
import sqlalchemy as sa

from build_service import BuildService, build_service
from clock import TurnableClock
from customhouse.accounts.tokens import CreateToken
from customhouse.accounts.users import AddUser, User, add_user, find_user
from customhouse.app import App
from customhouse.catalog.model import Project
from customhouse.index.new_project import CreateProject, new_project
from customhouse.index.publishing.add import AddPublisher, add_publisher
from customhouse.index.publishing.pending import AddPending, add_pending
from customhouse.index.slow.model import PendingChange
from customhouse.infra.settings import Settings
from customhouse.infra.tables import job
from customhouse.infra.walkers import Walkers
from customhouse.ledger import queries as ledger
from customhouse.ledger.chain import Entry
from customhouse.trust.described import Described, describe
from customhouse.trust.issuers import issuer_named
from customhouse.trust.publishers import TrustedPublisher, find_publisher
from customhouse.work import run_followers
from packages import wheel
from telling import telling_world
from trust.claims import GITHUB
from world import Answered, World, upload

WORKFLOW = {"owner": "acme", "repository": "demo", "workflow": "release.yml", "environment": ""}


@dataclass
class PublishingWorld:
    """The world and the service."""

    world: World
    service: BuildService

    @property
    def app(self) -> App:
        return self.world.app

    @property
    def clock(self) -> TurnableClock:
        return self.world.clock

    def person(self, name: str = "alice") -> User:
        """An account of that name, which can be written to."""
        if name not in self.world.tokens:
            self.app.do(add_user, AddUser(name, f"{name}@people.example"))
            self.world.tokens[name] = self.app.create_token(CreateToken(name)).text
        with self.app.database.read() as sql:
            return find_user(sql, name)

    def project(self, name: str = "demo", *, owner: str = "alice") -> Project:
        """A project without files."""
        return new_project(self.app.deeds, CreateProject(name, self.person(owner).actor))

    def described(
        self, settings: Mapping[str, str] = WORKFLOW, rules: Mapping[str, str] | None = None, issuer: str = "forge"
    ) -> Described:
        return describe(issuer_named(self.app.minting.known, issuer), settings, rules or {})

    def trust(
        self, project: str = "demo", *, owner: str = "alice", stages_only: bool = False,
        settings: Mapping[str, str] = WORKFLOW, rules: Mapping[str, str] | None = None,
    ) -> TrustedPublisher:  # fmt: skip
        """Let builds publish into a project."""
        wish = AddPublisher(project, self.described(settings, rules), stages_only, self.person(owner).actor)
        made = self.app.do(add_publisher, wish)
        assert not isinstance(made, PendingChange)
        return made

    def await_project(
        self, name: str, *, user: str = "alice", settings: Mapping[str, str] = WORKFLOW, organization: str = ""
    ) -> TrustedPublisher:
        """Let builds make a project."""
        wish = AddPending(name, self.described(settings), self.person(user).actor, organization)
        return self.app.do(add_pending, wish)

    def token(self, **changes: Any) -> str:
        """What the service says of a build of acme/demo."""
        return self.service.token(GITHUB, **changes)

    def exchange(self, token: str, **more: object) -> httpx.Response:
        """Over HTTP, as twine does."""
        return self.world.client.post("/_/oidc/mint-token", json={"token": token, **more})

    def minted(self, **changes: Any) -> str:
        """A token for a build, exchanged."""
        answer = self.exchange(self.token(**changes))
        assert answer.status_code == httpx.codes.OK, answer.text
        return str(answer.json()["token"])

    def publish(self, token: str, name: str = "demo", version: str = "1.0") -> Answered:
        """Upload with a token."""
        return upload(self.world.client, token, wheel(name, version), name=name, version=version)

    def publisher(self, publisher_id: int) -> TrustedPublisher:
        with self.app.database.read() as sql:
            return find_publisher(sql, publisher_id)

    def letters(self) -> list[tuple[str, str]]:
        """Which letters wait to be sent, and to whom."""
        while run_followers(self.app):
            pass
        with self.app.database.read() as sql:
            rows = sql.execute(sa.select(job.c.arguments).where(job.c.name == "mail").order_by(job.c.id)).scalars()
            return [(read["template"], read["values"]["reader"]) for read in rows]

    def events(self, kind: str) -> list[Entry]:
        with self.app.database.read() as sql:
            return [entry for entry in ledger.entries(sql) if entry.kind == kind]


@contextmanager
def publishing_world(
    settings: Settings, clock: TurnableClock, walkers: Walkers | None = None, /, **more: Any
) -> Iterator[PublishingWorld]:
    """It runs, with a forge that speaks like GitHub."""
    with build_service(clock) as service:
        issuers = more.pop("oidc_issuers", None) or [service.setting()]
        with telling_world(settings, clock, walkers, oidc_issuers=issuers, **more) as world:
            yield PublishingWorld(world, service)


def reasons(answer: httpx.Response) -> list[str]:
    """The codes of a refusal, as PyPI's clients read them."""
    return [str(error["code"]) for error in answer.json()["errors"]]

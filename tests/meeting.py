"""People and machines that meet at a release run of a server, for tests: each with a key of its own."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest

from authenticator import Authenticator
from build_service import BuildService, build_service
from clock import TurnableClock
from customhouse.accounts.tables import account
from customhouse.accounts.users import find_user
from customhouse.catalog.tables import project_role
from customhouse.index.new_project import CreateProject, new_project
from customhouse.infra.db import insert_new
from customhouse.release import events
from customhouse.release.codec import read_line, to_body
from customhouse.release.events import Event
from customhouse.release.machine_key import MachineKey
from customhouse.release.question import idempotency_key
from customhouse.release.rules import replay
from customhouse.release.sealed import Sealed
from customhouse.release.sealing import say, verify_lines
from customhouse.release.standing import inputs_of
from customhouse.release.state import State
from customhouse.release.things import Thing
from customhouse.release.work.identity import evidence_of, identity_of
from second_step import named_world
from world import World

RUNS = "/api/release/runs"
PIPELINE = """\
[pipeline]
schema = 1
version = {number}
project = "demo"
tag = "v{{version}}"
[params]
version = {{ pattern = '\\d+\\.\\d+', title = "Version" }}
[actors.rm]
title = "Release manager"
identities = ["user:rosa"]
factor = "{factor}"
expert = true
[actors.win]
title = "Windows expert"
identities = ["user:wim"]
factor = "{factor}"
[actors.mac]
title = "macOS expert"
identities = ["user:mia"]
factor = "{factor}"
[actors.ci-a]
title = "Builder A"
machine = true
identities = ["oidc:{issuer}#builder-a"]
[actors.ci-b]
title = "Builder B"
machine = true
identities = ["oidc:{issuer}#builder-b"]
[environments.ci]
title = "Builder A"
kind = "ci"
network = "none"
[environments.ci-b]
title = "Builder B"
kind = "ci"
network = "none"
[environments.index]
title = "Index"
kind = "store"
[artifacts]
dists = {{ type = "files", names = ["demo-{{version}}.tar.gz"], reproducible = true }}
proof = {{ type = "files", names = ["proof-{{version}}.txt"] }}
[[steps]]
id = "build"
n = "1"
title = "Build"
actor = "ci-a"
env = "ci"
uses = "exec"
run = ["make"]
out = ["dists"]
[[steps]]
id = "stop"
n = "2"
title = "STOP: wait for everybody"
actor = "rm"
env = "index"
uses = "gate"
in = ["dists"]
after = ["build"]
gate = {{ need = ["rm", "win", "mac"], quorum = {quorum}, ask = "Green light for {{version}}?", factor = "{factor}", expires = "1h" }}
[[steps]]
id = "prove"
n = "3"
title = "Prove"
actor = "ci-b"
env = "ci-b"
uses = "exec"
run = ["true"]
in = ["dists"]
after = ["stop"]
out = ["proof"]
"""
BODY = b"what was built"
BUILT = Thing("demo-1.0.tar.gz", "sha256", hashlib.sha256(BODY).hexdigest(), len(BODY))


@dataclass
class Machine:
    """An actor's machine: a key, and what it was given when it joined."""

    meeting: Meeting
    actor: str
    key: MachineKey = field(default_factory=MachineKey.new)
    token: str = ""

    @property
    def headers(self) -> dict[str, str]:
        """By which it is known at the door."""
        return {"authorization": f"Bearer {self.token}", "accept": "application/json"}

    def claim(self, event: Event, *, run: str = "", by: str = "", key: MachineKey | None = None) -> dict[str, Any]:
        """Something it says, signed; or a lie."""
        who, signer = by or self.actor, key or self.key
        said = say(event, run=run or self.meeting.run, by=who, key=signer)
        return {
            "by": who, "kind": event.kind, "body": to_body(event),
            "said": {"key": said.key, "signature": said.signature},
        }  # fmt: skip

    def send(self, *claims: Mapping[str, Any], expected: Mapping[str, Any] | None = None) -> httpx.Response:
        """Send what it says."""
        document = {"claims": list(claims)} | ({"expected": expected} if expected is not None else {})
        return self.meeting.client.post(f"{self.meeting.address}/claims", json=document, headers=self.headers)

    def say(self, *said: Event) -> httpx.Response:
        """Say it."""
        return self.send(*(self.claim(one) for one in said))

    def join(self, token: str = "", *, headers: Mapping[str, str] | None = None, **joined: str) -> httpx.Response:
        """Join by an ID token, or by an API token in the headers."""
        claims = _claims(token)
        identity = identity_of(claims) if token else joined.get("identity", "")
        evidence = evidence_of(claims) if token else joined.get("evidence", "")
        event = events.Joined(self.actor, identity, self.key.public, evidence)
        claim = self.claim(event)
        document = {"joined": claim["body"], "said": claim["said"], "token": token}
        answer = self.meeting.client.post(
            f"{self.meeting.address}/join", json=document, headers={"accept": "application/json", **(headers or {})}
        )
        if answer.is_success:
            self.token = answer.json()["token"]
        return answer

    def start(self, step: str, *, minutes: int = 5, machine: str = "") -> httpx.Response:
        """Say that a step starts."""
        return self.say(self.started(step, minutes=minutes, machine=machine))

    def started(self, step: str, *, minutes: int = 5, machine: str = "") -> events.StepStarted:
        state = self.meeting.state
        attempt = state.steps[step].attempt
        until = self.meeting.world.clock.now() + timedelta(minutes=minutes)
        return events.StepStarted(
            step, attempt, machine or self.actor, until, idempotency_key(state.run, step, attempt),
            inputs_of(state, state.pipeline.step(step)),
        )  # fmt: skip

    def do(self, step: str, outputs: Mapping[str, tuple[Thing, ...]]) -> httpx.Response:
        """Start it, check what comes in, and say what was made."""
        begun = self.started(step)
        checks = [events.Checked(step, begun.attempt, "handover", ok=True, expected="", saw="")] if begun.inputs else []
        return self.say(begun, *checks, events.StepDone(step, begun.attempt, outputs, {}))

    def put(self, body: bytes, digest: str = "") -> httpx.Response:
        """Hand a file over."""
        address = f"{self.meeting.address}/objects/{digest or hashlib.sha256(body).hexdigest()}"
        return self.meeting.client.put(address, content=body, headers=self.headers)


@dataclass
class Meeting:
    """A project with people, a build service, and one run at a time."""

    world: World
    service: BuildService
    run: str = ""
    keys: dict[str, Authenticator] = field(default_factory=dict)

    @property
    def client(self) -> httpx.Client:
        return self.world.client

    @property
    def address(self) -> str:
        return f"{RUNS}/{self.run}"

    @property
    def lines(self) -> list[Sealed]:
        """The journal as rosa reads it, verified."""
        text = self.client.get(f"{self.address}/lines?after=-1", headers=self.program("rosa")).text
        found = [read_line(line) for line in text.splitlines()]
        verify_lines(found)
        return found

    @property
    def state(self) -> State:
        """What it says."""
        return replay(self.lines)

    def kinds(self) -> list[str]:
        """The kinds of its lines."""
        return [line.event.kind for line in self.lines]

    def pipeline(self, *, factor: str = "none", quorum: int = 3, number: int = 1) -> str:
        """The definition."""
        return PIPELINE.format(issuer=self.service.url, factor=factor, quorum=quorum, number=number)

    def program(self, name: str) -> dict[str, str]:
        """A program of somebody's, with an API token."""
        return {"authorization": f"Bearer {self.world.user(name)}", "accept": "application/json"}

    def open(
        self, by: str = "rosa", *, factor: str = "none", quorum: int = 3, number: int = 1, version: str = "1.0",
        text: str = "", **more: Any,
    ) -> httpx.Response:  # fmt: skip
        """Open a run."""
        pipeline = text or self.pipeline(factor=factor, quorum=quorum, number=number)
        document = {"pipeline": pipeline, "params": {"version": version}, **more}
        answer = self.client.post(RUNS, json=document, headers=self.program(by))
        if answer.status_code == httpx.codes.CREATED:
            self.run = answer.json()["run"]
        return answer

    def decide(self, by: str, what: str, **more: Any) -> httpx.Response:
        """Decide with an API token."""
        return self.client.post(f"{self.address}/decisions", json={"what": what, **more}, headers=self.program(by))

    def machine(self, actor: str, subject: str = "") -> Machine:
        """A machine that has joined."""
        found = Machine(self, actor)
        answer = found.join(self.service.token({"sub": subject or actor.replace("ci-", "builder-")}))
        assert answer.status_code == httpx.codes.CREATED, answer.text
        return found

    def built(self, machine: Machine | None = None) -> Machine:
        """Everybody is around, and the first step is done."""
        assert self.decide("rosa", "confirm").is_success
        builder = machine or self.machine("ci-a")
        assert builder.put(BODY).is_success
        answer = builder.do("build", {"dists": (BUILT,)})
        assert answer.is_success, answer.text
        return builder

    def built_as(self, version: str) -> None:
        """The same, of another version."""
        assert self.decide("rosa", "confirm").is_success
        builder = self.machine("ci-a")
        assert builder.put(BODY).is_success
        made = Thing(f"demo-{version}.tar.gz", "sha256", BUILT.digest, BUILT.size_bytes)
        answer = builder.do("build", {"dists": (made,)})
        assert answer.is_success, answer.text

    def leave(self, name: str) -> None:
        """Somebody has no role in the project any more."""
        with self.world.app.database.write() as sql:
            who = find_user(sql, name)
            sql.execute(project_role.delete().where(project_role.c.account_id == who.id))

    def mailbox(self, name: str, address: str) -> None:
        """Somebody's account has this address."""
        with self.world.app.database.write() as sql:
            sql.execute(account.update().where(account.c.normalized == name).values(email=address))


@contextmanager
def meeting(
    request: pytest.FixtureRequest, folder: Path, clock: TurnableClock, *, database: str = "sqlite",
    people: Sequence[str] = ("rosa", "wim", "mia"),
) -> Iterator[Meeting]:  # fmt: skip
    """A world with the project demo, whose people these are; rosa owns it."""
    with (
        build_service(clock) as service,
        named_world(
            request,
            folder,
            clock,
            database=database,
            oidc_issuers=[service.setting()],
            private_networks_allowed=("127.0.0.0/8",),
        ) as world,
    ):
        for name in (*people, "stranger"):
            world.user(name)
        with world.app.database.read() as sql:
            owner = find_user(sql, people[0])
            accounts = [find_user(sql, name).id for name in people[1:]]
        new_project(world.app.deeds, CreateProject("demo", owner.actor))
        with world.app.database.write() as sql:
            project = sql.exec_driver_sql("SELECT id FROM project WHERE normalized = 'demo'").scalar_one()
            for number in accounts:
                insert_new(sql, project_role, project_id=project, account_id=number, role="maintainer")
        yield Meeting(world, service)


def _claims(token: str) -> Mapping[str, Any]:
    if not token:
        return {}
    from customhouse.trust.jwt import take_apart  # noqa: PLC0415 - only for those who have one

    return take_apart(token).claims

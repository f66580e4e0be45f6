"""The test world: a whole Customhouse in a temporary folder, with a clock to turn and a door to knock at.

`world.check()` tests every invariant; the fixture calls it at the end of each test.
"""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path

import httpx2 as httpx
import pytest
import sqlalchemy as sa
from starlette.testclient import TestClient

from clock import TurnableClock
from command_line import customhouse
from customhouse.accounts.links import SetPassword, set_password
from customhouse.accounts.tables import account
from customhouse.accounts.tokens import CreateToken
from customhouse.accounts.users import AddUser, SetSiteRole, add_user, find_user, set_site_role
from customhouse.app import App, open_app, prepare
from customhouse.infra.settings import Settings
from customhouse.infra.walkers import Walkers
from customhouse.terms.scope import scope_for
from packages import Dist, form_fields
from person import Person, hashed_password
from servers import MORTAL, free_port

START_SECONDS = 90.0
POLL_SECONDS = 0.01
ON_BOTH = ["sqlite", pytest.param("postgresql", marks=pytest.mark.prove)]
"""What whole journeys stand on: each of their deeds is tested on both databases elsewhere, so that CI takes the
shorter way, and `make prove` both."""
IDLE = Walkers(count=1, seconds=120, memory_bytes=2**30)
"""Readers of archives for whoever reads none; they are never started."""


@cache
def blank_folder() -> Path:
    """A prepared data folder with an empty SQLite database, to be copied: migrating takes longer than most tests."""
    folder = Path(tempfile.mkdtemp(prefix="customhouse-blank-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    settings = Settings.model_validate({"data": folder / "data"})
    prepare(settings)
    return settings.data


@dataclass
class Answered:
    """What the index said to an upload."""

    status: int
    text: str


@dataclass
class World:
    """An app on real stores, spoken to in this process through its ASGI door."""

    app: App
    clock: TurnableClock
    client: TestClient
    tokens: dict[str, str] = field(default_factory=dict)

    def user(self, name: str = "alice") -> str:
        """A user with a token for all his projects; returns the token."""
        if name not in self.tokens:
            self.app.do(add_user, AddUser(name))
            self.tokens[name] = self.app.create_token(CreateToken(name)).text
        return self.tokens[name]

    def stranger(self) -> Person:
        """Somebody in a browser whom the index does not know."""
        return Person(TestClient(self.client.app, base_url="https://index.test"))

    def person(self, name: str = "alice", *, site_role: str = "") -> Person:
        """Somebody signed in in a browser; the account is made if need be."""
        self.user(name)
        with self.app.database.read() as sql:
            user = find_user(sql, name)
        self.app.do(partial(set_password, self.app.key), SetPassword(hashed_password(), user=user))
        if site_role:
            self.app.do(set_site_role, SetSiteRole(name, site_role))
        person = self.stranger()
        answer = person.sign_in(name)
        assert answer.status_code == httpx.codes.SEE_OTHER, answer.text
        return person

    def operator(self, name: str = "olga") -> Person:
        """An operator, signed in."""
        return self.person(name, site_role="operator")

    def check(self) -> None:
        """Every invariant holds."""
        findings = [finding for checked in self.app.check() for finding in checked.findings]
        assert not findings, findings
        assert not list((self.app.settings.data / "spool").iterdir()), "the spool is not empty"

    @contextmanager
    def statements(self) -> Iterator[list[str]]:
        """The SQL that is executed meanwhile: what somebody has to wait for, on whatever machine."""
        heard: list[str] = []

        def hear(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
            heard.append(statement)

        sa.event.listen(self.app.database.engine, "before_cursor_execute", hear)
        try:
            yield heard
        finally:
            sa.event.remove(self.app.database.engine, "before_cursor_execute", hear)

    def download(self, address: str) -> httpx.Response:
        """Get a file as a client does, following the link to an object store."""
        answer = self.client.get(address, follow_redirects=False)
        return httpx.get(answer.headers["location"]) if answer.status_code == httpx.codes.FOUND else answer

    def upload(
        self, dist: Dist, *, user: str = "alice", name: str = "demo", version: str = "1.0",
        fields: Sequence[tuple[str, str]] | None = None,
    ) -> Answered:  # fmt: skip
        """Send a file as a user."""
        return upload(self.client, self.user(user), dist, name=name, version=version, fields=fields)


class Server:
    """A real server process tree on a loopback port."""

    def __init__(
        self, data: Path, *, environment: Mapping[str, str] | None = None, wrap: Sequence[str] = (),
        prepared: bool = True, named: bool = False,
    ) -> None:  # fmt: skip
        """``named``: it has the name localhost, because security keys know sites by names, and not by addresses."""
        self.data = data
        self._prepared = prepared
        self.port = free_port()
        self.url = f"http://{'localhost' if named else '127.0.0.1'}:{self.port}"
        self._environment = dict(environment or {}) | ({"CUSTOMHOUSE_URL": self.url} if named else {})
        self._wrap = list(wrap)
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def environment(self) -> dict[str, str]:
        """What a command of this server needs around it."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith("CUSTOMHOUSE_")}
        return kept | {"CUSTOMHOUSE_DATA": str(self.data), "CUSTOMHOUSE_PORT": str(self.port)} | self._environment

    def command(self, *arguments: str) -> str:
        """Run ``customhouse ARGUMENTS`` beside the server and return its standard output."""
        done = customhouse(*arguments, environment=self.environment)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    @property
    def settings(self) -> Settings:
        """What it runs with, as far as that is plain text."""
        named = {key.removeprefix("CUSTOMHOUSE_").lower(): text for key, text in self._environment.items()}
        plain = {key: text for key, text in named.items() if text and not text.startswith(("[", "{"))}
        return Settings.model_validate({**plain, "data": self.data, "port": self.port})

    @contextmanager
    def opened(self) -> Iterator[App]:
        """The same data in this process, beside the server: a command would need seconds to start."""
        self.lay_out()
        with open_app(self.settings, walkers=IDLE) as app:
            yield app

    def new_token(self, user: str = "alice", project: str | None = None) -> str:
        """A token of that user, who is made if need be."""
        with self.opened() as app:
            with app.database.read() as sql:
                known = sql.execute(sa.select(account.c.id).where(account.c.name == user)).first() is not None
            if not known:
                app.do(add_user, AddUser(user))
            scope = scope_for(projects=[project] if project else [])
            return app.create_token(CreateToken(user, scope=scope)).text

    def check(self) -> None:
        """Every invariant holds."""
        with self.opened() as app:
            findings = [finding for checked in app.check() for finding in checked.findings]
        assert not findings, findings

    def lay_out(self) -> None:
        """Lay an empty installation into the folder, unless there is one, or it shall be made by what runs there."""
        if self._prepared and not self.data.exists():
            shutil.copytree(blank_folder(), self.data)

    def start(self, answers: str = "/-/ready") -> None:
        """Start it and wait until it answers there. It dies with the thread that calls this: let that be the main one."""
        self.lay_out()
        log = (self.data.parent / f"{self.data.name}.log").open("ab")
        with log:
            self.process = subprocess.Popen(
                [*MORTAL, *self._wrap, sys.executable, "-m", "customhouse", "serve"],
                env=self.environment, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            try:
                # What is not loaded yet keeps us waiting: asking again and again would only take its core.
                if httpx.get(self.url + answers, timeout=START_SECONDS).status_code == httpx.codes.OK:
                    return
            except httpx.TransportError:
                time.sleep(POLL_SECONDS)  # asking without a pause would take the core that it starts on
        self.kill()  # its children die with it
        raise AssertionError(f"the server did not start: {self.log()[-3000:]}")

    def log(self) -> str:
        """What it has printed so far."""
        return (self.data.parent / f"{self.data.name}.log").read_text(errors="replace")

    def kill(self) -> None:
        """Kill the supervisor at once, as a power cut would."""
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait(10)

    def stop(self) -> None:
        """Stop it as an operator would."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(60)


@contextmanager
def running(data: Path, *, environment: Mapping[str, str] | None = None, prepared: bool = True) -> Iterator[Server]:
    """A started server that is stopped at the end. On a folder that is not ``prepared`` it makes everything itself."""
    server = Server(data, environment=environment, prepared=prepared)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def upload(
    client: httpx.Client, token: str | None, dist: Dist, *, name: str, version: str,
    fields: Sequence[tuple[str, str]] | None = None,
) -> Answered:  # fmt: skip
    """Send a file as twine does."""
    form: dict[str, list[str]] = {}
    for key, value in fields if fields is not None else form_fields(dist, name, version):
        form.setdefault(key, []).append(value)
    answer = client.post(
        "/legacy/",
        data=form,
        files={"content": (dist.filename, dist.body, "application/octet-stream")},
        auth=("__token__", token or ""),
    )
    return Answered(answer.status_code, answer.text)

"""People with second factors, for tests: apps that show codes, keys in software, recovery codes on paper."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from html import unescape
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
from starlette.testclient import TestClient

from authenticator import TRUE, Authenticator, Lie
from clock import TurnableClock
from conftest import Where, prepared, settings_for
from customhouse.accounts.totp import code_of, step_of
from customhouse.app import open_app
from customhouse.infra.settings import Settings
from customhouse.web.asgi import build
from person import PASSWORD, Person
from world import World

URL = "https://index.test"
RP_ID = "index.test"


@contextmanager
def named_world(
    request: pytest.FixtureRequest, folder: Path, clock: TurnableClock, *, database: str = "sqlite", **settings: Any
) -> Iterator[World]:
    """A world that knows its own name, which keys need."""
    base = prepared(settings_for(Where(database=database), folder / "data", request), request)
    told = Settings.model_validate({**base.model_dump(), "url": URL, **settings})
    with (
        open_app(told, clock=clock, walkers=request.getfixturevalue("walkers")) as app,
        TestClient(build(app), base_url=URL) as client,
    ):
        world = World(app, clock, client)
        yield world
        world.check()


@dataclass
class Guarded:
    """Somebody with factors, in a browser."""

    person: Person
    world: World
    codes: list[str] = field(default_factory=list)
    seed: bytes = b""

    @property
    def name(self) -> str:
        """The account's name."""
        return self.person.name

    def elsewhere(self) -> Guarded:
        """The same person, with the same things in her hands, in another browser."""
        other = self.world.stranger()
        return Guarded(other, self.world, self.codes, self.seed)

    def code(self, *, steps: int = 0) -> str:
        """What the app shows now, or some steps away from now."""
        return code_at(self.seed, self.world.clock.now(), steps)

    def password(self, name: str, password: str = PASSWORD) -> httpx.Response:
        """Type name and password; a half session may be all that there is for it."""
        answer = self.person.sign_in(name, password)
        self.person.csrf = ""
        return answer

    def second(self, code: str) -> httpx.Response:
        """Type a code in the second step."""
        self.person.get("/account/second/")
        answer = self.person.post("/account/second/", code=code)
        self.person.csrf = ""
        return answer

    def options(self, purpose: str) -> dict[str, Any]:
        """What the page's script gets for a key."""
        answer = self.person.client.get(
            f"/account/keys/options/?purpose={purpose}", headers={"accept": "application/json"}
        )
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def send_key(self, purpose: str, address: str, answer: str, **fields: str) -> httpx.Response:
        """Send a key's answer."""
        sent = self.person.post(address, answer=answer, purpose=purpose, **fields)
        self.person.csrf = ""
        return sent

    def use_key(self, key: Authenticator, purpose: str, address: str, lie: Lie = TRUE) -> httpx.Response:
        """Ask for options, touch the key, send its answer."""
        self.person.get(PAGES[purpose])
        return self.send_key(purpose, address, key.get(self.options(purpose), lie))

    def add_key(
        self, key: Authenticator, *, passkey: bool = False, lie: Lie = TRUE, label: str = "a key"
    ) -> httpx.Response:
        """Register a key."""
        purpose = "add-passkey" if passkey else "add-key"
        self.person.get("/account/two-factor/")
        return self.send_key(purpose, "/account/two-factor/key/", key.create(self.options(purpose), lie), label=label)

    def make_codes(self) -> list[str]:
        """Make recovery codes, and keep them."""
        page = self.person.post("/account/two-factor/codes/")
        assert page.status_code == 200, page.text
        found = re.search(r'<pre tabindex="0" aria-label="Recovery codes">(.*?)</pre>', page.text, re.DOTALL)
        assert found is not None
        self.codes = found[1].split()
        return self.codes

    def keep_codes(self) -> None:
        """Make them, and show that they are kept."""
        self.make_codes()
        answer = self.person.post("/account/two-factor/codes/kept/", code=self.codes.pop())
        assert answer.status_code == 303, answer.text

    def add_app(self, label: str = "my phone") -> httpx.Response:
        """Add an app that shows codes."""
        page = self.person.get("/account/two-factor/app/")
        self.seed = seed_on(page.text)
        sealed = re.search(r'name="seed" value="([^"]+)"', page.text)
        assert sealed is not None
        answer = self.person.post("/account/two-factor/app/", seed=unescape(sealed[1]), code=self.code(), label=label)
        self.person.csrf = ""
        return answer


PAGES = {"passkey": "/account/sign-in/", "second": "/account/second/", "again": "/account/again/"}


def seed_on(page: str) -> bytes:
    """The secret that the page shows."""
    found = re.search(r'aria-label="The secret">([A-Z2-7 ]+)<', page)
    assert found is not None, page
    return base64.b32decode(found[1].replace(" ", ""))


def code_at(seed: bytes, moment: datetime, steps: int = 0) -> str:
    """The code of an app at a moment."""
    return code_of(seed, step_of(moment) + steps)


def a_key(**how: Any) -> Authenticator:
    """A key that is asked on a page of ours."""
    return Authenticator(URL, RP_ID, **how)


def guarded(world: World, name: str = "alice", *, app: bool = False, keys: tuple[Authenticator, ...] = ()) -> Guarded:
    """Somebody signed in, with kept recovery codes and the factors that are wanted."""
    someone = Guarded(world.person(name), world)
    someone.keep_codes()
    if app:
        answer = someone.add_app()
        assert answer.status_code == 303, answer.text
    for key in keys:
        answer = someone.add_key(key, passkey=not key.counts)
        assert answer.status_code == 303, answer.text
    return someone


def signed_in(someone: Guarded) -> bool:
    """Whether this browser is somebody's."""
    return someone.person.get("/account/").status_code == 200


def told(answer: httpx.Response) -> Any:
    """The body as JSON."""
    return json.loads(answer.text)

"""litellm, 24 March 2026 (incident 21, PYSEC-2026-2): a stolen API token publishes a release with a new ``.pth`` file.

The token had come from a build whose actions were replaced. On PyPI the release was downloaded 119,000 times in two hours
and a half, and its ``.pth`` ran with every start of Python. Here the same token sends the same file into a critical
project: the release waits, its owners are asked, and nobody gets it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from clock import TurnableClock
from customhouse.accounts import sessions
from customhouse.accounts.sessions import SignIn
from customhouse.accounts.tables import account
from customhouse.accounts.tokens import CreateToken
from customhouse.accounts.users import find_user
from customhouse.catalog.tables import project_role
from customhouse.index.mark_critical import MarkCritical, mark_critical
from customhouse.terms.scope import scope_for
from mail_sink import MailSink, mail_sink, text_of
from neighbours import events, user
from packages import Dist, wheel
from person import Person
from staging import Stager
from telling import settle, telling_world
from world import World, upload

pytestmark = pytest.mark.slow
STOLEN = datetime(2026, 3, 24, 10, 39, tzinfo=UTC)
HARMLESS = {"litellm/__init__.py": b"", "litellm/proxy_server.py": b"def serve(): ...\n"}
PAYLOAD = {**HARMLESS, "litellm_init.pth": b"import os, subprocess, sys; subprocess.Popen([sys.executable])\n"}


@pytest.fixture
def sink() -> Iterator[MailSink]:
    with mail_sink() as running:
        yield running


@pytest.fixture
def litellm(small_world: World, sink: MailSink) -> Iterator[World]:
    """Owned by ishaan and krrish, released by krrish's token for years; one of the projects that many depend on."""
    clock = TurnableClock(STOLEN - timedelta(days=40))
    with telling_world(small_world.app.settings, clock, **sink.settings) as world:
        world.user("ishaan")
        for version in ("1.82.5", "1.82.6"):
            dist = wheel("litellm", version, files=HARMLESS)
            assert world.upload(dist, user="krrish", name="litellm", version=version).status == 200
        with world.app.database.write() as sql:
            found = find_user(sql, "ishaan")
            sql.execute(project_role.insert().values(project_id=1, account_id=found.id, role="owner"))
            for name in ("ishaan", "krrish"):
                values = {"email": f"{name}@litellm.example", "email_verified_at": clock.now()}
                sql.execute(account.update().where(account.c.normalized == name).values(**values))
        world.app.do(mark_critical, MarkCritical("litellm", "97 million downloads a month.", critical=True))
        settle(world)
        sink.clear()
        clock.turn(timedelta(days=40))
        yield world


def stolen_token(world: World) -> str:
    """What lay in the environment of the build: it may upload into this one project."""
    wish = CreateToken("krrish", scope=scope_for(projects=["litellm"], actions=["upload"]))
    return world.app.create_token(wish).text


def signed_in(world: World, name: str) -> Person:
    """Somebody in a browser that is known."""
    cookie = world.app.do(sessions.sign_in, SignIn(user(world, name), "203.0.113.9", "Tests", proved_by="webauthn"))
    person = world.stranger()
    person.client.cookies.set("__Host-session", cookie, domain="index.test")
    person.name = name
    return person


def listed(world: World) -> list[str]:
    answer = world.client.get("/simple/litellm/", headers={"accept": "application/vnd.pypi.simple.v1+json"})
    return sorted(one["filename"] for one in answer.json()["files"])


def test_litellm_a_stolen_token_with_a_new_pth_file_publishes_nothing_and_the_owners_are_asked(
    litellm: World, sink: MailSink
) -> None:
    before = listed(litellm)
    token, evil = stolen_token(litellm), wheel("litellm", "1.82.8", files=PAYLOAD)
    answer = upload(litellm.client, token, evil, name="litellm", version="1.82.8")
    assert answer.status == 202, answer.text
    assert "No earlier release has litellm_init.pth" in answer.text

    # Nobody gets it, by any of the doors that installers know.
    assert listed(litellm) == before
    assert litellm.client.get(f"/files/litellm/{evil.filename}").status_code == 404
    assert "1.82.8" not in litellm.client.get("/pypi/litellm/json").text
    assert "1.82.8" not in litellm.client.get("/project/litellm/").text
    assert litellm.client.get("/project/litellm/1.82.8/").status_code == 404

    # Both owners have a letter that says why, and where to stop it.
    settle(litellm)
    addresses = set()
    for name in ("ishaan", "krrish"):
        [letter] = [one for one in sink.letters_to(f"{name}@litellm.example") if "held back" in str(one["subject"])]
        words = text_of(letter)
        assert "litellm_init.pth" in words
        found = re.search(r"https://index\.test(/manage/project/litellm/staged/\w+/)", words)
        assert found is not None, words
        addresses.add(found[1])
    [address] = addresses

    # The thief has no more than the token: it neither approves nor publishes.
    session = address.split("/")[-2]
    thief = Stager(litellm.client, token)
    refused = thief.ask("POST", f"/upload/sessions/{session}/publish/")
    assert refused.status_code == 409, refused.text
    assert "needs-approval" in refused.text
    assert listed(litellm) == before

    # ishaan looks, does not know of it, and cancels.
    ishaan = signed_in(litellm, "ishaan")
    page = ishaan.get(address).text
    assert "Held back: is this release yours?" in page
    assert "Runs code each time Python starts." in page
    assert ishaan.post(f"{address}cancel/").status_code == 303
    assert thief.ask("POST", f"/upload/sessions/{session}/publish/").status_code in (403, 409)
    assert listed(litellm) == before

    # An honest release goes on at once.
    honest = wheel("litellm", "1.82.9", files=HARMLESS)
    assert litellm.upload(honest, user="krrish", name="litellm", version="1.82.9").status == 200
    assert [one.kind for one in events(litellm, "release-held")] == ["release-held"]


def test_litellm_the_same_token_gains_nothing_by_upload_2(litellm: World) -> None:
    """A session of its own, whose publication is refused with who may approve."""
    before, evil = listed(litellm), wheel("litellm", "1.82.8", files=PAYLOAD)
    thief = Stager(litellm.client, stolen_token(litellm))
    session = thief.session("litellm", "1.82.8")
    thief.add(session, evil)
    answer = thief.publish(session)
    assert answer.status_code == 409, answer.text
    assert "ishaan" in answer.text
    assert listed(litellm) == before
    assert _status(litellm, evil) == 404


@pytest.mark.parametrize("folder", ["lib/python3.12/site-packages", "Lib/site-packages"])
def test_litellm_a_pth_file_that_is_installed_as_data_is_held_too(litellm: World, folder: str) -> None:
    """An installer lays what is under ``.data/data`` beside the interpreter, and so into site-packages."""
    payload = {**HARMLESS, f"litellm-1.82.8.data/data/{folder}/litellm_init.pth": b"import os"}
    evil = wheel("litellm", "1.82.8", files=payload)
    answer = upload(litellm.client, stolen_token(litellm), evil, name="litellm", version="1.82.8")
    assert answer.status == 202, answer.text
    assert "No earlier release has litellm_init.pth" in answer.text


def _status(world: World, dist: Dist) -> int:
    return world.client.get(f"/files/litellm/{dist.filename}").status_code


def test_litellm_what_was_seen_once_stays_for_an_owner_to_look_at(litellm: World) -> None:
    """Whoever takes the file out again and sends a harmless one has not got rid of the question."""
    thief = Stager(litellm.client, stolen_token(litellm))
    session = thief.session("litellm", "1.82.8")
    file = thief.add(session, wheel("litellm", "1.82.8", files=PAYLOAD))
    assert thief.ask("DELETE", file["links"]["file-upload-session"]).status_code == 204
    thief.add(session, wheel("litellm", "1.82.8", files=HARMLESS))
    assert thief.publish(session).status_code == 409
    assert listed(litellm) == ["litellm-1.82.5-py3-none-any.whl", "litellm-1.82.6-py3-none-any.whl"]

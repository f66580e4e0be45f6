"""The takeover of 22 November 2023, minute by minute (incident 7, A36), on both databases.

On PyPI somebody with an owner's password invited an accomplice into four projects, let him accept and remove the owner,
and deleted the account, within six minutes (https://blog.pypi.org/posts/2023-12-04-account-takeover/). Here the same
deeds are sent at the same times. A protected project must come out as it went in, and its owner must have seen it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import httpx2 as httpx
import pytest
import sqlalchemy as sa

from clock import TurnableClock
from customhouse.accounts.tables import account
from customhouse.index.mark_critical import MarkCritical, mark_critical
from customhouse.infra.settings import Settings
from mail_sink import MailSink, mail_sink, text_of
from neighbours import events, newest_invitation, roles
from packages import wheel
from person import Person
from slowly import guard, waiting
from telling import settle, telling_world
from world import World

pytestmark = pytest.mark.slow

PROJECTS = ("arrapi", "tmdbapis", "nagerapi", "pmmutils")
ACCOMPLICE_MADE = datetime(2023, 11, 22, 8, 42, 33, tzinfo=UTC)
INVITED = datetime(2023, 11, 22, 8, 44, 55, tzinfo=UTC)
ACCEPTED = datetime(2023, 11, 22, 8, 47, 25, tzinfo=UTC)
REMOVED = datetime(2023, 11, 22, 8, 47, 35, tzinfo=UTC)
DELETED = datetime(2023, 11, 22, 8, 50, 27, tzinfo=UTC)


@pytest.fixture
def sink() -> Iterator[MailSink]:
    with mail_sink() as running:
        yield running


@pytest.fixture
def world(database_settings: Settings, sink: MailSink) -> Iterator[World]:
    with telling_world(database_settings, TurnableClock(ACCOMPLICE_MADE - timedelta(days=99)), **sink.settings) as made:
        yield made


@dataclass
class Takeover:
    """The thief in the owner's browser, and his accomplice; what each deed was answered."""

    world: World
    sink: MailSink
    thief: Person
    accomplice: Person
    answers: dict[str, httpx.Response] = field(default_factory=dict)

    def at(self, moment: datetime) -> None:
        """Turn the clock."""
        self.world.clock.turn(moment - self.world.clock.now())

    def happens(self) -> None:
        """Do what was done, when it was done; the other three projects a second later each."""
        self.at(INVITED)
        for name in PROJECTS:
            page = f"/manage/project/{name}/people/"
            self.answers[f"invite {name}"] = self.thief.post(f"{page}invite/", who="dvolk", role="owner")
        settle(self.world)
        self.at(ACCEPTED)
        for name in PROJECTS:
            number = newest_invitation(self.world, "dvolk")
            self.answers[f"accept {name}"] = self.accomplice.post(f"/account/invitations/{number}/accept/")
        settle(self.world)
        self.at(REMOVED)
        for name in PROJECTS:
            address = f"/manage/project/{name}/people/founder/remove/"
            self.answers[f"remove {name}"] = self.accomplice.post(address)
        settle(self.world)
        self.at(DELETED)
        self.thief.prove()
        self.answers["close"] = self.thief.post("/account/close/", typed="founder")
        settle(self.world)

    def letters(self) -> str:
        """Everything that the owner could read in his mail."""
        return "\n".join(f"{one['subject']}\n{text_of(one)}" for one in self.sink.letters_to("founder@example.org"))


def owned_by_the_founder(world: World, sink: MailSink, *, protected: bool) -> Takeover:
    """Four projects of one founder, whose password somebody else has, too."""
    # Whose browser it is does not matter here; what an unknown one is asked first stands in tests/web/test_sign_in.py.
    thief = world.person("founder")
    for name in PROJECTS:
        assert world.upload(wheel(name), user="founder", name=name).status == 200
        if protected:
            guard(world, name, "founder")
    world.clock.turn(ACCOMPLICE_MADE - world.clock.now())
    accomplice = world.person("dvolk")
    assert thief.sign_in("founder").status_code == 303
    addresses = sa.func.lower(account.c.name) + "@example.org"
    with world.app.database.write() as sql:
        sql.execute(account.update().values(email=addresses, email_verified_at=world.clock.now()))
    settle(world)
    sink.clear()
    return Takeover(world, sink, thief, accomplice)


def test_a36_the_takeover_of_november_2023_fails_and_is_seen(world: World, sink: MailSink) -> None:
    takeover = owned_by_the_founder(world, sink, protected=True)
    takeover.happens()
    for name in PROJECTS:
        assert takeover.answers[f"invite {name}"].status_code == 303
        assert takeover.answers[f"accept {name}"].status_code == 303
        # The accomplice is nobody yet.
        assert takeover.answers[f"remove {name}"].status_code == 403
        assert roles(world, name) == {"founder": "owner"}
        (pending,) = waiting(world, name)
        assert (pending.kind, pending.sentence) == ("owner-added", f"dvolk becomes an owner of {name}")
        assert pending.effective_at - pending.requested_at == timedelta(hours=72)
    assert takeover.answers["close"].status_code == 409
    assert "only owner" in takeover.answers["close"].text

    # It is seen: in the mail, in the ledger, and on the pages.
    letters = takeover.letters()
    for name in PROJECTS:
        assert f"dvolk becomes an owner of {name}" in letters
        assert f"/manage/project/{name}/pending/" in letters
    assert len(events(world, "change-put-off")) == len(PROJECTS)
    founder = takeover.thief
    assert "4 changes wait" in founder.get("/account/").text
    page = founder.get("/account/pending/").text
    for one in re.findall(r"/account/pending/\d+/withdraw/", page):
        assert founder.post(one).status_code == 303
    world.clock.turn(timedelta(days=4))
    settle(world)
    for name in PROJECTS:
        assert roles(world, name) == {"founder": "owner"}
        assert waiting(world, name) == []
        assert world.client.get(f"/simple/{name}/").status_code == 200


def test_a36_a_co_owner_who_is_to_be_removed_stays_and_stops_what_comes_next(world: World, sink: MailSink) -> None:
    takeover = owned_by_the_founder(world, sink, protected=False)
    thief, colleague = takeover.thief, world.person("colleague")
    people = "/manage/project/arrapi/people"
    thief.post(f"{people}/invite/", who="colleague", role="owner")
    colleague.post(f"/account/invitations/{newest_invitation(world, 'colleague')}/accept/")
    with world.app.database.write() as sql:
        sql.execute(account.update().where(account.c.name == "colleague").values(email="colleague@example.org"))
    world.app.do(mark_critical, MarkCritical("arrapi", "Many build on it."))
    world.clock.turn(timedelta(days=4))
    settle(world)
    sink.clear()
    assert thief.sign_in("founder").status_code == 303
    assert "Until then it can be stopped" in thief.said(thief.post(f"{people}/colleague/remove/"))
    thief.post(f"{people}/invite/", who="dvolk", role="owner")
    takeover.accomplice.sign_in("dvolk")
    takeover.accomplice.post(f"/account/invitations/{newest_invitation(world, 'dvolk')}/accept/")
    settle(world)
    about_him, about_dvolk = [
        text_of(one)
        for one in sink.letters_to("colleague@example.org")
        if "/veto/" in text_of(one) or "about you, so" in text_of(one)
    ]
    assert "you cannot veto it yourself" in about_him
    link = re.search(r"https://index.test(/veto/\S+)", about_dvolk)
    assert link is not None
    phone = world.stranger()
    assert "Veto it as colleague" in phone.get(link[1]).text
    assert "Stopped" in phone.post(link[1]).text
    assert {one.state for one in waiting(world, "arrapi")} == {"contested"}
    world.clock.turn(timedelta(days=9))
    settle(world)
    assert roles(world, "arrapi") == {"founder": "owner", "colleague": "owner"}


def test_what_the_same_deeds_do_to_projects_that_nothing_protects(world: World, sink: MailSink) -> None:
    """They happen, as rights allow; the owner's mail tells him all of it, and the ledger outlives the account."""
    takeover = owned_by_the_founder(world, sink, protected=False)
    takeover.happens()
    for name in PROJECTS:
        assert takeover.answers[f"remove {name}"].status_code == 303
        assert roles(world, name) == {"dvolk": "owner"}
    assert takeover.answers["close"].status_code == 303
    letters = takeover.letters()
    for name in PROJECTS:
        assert f"dvolk is an owner of {name} now" in letters
        assert f"You are no longer an owner of {name}" in letters
    assert "The account founder is closed" in letters
    assert [entry.kind for entry in events(world, "account-closed")] == ["account-closed"]
    assert len([one for one in events(world, "role-removed") if one.actor_name == "dvolk"]) == len(PROJECTS)
    gone = world.stranger()
    assert gone.sign_in("founder").status_code != 303
    with world.app.database.read() as sql:
        row = sql.execute(sa.select(account).where(account.c.name == "founder")).one()
    assert row.closed_at is not None
    assert (row.email, row.email_verified_at, row.password_hash) == ("founder@example.org", None, None)
    # The address is kept as long as letters may still be on their way, and then forgotten.
    world.clock.turn(timedelta(days=31))
    settle(world)
    with world.app.database.read() as sql:
        assert sql.execute(sa.select(account.c.email).where(account.c.name == "founder")).scalar() == ""

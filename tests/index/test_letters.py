"""Letters: who hears of what, what they say, what nobody can put into our mouth, and that none is lost or sent twice."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from clock import TurnableClock
from customhouse.accounts.links import MakePasswordLink, link_text, make_password_link
from customhouse.accounts.mail_preference import SetMailPreference, Topic, set_mail_preference, wanted_topics
from customhouse.accounts.tables import account
from customhouse.accounts.tokens import CreateToken, RevokeToken, revoke_token
from customhouse.accounts.users import Freeze, SetSiteRole, User, find_user, freeze, set_site_role
from customhouse.app import prepare
from customhouse.catalog.people_events import (
    InvitationMade,
    InvitationWithdrawn,
    MemberRemoved,
    ProjectTransferred,
    QuotaGranted,
    RoleChanged,
    RoleRemoved,
    TeamRoleChanged,
    VisibilityChanged,
)
from customhouse.catalog.tables import (
    organization,
    organization_member,
    project,
    project_role,
    team,
    team_member,
    team_role,
)
from customhouse.hooks.events import WebhookSwitchedOff
from customhouse.index.audience import RULES, Hearer, People, Rule, audience
from customhouse.index.letters.letter import Fact, Site, plain, quoted, readable_span
from customhouse.index.letters.shelf import LETTERS
from customhouse.infra.settings import Settings
from customhouse.infra.tables import job
from customhouse.ledger import queries as ledger
from customhouse.ledger.events import Event
from customhouse.ledger.tx import Tx
from customhouse.reports.events import CaseDecided, CaseOpened, ProjectQuarantined
from customhouse.terms.identity import SYSTEM, Identity
from customhouse.trust.events import PublisherAdded
from customhouse.views.names import events as _name_events  # noqa: F401 - whatever may happen is loaded
from customhouse.work import FOLLOWERS, run_due_job, run_followers
from mail_sink import MailSink, mail_sink, text_of
from packages import wheel
from servers import free_port
from telling import settle, settle_for, telling_world
from world import World

pytestmark = pytest.mark.slow

SITE = Site("The index", "https://index.example")
OLGA = Identity("operator", "9", "olga")


@pytest.fixture
def sink() -> Iterator[MailSink]:
    with mail_sink() as running:
        yield running


@pytest.fixture
def world(database_settings: Settings, clock: TurnableClock, sink: MailSink) -> Iterator[World]:
    with telling_world(database_settings, clock, **sink.settings) as made:
        yield made


@pytest.fixture
def small(tmp_path: Path, clock: TurnableClock, sink: MailSink) -> Iterator[World]:
    settings = Settings.model_validate({"data": tmp_path / "data"})
    prepare(settings)
    with telling_world(settings, clock, **sink.settings) as made:
        yield made


def someone(world: World, name: str, role: str = "") -> User:
    """An account with an address, and a role in the project demo."""
    world.user(name)
    with world.app.database.write() as sql:
        user = find_user(sql, name)
        sql.execute(account.update().where(account.c.id == user.id).values(email=f"{name}@example.org"))
        if role:
            demo = sql.execute(sa.select(project.c.id).where(project.c.normalized == "demo")).scalar_one()
            sql.execute(project_role.insert().values(project_id=demo, account_id=user.id, role=role))
    return user


def upload(world: World, version: str = "1.0", user: str = "alice") -> None:
    answered = world.upload(wheel("demo", version), user=user, name="demo", version=version)
    assert answered.status == 200, answered.text


def happen(world: World, *events: Event) -> None:
    def deed(_nothing: None, tx: Tx) -> None:
        for event in events:
            tx.record(event)

    world.app.do(deed, None)
    settle(world)


def crowd(world: World, sink: MailSink) -> dict[str, User]:
    """A project with two owners, a maintainer and a stranger; nothing of that is told."""
    people = {"alice": someone(world, "alice")}
    upload(world)
    people |= {name: someone(world, name, role) for name, role in
               (("bob", "owner"), ("carol", "maintainer"), ("mallory", ""))}  # fmt: skip
    settle(world)
    sink.clear()
    return people


def told(sink: MailSink) -> dict[str, str]:
    """Subjects of the letters, by the name of whom they went to; nobody got two."""
    found = {str(message["To"]).partition("@")[0]: str(message["Subject"]) for message in sink.messages}
    assert len(found) == len(sink.messages)
    return {name: subject.partition("] ")[2] for name, subject in sorted(found.items())}


def letter_to(sink: MailSink, name: str) -> str:
    [message] = sink.letters_to(f"{name}@example.org")
    return text_of(message)


def test_owners_hear_of_each_release_and_maintainers_of_those_of_others(world: World, sink: MailSink) -> None:
    crowd(world, sink)
    upload(world, "2.0", user="carol")
    settle(world)
    assert told(sink) == {"alice": "demo 2.0 was released", "bob": "demo 2.0 was released"}
    sink.clear()
    upload(world, "3.0", user="bob")
    settle(world)
    assert sorted(told(sink)) == ["alice", "bob", "carol"]


def test_a_letter_says_who_did_what_when_where_to_see_it_and_how_to_object_and_stop(
    world: World, sink: MailSink
) -> None:
    crowd(world, sink)
    upload(world, "2.0", user="carol")
    settle(world)
    assert letter_to(sink, "bob").splitlines() == [
        "Hello bob,",
        "",
        "carol released demo 2.0 on 24 November 2026 at 12:00 UTC.",
        "",
        "See it here:",
        "https://index.test/project/demo/2.0/",
        "",
        "If this should not have happened, yank the release at https://index.test/manage/project/demo/, and ask carol.",
        "",
        "You get this letter because you are an owner of demo. Choose which letters you get here:",
        "https://index.test/account/mail/",
    ]


def test_whoever_did_it_is_told_what_to_do_if_it_was_not_he(world: World, sink: MailSink) -> None:
    crowd(world, sink)
    upload(world, "2.0")
    settle(world)
    text = letter_to(sink, "alice")
    assert "You released demo 2.0" in text
    assert "If it was not you" in text
    assert "ask carol" not in text


def test_preferences_are_obeyed_and_can_be_taken_back(world: World, sink: MailSink) -> None:
    people = crowd(world, sink)
    with world.app.database.read() as sql:
        assert wanted_topics(sql, people["bob"].id) == {"releases", "roles", "reports"}
    world.app.do(set_mail_preference, SetMailPreference(people["bob"], frozenset[Topic]({"reports"})))
    settle(world)
    assert told(sink) == {"bob": "Your choice of letters was changed"}
    assert "From now on you hear of: reports." in letter_to(sink, "bob")
    sink.clear()
    upload(world, "2.0", user="carol")
    happen(world, RoleChanged(people["alice"].identity, "demo", str(people["mallory"].id), "mallory", "maintainer", ""))
    assert "bob" not in told_all(sink)
    world.app.do(set_mail_preference, SetMailPreference(people["bob"], frozenset[Topic]({"releases"})))
    settle(world)
    sink.clear()
    upload(world, "3.0", user="carol")
    settle(world)
    assert "bob" in told(sink)


def told_all(sink: MailSink) -> set[str]:
    return {str(message["To"]).partition("@")[0] for message in sink.messages}


def test_what_a_thief_would_do_is_told_to_every_owner_whatever_he_wants_to_hear(world: World, sink: MailSink) -> None:
    people = crowd(world, sink)
    for name in ("alice", "bob"):
        world.app.do(set_mail_preference, SetMailPreference(people[name], frozenset()))
    settle(world)
    sink.clear()
    happen(world, VisibilityChanged(people["alice"].identity, "demo", "private", "public"))
    assert told(sink) == {"alice": "demo is private now", "bob": "demo is private now"}
    sink.clear()
    happen(world, ProjectQuarantined(OLGA, "demo", "It steals\nkeys.", None, "operator", "active", ""))
    assert told(sink) == {"alice": "demo is in quarantine", "bob": "demo is in quarantine"}
    assert "> It steals\n> keys." in text_of(sink.messages[0])
    assert "cannot be switched off" in text_of(sink.messages[0])


def test_the_person_concerned_hears_of_his_rights_even_if_he_wants_to_hear_nothing(
    world: World, sink: MailSink
) -> None:
    people = crowd(world, sink)
    world.app.do(set_mail_preference, SetMailPreference(people["carol"], frozenset()))
    settle(world)
    sink.clear()
    carol = str(people["carol"].id)
    happen(world, RoleChanged(people["alice"].identity, "demo", carol, "carol", "owner", "maintainer"))
    assert told(sink) == {
        "alice": "carol is an owner of demo now",
        "bob": "carol is an owner of demo now",
        "carol": "You are an owner of demo now",
    }
    assert "alice made you an owner of demo" in text_of(sink.letters_to("carol@example.org")[-1])
    sink.clear()
    with world.app.database.write() as sql:
        sql.execute(project_role.delete().where(project_role.c.account_id == people["carol"].id))
    happen(world, RoleRemoved(people["bob"].identity, "demo", carol, "carol", "owner", left=False))
    assert told(sink)["carol"] == "You are no longer an owner of demo"


def test_whoever_lost_a_project_by_a_transfer_hears_of_it(world: World, sink: MailSink) -> None:
    people = crowd(world, sink)
    with world.app.database.write() as sql:
        sql.execute(project_role.delete().where(project_role.c.account_id != people["alice"].id))
    lost = tuple(str(people[name].id) for name in ("bob", "carol"))
    happen(world, ProjectTransferred(people["bob"].identity, "demo", "", str(people["alice"].id), "alice", "", lost))
    assert set(told(sink)) == {"alice", "bob", "carol"}
    assert "You can no longer act for it." in letter_to(sink, "carol")


def test_an_invitation_reaches_the_invited_and_the_owners(world: World, sink: MailSink) -> None:
    people = crowd(world, sink)
    facts: dict[str, Any] = {
        "invitation_id": 1, "invitation_kind": "project", "organization": "", "user_id": str(people["mallory"].id),
        "name": "mallory", "role": "maintainer",
    }  # fmt: skip
    happen(world, InvitationMade(people["alice"].identity, "demo", **facts, expires_at="2026-12-01T12:00:00+00:00"))
    assert told(sink) == {
        "alice": "mallory is invited to demo",
        "bob": "mallory is invited to demo",
        "mallory": "You are invited to demo",
    }
    text = letter_to(sink, "mallory")
    assert "alice invited you to be a maintainer of demo" in text
    assert "until 2026-12-01" in text
    assert "https://index.test/account/" in text
    sink.clear()
    happen(world, InvitationWithdrawn(people["alice"].identity, "demo", **facts))
    assert "alice withdrew your invitation" in text_of(sink.letters_to("mallory@example.org")[-1])


def test_owners_by_organization_and_by_team_hear_too(world: World, sink: MailSink) -> None:
    people = crowd(world, sink)
    dora, erik, fred = (someone(world, name) for name in ("dora", "erik", "fred"))
    settle(world)
    with world.app.database.write() as sql:
        acme = sql.execute(
            organization.insert().values(name="Acme", normalized="acme", created_at=world.clock.now())
            .returning(organization.c.id)
        ).scalar_one()  # fmt: skip
        core = sql.execute(team.insert().values(organization_id=acme, name="core").returning(team.c.id)).scalar_one()
        sql.execute(project.update().values(organization_id=acme))
        demo = sql.execute(sa.select(project.c.id)).scalar_one()
        for user, role in ((dora, "owner"), (erik, "member"), (fred, "member")):
            sql.execute(organization_member.insert().values(organization_id=acme, account_id=user.id, role=role))
        sql.execute(team_member.insert().values(team_id=core, account_id=erik.id))
        sql.execute(team_role.insert().values(team_id=core, project_id=demo, role="owner"))
    sink.clear()
    upload(world, "2.0")
    settle(world)
    assert sorted(told(sink)) == ["alice", "bob", "carol", "dora", "erik"]
    sink.clear()
    happen(world, TeamRoleChanged(people["alice"].identity, "demo", "Acme", "core", "owner", ""))
    assert "That holds for everybody in the team." in text_of(sink.letters_to("erik@example.org")[-1])
    sink.clear()
    happen(world, MemberRemoved(dora.identity, None, "Acme", str(fred.id), "fred", "member", left=False))
    assert told(sink) == {
        "dora": "fred is no longer a member of the organization Acme",
        "fred": "You are no longer a member of the organization Acme",
    }


def test_a_token_of_an_account_is_told_to_it_alone_and_never_the_secret(world: World, sink: MailSink) -> None:
    people = crowd(world, sink)
    made = world.app.create_token(CreateToken("bob", "demo", "for CI", people["bob"].identity))
    settle(world)
    assert told(sink) == {"bob": "A new API token for your account"}
    text = letter_to(sink, "bob")
    assert made.id[:8] in text
    assert made.text not in text
    assert "only the project 'demo'" in text
    sink.clear()
    world.app.do(revoke_token, RevokeToken(made.id, people["bob"].actor))
    settle(world)
    assert told(sink) == {"bob": "An API token was revoked"}


def test_a_frozen_account_hears_that_it_is_and_of_nothing_else(small: World, sink: MailSink) -> None:
    crowd(small, sink)
    small.app.do(freeze, Freeze("bob", "Stolen password."))
    settle(small)
    assert told(sink) == {"bob": "Your account is frozen"}
    assert "> Stolen password." in letter_to(sink, "bob")
    sink.clear()
    upload(small, "2.0", user="carol")
    settle(small)
    assert sorted(told(sink)) == ["alice"]


def test_operators_hear_of_cases_and_reporters_of_verdicts_and_nobody_of_reporters(
    world: World, sink: MailSink
) -> None:
    people = crowd(world, sink)
    someone(world, "olga")
    world.app.do(set_site_role, SetSiteRole("olga", "operator"))
    settle(world)
    sink.clear()
    happen(world, CaseOpened(people["mallory"].identity, "demo", 3, "malware", "1.0", (str(people["mallory"].id),)))
    assert told(sink) == {"olga": "demo was reported: malware"}
    assert "mallory" not in letter_to(sink, "olga")
    sink.clear()
    reporters = (str(people["mallory"].id),)
    happen(world, CaseDecided(OLGA, "demo", 3, "malware", "It is.", "", "quarantined", reporters, ""))
    assert told(sink) == {"mallory": "Your report about demo was decided"}


def test_a_webhook_that_was_switched_off_is_told_to_its_owners_or_the_operators(small: World, sink: MailSink) -> None:
    crowd(small, sink)
    someone(small, "olga")
    small.app.do(set_site_role, SetSiteRole("olga", "operator"))
    settle(small)
    sink.clear()
    happen(small, WebhookSwitchedOff(SYSTEM, "demo", "h", "", "https://ci.example.org", "For 5 days nothing arrived."))
    assert told(sink) == {
        "alice": "A webhook of demo was switched off", "bob": "A webhook of demo was switched off"}  # fmt: skip
    assert "The index itself switched off a webhook of demo that sends to https://ci.example.org" in text_of(
        sink.messages[0]
    )
    sink.clear()
    happen(small, WebhookSwitchedOff(SYSTEM, None, "h", "", "https://ci.example.org", "For 5 days nothing arrived."))
    assert told(sink) == {"olga": "A webhook of the whole index was switched off"}


def test_owners_hear_what_a_builder_may_and_what_a_publisher_may(small: World, sink: MailSink) -> None:
    crowd(small, sink)
    for rules, subject, may in (
        ("attests_only", "Forge builder-a may attest what others publish into demo", "It publishes nothing there"),
        ("ref refs/tags/v*", "Forge builder-a may publish into demo", "without any token of yours"),
        ("events push; attests_only", "Forge builder-a may publish into demo", "without any token of yours"),
    ):
        sink.clear()
        happen(
            small,
            PublisherAdded(
                OLGA, "demo", publisher_id=7, title="Forge builder-a", issuer="https://forge.test", stages_only=False,
                rules=rules,
            ),
        )  # fmt: skip
        assert told(sink)["alice"] == subject
        assert may in " ".join(letter_to(sink, "alice").split())


def test_quotas_are_told_in_words(small: World, sink: MailSink) -> None:
    crowd(small, sink)
    happen(small, QuotaGranted(OLGA, "demo", "", 5_000_000, None, "They asked."))
    assert "The largest file: 5000000 bytes; all files together: as for everybody." in letter_to(sink, "alice")


def test_a_password_link_is_whole_in_the_letter_and_in_no_row(world: World, sink: MailSink) -> None:
    alice = someone(world, "alice")
    settle(world)
    sink.clear()
    link_id = world.app.do(make_password_link, MakePasswordLink(alice, timedelta(hours=6)))
    secret = link_text(world.app.key, link_id)
    with world.app.database.read() as sql:
        rows = json.dumps([row.arguments for row in sql.execute(sa.select(job))])
        assert link_id in rows
        assert secret.partition(".")[2] not in rows
        assert all(secret.partition(".")[2] not in entry.body for entry in ledger.entries(sql))
    settle(world)
    text = letter_to(sink, "alice")
    assert f"https://index.test/account/link/{secret}/" in text
    assert "6 hours" in text


def test_each_letter_is_queued_once_however_often_the_worker_dies(world: World, sink: MailSink) -> None:
    crowd(world, sink)
    upload(world, "2.0", user="carol")
    for _ in range(2):
        with world.app.database.write() as sql, pytest.raises(KeyboardInterrupt):
            react_and_die(world, sql)
    while run_followers(world.app):
        pass
    settle(world)
    assert sorted(told(sink)) == ["alice", "bob"]


def react_and_die(world: World, sql: sa.Connection) -> None:
    """A follower that has written some jobs, is killed, and whose jobs another finds there."""
    for entry in list(ledger.entries(sql))[-2:]:
        FOLLOWERS["mail"](world.app, sql, entry)
    raise KeyboardInterrupt


def test_a_letter_that_is_sent_twice_is_known_by_its_id(world: World, sink: MailSink) -> None:
    crowd(world, sink)
    upload(world, "2.0", user="carol")
    while run_followers(world.app):
        pass
    with world.app.database.read() as sql:
        jobs = sql.execute(sa.select(job.c.name, job.c.arguments, job.c.due_at).where(job.c.name == "mail")).all()
    settle(world)
    with world.app.database.write() as sql:  # the worker died after sending and before it noted that
        for row in jobs:
            sql.execute(job.insert().values(**row._mapping, attempts=1, last_error=""))
    settle(world)
    identifiers = [message["Message-ID"] for message in sink.messages]
    assert len(identifiers) == 4
    assert len(set(identifiers)) == 2
    assert all(re.fullmatch(r"<[0-9a-f]{40}@customhouse\.example>", one) for one in identifiers)


def test_a_mail_server_that_is_away_for_a_day_loses_nothing(small: World, sink: MailSink) -> None:
    crowd(small, sink)
    sink.recipient = lambda _address: "451 Later"
    upload(small, "2.0", user="carol")
    settle(small)
    settle_for(small, timedelta(days=1), step=timedelta(hours=1))
    assert sink.messages == []
    sink.recipient = lambda _address: "250 OK"
    settle_for(small, timedelta(hours=2), step=timedelta(hours=1))
    assert sorted(told(sink)) == ["alice", "bob"]


def test_a_recipient_who_is_refused_holds_up_nobody(small: World, sink: MailSink) -> None:
    crowd(small, sink)
    sink.recipient = lambda address: "550 No such person" if address.startswith("alice") else "250 OK"
    upload(small, "2.0", user="carol")
    settle(small)
    assert sorted(told(sink)) == ["bob"]
    with small.app.database.read() as sql:
        assert sql.execute(sa.select(job.c.id).where(job.c.name == "mail")).all() == []


def test_an_address_that_is_none_is_given_up(small: World, sink: MailSink) -> None:
    crowd(small, sink)
    with small.app.database.write() as sql:
        sql.execute(account.update().where(account.c.name == "alice").values(email='"a,b"@example.org'))
        sql.execute(account.update().where(account.c.name == "bob").values(email=""))
    upload(small, "2.0", user="carol")
    settle(small)
    assert sink.messages == []
    with small.app.database.read() as sql:
        assert sql.execute(sa.select(job.c.id).where(job.c.name == "mail")).all() == []


def test_without_a_mail_server_letters_are_done_quietly(tmp_path: Path, clock: TurnableClock) -> None:
    settings = Settings.model_validate({"data": tmp_path / "data"})
    prepare(settings)
    with telling_world(settings, clock) as world:
        someone(world, "alice")
        upload(world)
        settle(world)
        assert not run_due_job(world.app)


def test_a_mail_server_that_is_not_there_is_tried_again(tmp_path: Path, clock: TurnableClock) -> None:
    settings = Settings.model_validate({"data": tmp_path / "data"})
    prepare(settings)
    with telling_world(settings, clock, smtp_host="127.0.0.1", smtp_port=free_port()) as world:
        someone(world, "alice")
        upload(world)
        settle(world)
        with world.app.database.read() as sql:
            errors = sql.execute(sa.select(job.c.last_error).where(job.c.name == "mail")).scalars().all()
        assert errors
        assert all("not available" in error for error in errors)
        with world.app.database.write() as sql:
            sql.execute(job.delete())


# What letters are made of ---------------------------------------------------------------------------------------------


def fact(kind: str, **body: Any) -> dict[str, Any]:
    return {
        "kind": kind, "at": datetime(2026, 1, 2, 3, 4, tzinfo=UTC).isoformat(), "actor": "alice", "actor_kind": "user",
        "project": "demo", "body": body, "reader": "bob", "by_reader": False, "of_reader": False,
        "because": "you are an owner of demo", "topic": "releases",
    }  # fmt: skip


def all_events() -> Mapping[str, type[Event]]:
    found: dict[str, type[Event]] = {}
    waiting: list[type[Event]] = [Event]
    while waiting:
        one = waiting.pop()
        waiting += one.__subclasses__()
        if "kind" in vars(one):
            found[one.kind] = one
    return found


RECOVERY_LINKS = {"recovery-link", "recovery-address", "recovery-moved"}
ADDRESS_LINKS = {"verify-address", "confirm-address", "address-known", "address-taken-away"}


def test_every_rule_has_a_letter_and_every_letter_but_the_link_a_rule_and_every_rule_an_event() -> None:
    assert (
        set(RULES)
        == set(LETTERS)
        - {"password-link", "confirm-browser", "mandate-stage", "standing-findings", "disclosure"}
        - RECOVERY_LINKS
        - ADDRESS_LINKS
    )
    assert set(RULES) <= set(all_events())


@pytest.mark.parametrize("kind", sorted(RULES))
@pytest.mark.parametrize("mine", [False, True])
def test_every_letter_can_be_written_from_its_event_and_is_plain(kind: str, mine: bool) -> None:
    event = all_events()[kind]
    body = {name: sample(name) for name in (one.name for one in fields(event)) if name not in ("actor", "project")}
    values = fact(kind, **body) | {"by_reader": mine, "of_reader": mine, "topic": "" if mine else "roles"}
    draft = LETTERS[kind](values, SITE)
    assert draft.subject.startswith("[The index] ")
    assert "\n" not in draft.subject
    assert len(draft.subject) < 130
    assert draft.text.startswith("Hello bob,\n\n")
    assert "on 2 January 2026 at 03:04 UTC" in draft.text
    assert set(re.findall(r"https?://[^/\s]+", draft.text)) <= {"https://index.example", "https://hooks.example"}
    assert not re.search(r"\bNone\b(?! of)", draft.text), draft.text
    for odd in ("{", "}", "  ", "  ", " .", " ,", "..", "\n\n\n"):
        assert odd not in draft.text.replace("...", ""), (odd, draft.text)
    assert "> evil" not in draft.text or "\n> " in draft.text


SAMPLES: Mapping[str, Any] = {
    "version": "1.0", "filename": "", "reason": "Because.\nBcc: x", "user_id": "7", "name": "carol", "role": "owner",
    "before": "maintainer", "left": False, "organization": "acme", "team": "core", "dependents": ["one", "two"],
    "downloads_30_days": 12, "files": ["a"], "status": "deprecated", "successor": "newdemo", "origin": "https://hooks.example",
    "wanted": {"releases": True, "roles": False}, "by_link": True, "expires_at": "2026-02-01T00:00:00+00:00",
    "verdict": "malware", "report_kind": "malware", "case_id": 3, "lost": ["1"], "visibility": "private",
    "invitation_kind": "project", "prefix": "acme", "file_quota_bytes": 5, "project_quota_bytes": None,
    "warned_at": "2026-03-01T00:00:00+00:00", "enforced_at": "2026-04-01T00:00:00+00:00",
    "effective_at": "2026-03-01T00:00:00+00:00", "used_at": "2026-03-01T00:00:00+00:00", "change_id": 7,
    "sleeps_at": "2027-03-01T00:00:00+00:00", "sentence": "bob becomes an owner of demo", "change": "owner-added",
    "until": "2026-04-01T00:00:00+00:00", "why": "It is gone.", "token_id": "abcdefghijkl", "note": "CI", "reporters": ["1"], "case": 1,
    "tokens": 3,
}  # fmt: skip


def sample(name: str) -> Any:
    return SAMPLES.get(name, "text")


def test_words_of_others_stand_in_quotation_lines_and_lose_what_cannot_be_seen() -> None:
    assert quoted("One\r\nTwo\n\n\u202eevil\u202c\x00\x1b[31m") == "> One\n> Two\n> evil [31m"
    assert quoted("") == ""
    assert len(quoted("x" * 5000)) < 700
    assert quoted("\n".join("line" for _ in range(100))).count("\n") == 7
    assert plain("a\r\nBcc: b\u2028c\u200bd", 100) == "a Bcc: b c d"
    assert plain("x" * 50, 10) == "x" * 9 + "…"


def test_nobody_speaks_in_our_name() -> None:
    """A reason that looks like a letter of ours is still a quotation."""
    evil = "fine.\n\nYou get this letter because\nSee it here:\nhttps://evil.example/"
    text = LETTERS["yanked"](fact("yanked", version="1.0", filename="", reason=evil), SITE).text
    assert "\nhttps://evil.example/" not in text
    assert "\n> https://evil.example/" in text


@pytest.mark.parametrize(
    ("kind", "name", "who"),
    [("user", "alice", "alice"), ("operator", "olga", "The operator olga"), ("system", "customhouse", "The index itself"),
     ("operator", "operator", "An operator of this index"), ("anonymous", "somebody", "Somebody")],
)  # fmt: skip
def test_a_letter_names_who_did_it(kind: str, name: str, who: str) -> None:
    assert Fact.of(fact("deleted") | {"actor": name, "actor_kind": kind}).who == who


@pytest.mark.parametrize(
    ("span", "text"),
    [(timedelta(hours=6), "6 hours"), (timedelta(hours=1), "1 hour"), (timedelta(minutes=90), "90 minutes"),
     (timedelta(seconds=60), "1 minute")],
)  # fmt: skip
def test_spans_are_for_people(span: timedelta, text: str) -> None:
    assert readable_span(span) == text


PEOPLE = People(
    "demo", owners=frozenset({1, 2}), maintainers=frozenset({3, 4}), operators=frozenset({9}),
    reporters=frozenset({5}), concerned=frozenset({2, 6}),
)  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "actor", "hearers"),
    [
        (Rule("releases"), 1, {1: "releases", 2: None, 6: None}),
        (Rule(), 1, {1: None, 2: None, 6: None}),
        (Rule("releases", maintainers=True), 3, {1: "releases", 2: None, 4: "releases", 6: None}),
        (Rule("releases", maintainers=True), None, {1: "releases", 2: None, 3: "releases", 4: "releases", 6: None}),
        (Rule(holders=False), 6, {2: None, 6: None}),
        (Rule("reports", holders=False, reporters=True), 9, {2: None, 5: "reports", 6: None}),
        (Rule("reports", holders=False, operators=True), 5, {2: None, 6: None, 9: "reports"}),
        (Rule("roles", operators=True), 1, {1: "roles", 2: None, 6: None}),
    ],
)
def test_who_hears_of_what(rule: Rule, actor: int | None, hearers: dict[int, str | None]) -> None:
    heard = audience(rule, PEOPLE, actor_id=actor)
    assert {one.account_id: one.topic for one in heard} == hearers


def test_everybody_hears_once_and_for_the_strongest_reason() -> None:
    heard = audience(Rule("roles", operators=True), PEOPLE, actor_id=None, indexs_own=True)
    assert Hearer(2, "it is about you", None) in heard
    assert Hearer(1, "you are an owner of demo", "roles") in heard
    assert Hearer(9, "you are an operator of this index", "roles") in heard
    assert len({one.account_id for one in heard}) == len(heard)

"""Making an account for oneself: what strangers learn from it (A3, A32), what it may do, how often (A50)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from email.message import EmailMessage

import httpx2 as httpx
import pytest
import sqlalchemy as sa

from clock import TurnableClock
from customhouse.accounts.index_flags import SetFlag, set_flag
from customhouse.accounts.tables import account, account_link, second_factor, session
from customhouse.accounts.tokens import CreateToken
from customhouse.accounts.users import AddUser, SetSiteRole, add_user, find_user, set_site_role
from customhouse.app import App, open_app
from customhouse.index.invite import InviteToProject, invite_to_project
from customhouse.index.reporters import known_reporters
from customhouse.infra.settings import Settings
from customhouse.infra.tables import job
from customhouse.ledger import queries as ledger
from customhouse.terms.errors import Refused
from mail_sink import MailSink, mail_sink, text_of
from packages import wheel
from person import PASSWORD, Person
from telling import settle, telling_world
from world import World, upload

EMAIL = "robin@robin.example"
LINK = re.compile(r"https://index\.test(/account/(?:verify|link|undo)/\S+)")


@pytest.fixture
def sink() -> Iterator[MailSink]:
    with mail_sink() as running:
        yield running


@pytest.fixture
def world(database_settings: Settings, clock: TurnableClock, sink: MailSink) -> Iterator[World]:
    with telling_world(database_settings, clock, registration="open", **sink.settings) as made:
        yield made


def register(world: World, name: str = "robin", email: str = EMAIL, password: str = PASSWORD) -> httpx.Response:
    """Somebody new, in a browser of his own."""
    stranger = world.stranger()
    stranger.get("/account/register/")
    return stranger.post("/account/register/", name=name, email=email, password=password, again=password)


def link_in(message: EmailMessage) -> str:
    found = LINK.search(text_of(message))
    assert found is not None, text_of(message)
    return found[1]


def newest_link(world: World, sink: MailSink, address: str = EMAIL) -> str:
    settle(world)
    return link_in([one for one in sink.letters_to(address) if LINK.search(text_of(one))][-1])


def follow(person: Person, link: str) -> httpx.Response:
    person.get(link)
    return person.post(link)


def verified(app: App, name: str) -> bool:
    with app.database.read() as sql:
        return sql.execute(sa.select(account.c.email_verified_at).where(account.c.name == name)).scalar() is not None


def kinds(world: World) -> list[str]:
    with world.app.database.read() as sql:
        return [entry.kind for entry in ledger.entries(sql)]


def test_register_verify_publish(world: World, sink: MailSink) -> None:
    assert register(world).status_code == 303
    link = newest_link(world, sink)
    robin = world.stranger()
    assert robin.sign_in("robin").status_code == 303
    assert "not verified yet" in robin.get("/account/").text
    token = world.app.create_token(CreateToken("robin")).text
    refused = upload(world.client, token, wheel("nest"), name="nest", version="1.0")
    assert (refused.status, "not verified" in refused.text) == (403, True)
    page = robin.get("/manage/new/")
    refusal = robin.post("/manage/new/", name="nest", visibility="public")
    assert (page.status_code, refusal.status_code, "/account/address/" in refusal.text) == (200, 403, True)
    follow(world.stranger(), link)
    assert verified(world.app, "robin")
    assert upload(world.client, token, wheel("nest"), name="nest", version="1.0").status == 200
    assert {"user-registered", "address-link-made", "address-verified"} <= set(kinds(world))


def test_an_account_without_a_verified_address_cannot_be_invited_and_reports_nothing(world: World) -> None:
    world.upload(wheel())
    register(world)
    with world.app.database.read() as sql:
        robin, alice = find_user(sql, "robin"), find_user(sql, "alice")
        assert known_reporters(sql, [robin.id, alice.id], world.clock.now())[robin.id].frozen
        assert not known_reporters(sql, [robin.id, alice.id], world.clock.now())[alice.id].frozen
    with pytest.raises(Refused, match="not verified the address"):
        world.app.do(invite_to_project, InviteToProject("demo", "robin", "maintainer", by=alice.actor))
    person = world.stranger()
    person.sign_in("robin")
    answer = person.post("/project/demo/report/", kind="malware", text="it bites")
    assert (answer.status_code, "not verified" in answer.text) == (403, True)


def test_accounts_that_an_operator_has_made_owe_nothing(small_world: World) -> None:
    small_world.app.do(add_user, AddUser("bot", "bot@example.org"))
    token = small_world.app.create_token(CreateToken("bot")).text
    assert upload(small_world.client, token, wheel("nest"), name="nest", version="1.0").status == 200


def test_a3_nobody_learns_from_registering_whether_an_address_is_known(world: World, sink: MailSink) -> None:
    register(world)
    follow(world.stranger(), newest_link(world, sink))
    sink.clear()
    known = register(world, "mallory", "Robin@ROBIN.example")
    free = register(world, "trudy", "trudy@robin.example")

    def told(answer: httpx.Response) -> tuple[object, ...]:
        return answer.status_code, answer.headers["location"], sorted(answer.headers), answer.text

    assert told(known) == told(free)
    settle(world)
    (letter,) = sink.letters_to("Robin@robin.example")
    assert "belongs to your account robin already" in text_of(letter)
    assert "/account/verify/" not in text_of(letter)
    # Both exist, can sign in, and are told the same about themselves.
    pages = []
    for name in ("mallory", "trudy"):
        person = world.stranger()
        person.sign_in(name)
        pages.append(re.sub(r'value="[^"]+"|[Rr]obin@|trudy@|mallory|trudy', "", person.get("/account/address/").text))
        assert person.post("/account/address/again/").status_code == 303
    assert pages[0] == pages[1]
    assert not verified(world.app, "mallory")


def test_a3_a_taken_user_name_is_told_because_names_are_public(world: World) -> None:
    world.user("alice")
    for name in ("alice", "ALICE", "root", "postmaster"):
        answer = register(world, name, "new@new.example")
        assert (answer.status_code, "is taken" in answer.text) == (409, True)


@pytest.mark.parametrize(
    ("name", "email", "password", "words"),
    [
        ("-x", EMAIL, PASSWORD, "is not a user name"),
        ("robin", "robin", PASSWORD, "is not a plain e-mail address"),
        ("robin", "robin@x.example\r\nBcc: all@x.example", PASSWORD, "is not a"),
        ("robin", EMAIL, "short", "10 to 1024"),
        ("robin", "a@spam.example", PASSWORD, "not taken here"),
        ("robin", "a@deep.spam.example", PASSWORD, "not taken here"),
        ("testbot", EMAIL, PASSWORD, "is taken"),
    ],
)
def test_what_cannot_be_registered_is_told_on_the_form(
    small_world: World, name: str, email: str, password: str, words: str
) -> None:
    more = {"registration": "open", "prohibited_mail_domains": ["spam.example"], "prohibited_user_names": ["test*"]}
    settings = small_world.app.settings
    with telling_world(settings, small_world.clock, **more) as world:
        answer = register(world, name, email, password)
        assert answer.status_code in (400, 403, 409)
        assert words in answer.text
        assert kinds(world) == []


def test_registration_is_closed_unless_the_operator_opens_it(small_world: World) -> None:
    assert "An operator makes the accounts" in small_world.stranger().get("/account/register/").text
    assert register(small_world).status_code == 403


def test_the_switch_no_new_users_closes_it_at_once(world: World) -> None:
    world.app.do(set_flag, SetFlag("no-new-users", on=True, reason="a flood"))
    assert "An operator makes the accounts" in world.stranger().get("/account/register/").text
    assert register(world).status_code == 403


def test_a50_one_network_makes_few_accounts_and_that_holds_after_a_restart(
    world: World, database_settings: Settings, clock: TurnableClock
) -> None:
    for number in range(world.app.settings.registrations_per_hour):
        assert register(world, f"robin{number}", f"robin{number}@robin.example").status_code == 303
    refused = register(world, "robin9", "robin9@robin.example")
    assert (refused.status_code, 0 < int(refused.headers["retry-after"]) <= 3600) == (429, True)
    with open_app(world.app.settings, clock=clock) as again:
        assert again.limiter is not world.app.limiter
    with telling_world(database_settings, clock, registration="open") as second:
        assert register(second, "robin9", "robin9@robin.example").status_code == 429
    clock.turn(timedelta(hours=1))
    assert register(world, "robin9", "robin9@robin.example").status_code == 303


def test_a50_passwords_that_are_refused_cost_something_and_no_account(world: World) -> None:
    """Each costs a look into the list of breached passwords: so many forms, and no account of the hour is lost."""
    stranger = world.stranger()
    stranger.get("/account/register/")

    def send(again: str) -> int:
        return stranger.post(
            "/account/register/", name="robin", email=EMAIL, password=PASSWORD, again=again
        ).status_code

    most = 10 * world.app.settings.registrations_per_hour
    assert [send("another one") for _ in range(most - 1)] == [400] * (most - 1)
    assert send(PASSWORD) == 303
    assert send("another one") == 429


def test_a50_three_letters_with_a_link_in_six_hours(world: World) -> None:
    register(world)
    robin = world.stranger()
    robin.sign_in("robin")
    assert [robin.post("/account/address/again/").status_code for _ in range(4)] == [303, 303, 303, 429]
    world.clock.turn(timedelta(hours=6))
    assert robin.post("/account/address/again/").status_code == 303


def test_a30_a_link_works_once_for_six_hours_for_one_purpose_and_dies_with_the_next(
    world: World, sink: MailSink
) -> None:
    register(world)
    first = newest_link(world, sink)
    robin = world.stranger()
    robin.sign_in("robin")
    robin.post("/account/address/again/")
    second = newest_link(world, sink)
    assert first != second
    stranger = world.stranger()
    for dead in (first, second.replace("/verify/", "/link/"), second.replace("/verify/", "/undo/"), second[:-2] + "x/"):
        assert stranger.get(dead).status_code == 404
        assert stranger.post(dead, password=PASSWORD, again=PASSWORD).status_code == 404
    world.clock.turn(timedelta(hours=6))
    assert stranger.get(second).status_code == 404
    robin = world.stranger()
    robin.sign_in("robin")
    robin.post("/account/address/again/")
    third = newest_link(world, sink)
    # A program that looks at letters opens the page and changes nothing.
    assert [stranger.get(third).status_code for _ in range(3)] == [200] * 3
    assert not verified(world.app, "robin")
    assert follow(stranger, third).status_code == 303
    assert verified(world.app, "robin")
    assert stranger.post(third).status_code == 404


def test_a30_of_two_accounts_with_one_address_the_first_that_follows_its_link_has_it(
    world: World, sink: MailSink
) -> None:
    register(world, "robin")
    first = newest_link(world, sink)
    register(world, "mallory", "ROBIN@robin.example")
    second = newest_link(world, sink, "ROBIN@robin.example")
    assert follow(world.stranger(), first).status_code == 303
    assert follow(world.stranger(), second).status_code == 409
    assert (verified(world.app, "robin"), verified(world.app, "mallory")) == (True, False)


def test_an_address_that_nobody_has_verified_signs_nobody_in_and_stands_in_nobodys_way(
    world: World, sink: MailSink
) -> None:
    register(world, "robin")
    follow(world.stranger(), newest_link(world, sink))
    register(world, "mallory", EMAIL)
    assert world.stranger().sign_in(EMAIL).status_code == 303
    assert world.stranger().sign_in(EMAIL.upper()).status_code == 303
    register(world, "trudy", "trudy@trudy.example")
    assert world.stranger().sign_in("trudy@trudy.example").status_code == 403
    assert world.stranger().sign_in("trudy").status_code == 303


def test_a31_the_letters_links_come_from_the_settings_whatever_host_was_asked(world: World, sink: MailSink) -> None:
    register(world)
    follow(world.stranger(), newest_link(world, sink))
    sink.clear()
    stranger = world.stranger()
    stranger.get("/account/reset/")
    stranger.client.headers |= {"x-forwarded-host": "evil.example", "forwarded": "host=evil.example"}
    assert stranger.post("/account/reset/", name="robin").status_code == 200
    settle(world)
    (letter,) = sink.letters_to(EMAIL)
    assert "evil.example" not in text_of(letter)
    assert link_in(letter).startswith("/account/link/")
    for page in (link_in(letter),):
        assert stranger.get(page).headers["referrer-policy"] == "strict-origin"


def test_a31_a_reset_ends_sessions_and_other_links_and_keeps_tokens(world: World, sink: MailSink) -> None:
    register(world)
    follow(world.stranger(), newest_link(world, sink))
    robin = world.stranger()
    robin.sign_in("robin")
    token = world.app.create_token(CreateToken("robin")).text
    with world.app.database.write() as sql:
        values = {"account_id": find_user(sql, "robin").id, "method": "totp", "label": "phone"}
        sql.execute(second_factor.insert().values(**values, created_at=world.clock.now(), secret=b"sealed"))
    links = []
    for _ in range(2):
        stranger = world.stranger()
        stranger.get("/account/reset/")
        stranger.post("/account/reset/", name="robin")
        links.append(newest_link(world, sink))
    stranger = world.stranger()
    stranger.get(links[0])
    new = "another good password"
    assert stranger.post(links[0], password=new, again=new).status_code == 303
    for link in links:
        assert stranger.post(link, password=PASSWORD, again=PASSWORD).status_code == 404
    with world.app.database.read() as sql:
        assert sql.execute(sa.select(sa.func.count()).select_from(session)).scalar_one() == 0
    assert upload(world.client, token, wheel("nest"), name="nest", version="1.0").status == 200
    settle(world)
    told = [text_of(one) for one in sink.letters_to(EMAIL) if "password was changed" in str(one["subject"])]
    assert "Your API tokens and second factors stay as they were." in told[0]
    # The second factor is asked for as before.
    assert world.stranger().sign_in("robin", new).headers["location"].startswith("/account/second/")


def test_a32_a_reset_says_the_same_for_everybody_and_for_nobody(world: World) -> None:
    for name, role in (("alice", ""), ("olga", "operator"), ("sue", "support")):
        world.app.do(add_user, AddUser(name, f"{name}@example.org"))
        world.app.do(set_site_role, SetSiteRole(name, role))
    answers = set()
    for name in ("alice", "olga", "sue", "nobody-at-all", "alice@example.org", "nobody@example.org"):
        stranger = world.stranger()
        stranger.get("/account/reset/")
        answer = stranger.post("/account/reset/", name=name)
        answers.add((answer.status_code, tuple(sorted(answer.headers)), re.sub(r'value="[^"]+"', "", answer.text)))
    assert len(answers) == 1


def test_a50_five_links_a_day_for_one_account_and_nobody_is_told(world: World, sink: MailSink) -> None:
    world.app.do(add_user, AddUser("alice", "alice@example.org"))
    stranger = world.stranger()
    stranger.get("/account/reset/")
    answers = {stranger.post("/account/reset/", name="alice").text for _ in range(8)}
    assert len(answers) == 1
    settle(world)
    assert len(sink.letters_to("alice@example.org")) == 5
    assert kinds(world).count("reset-withheld") == 3
    assert [stranger.post("/account/reset/", name=f"n{number}").status_code for number in range(23)][-1] == 429


def test_a31_a_frozen_account_gets_no_link(world: World) -> None:
    world.app.do(add_user, AddUser("alice", "alice@example.org"))
    with world.app.database.write() as sql:
        sql.execute(account.update().values(frozen_at=world.clock.now()))
    stranger = world.stranger()
    stranger.get("/account/reset/")
    assert stranger.post("/account/reset/", name="alice").status_code == 200
    with world.app.database.read() as sql:
        assert sql.execute(sa.select(sa.func.count()).select_from(account_link)).scalar_one() == 0


def test_a30_no_job_and_no_row_holds_a_link_that_works(world: World, sink: MailSink) -> None:
    register(world)
    with world.app.database.read() as sql:
        rows = [str(row) for table in (job, account_link) for row in sql.execute(sa.select(table))]
    secret = newest_link(world, sink).rstrip("/").rpartition(".")[2]
    assert len(secret) == 43
    assert not [row for row in rows if secret in row]


@pytest.mark.slow
def test_a3_a_reset_does_the_same_for_nobody_as_for_somebody(small_world: World) -> None:
    """Statement for statement, so that it takes as long."""
    with telling_world(small_world.app.settings, small_world.clock) as world:
        world.app.do(add_user, AddUser("alice", "alice@example.org"))
        stranger = world.stranger()
        stranger.get("/account/reset/")
        done: dict[str, list[str]] = {}
        for name in ("somebody", "alice", "nobody"):  # the first finds nothing in any cache
            world.clock.turn(timedelta(hours=5))
            with world.statements() as done[name]:
                assert stranger.post("/account/reset/", name=name).status_code == 200
        assert len(done["alice"]) > 3
        assert done["alice"] == done["nobody"]


def test_a50_twenty_invitations_an_hour_whoever_they_go_to(small_world: World) -> None:
    small_world.upload(wheel())
    alice = small_world.person("alice")
    alice.get("/manage/project/demo/people/")
    answers = [
        alice.post("/manage/project/demo/people/invite/", who=f"nobody{number}", role="maintainer").status_code
        for number in range(21)
    ]
    assert answers == [404] * 20 + [429]

"""Webhooks from the deed to the receiver: who is told, exactly once and in order, and what happens when it fails."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa

from clock import TurnableClock
from customhouse.accounts.users import find_user
from customhouse.app import prepare
from customhouse.catalog.tables import organization, organization_member, project
from customhouse.hooks import queries
from customhouse.hooks.model import GIVE_UP_AFTER, Delivery, Hook, Patterns
from customhouse.hooks.tables import webhook, webhook_delivery
from customhouse.index.visibility import ChangeVisibility, change_visibility
from customhouse.index.webhooks.add import AddWebhook, NewKey, RotateKey, add_webhook, rotate_webhook_key
from customhouse.index.webhooks.change import ChangeWebhook, RemoveWebhook, change_webhook, remove_webhook
from customhouse.index.webhooks.deliver import Courier
from customhouse.index.webhooks.holder import Holder
from customhouse.index.webhooks.probe import ProbeWebhook, SendAgain, probe_webhook, send_again
from customhouse.infra import jobs
from customhouse.infra.settings import Settings
from customhouse.infra.tables import job
from customhouse.infra.targets import Target
from customhouse.ledger import queries as ledger
from customhouse.ledger.chain import Entry
from customhouse.terms.errors import Refused, Rejected
from customhouse.terms.identity import COMMAND_LINE, Actor
from customhouse.work import FOLLOWERS, OUTSIDE, PERIODIC, run_due_job, run_followers, seed_periodic_jobs
from packages import wheel
from receiver import BREAK_OFF, DRIP, HANG, HANG_UP, Behaviour, Receiver, Reply, Request, is_genuine, receiver, redirect
from servers import free_port
from telling import settle, settle_for, telling_world
from world import World

pytestmark = pytest.mark.slow

DEMO = Holder("project", "demo")
INDEX = Holder("index")


@pytest.fixture
def world(database_settings: Settings, clock: TurnableClock) -> Iterator[World]:
    with telling_world(database_settings, clock) as made:
        yield made


@pytest.fixture
def small(tmp_path: Path, clock: TurnableClock) -> Iterator[World]:
    settings = Settings.model_validate({"data": tmp_path / "data"})
    prepare(settings)
    with telling_world(settings, clock) as made:
        yield made


@pytest.fixture
def got() -> Iterator[Receiver]:
    with receiver() as running:
        yield running


@dataclass
class Hooked:
    """A hook and what its owner can do with it."""

    world: World
    key: NewKey
    holder: Holder
    by: Actor

    @property
    def hook(self) -> Hook:
        with self.world.app.database.read() as sql:
            found = queries.find_hook(sql, self.key.hook_id)
        assert found is not None
        return found

    def is_on(self) -> bool:
        return self.hook.active

    @property
    def log(self) -> list[Delivery]:
        with self.world.app.database.read() as sql:
            return queries.deliveries_of(sql, self.key.hook_id, limit=1000)

    def probe(self) -> None:
        self.world.app.do(probe_webhook, ProbeWebhook(self.holder, self.key.hook_id, self.by))

    def change(self, url: str, *, patterns: str = "", active: bool = True) -> None:
        wish = ChangeWebhook(
            self.holder, self.key.hook_id, Target.parse(url), Patterns.parse(patterns), active, self.by
        )
        self.world.app.do(change_webhook, wish)


def actor(world: World, name: str = "alice") -> Actor:
    world.user(name)
    with world.app.database.read() as sql:
        return find_user(sql, name).actor


def hooked(world: World, url: str, *, holder: Holder = DEMO, patterns: str = "", by: Actor | None = None) -> Hooked:
    by = by or (COMMAND_LINE if holder.kind == "index" else actor(world))
    wish = AddWebhook(holder, Target.parse(url), Patterns.parse(patterns), by)
    return Hooked(world, world.app.do(partial(add_webhook, world.app.key.secret), wish), holder, by)


def upload(world: World, version: str, name: str = "demo", user: str = "alice") -> None:
    answered = world.upload(wheel(name, version), user=user, name=name, version=version)
    assert answered.status == 200, answered.text


def kinds(got: Receiver) -> list[str]:
    return [json.loads(request.body)["type"] for request in got.requests]


def entries(world: World) -> list[Entry]:
    with world.app.database.read() as sql:
        return list(ledger.entries(sql))


def test_a_receiver_hears_of_a_projects_events_in_order_and_can_verify_them(world: World, got: Receiver) -> None:
    upload(world, "1.0")
    hook = hooked(world, got.url)
    settle(world)
    assert got.requests == []
    for version in ("1.1", "1.2", "1.3"):
        upload(world, version)
    upload(world, "1.0", "other")
    settle(world)
    bodies = [json.loads(request.body) for request in got.requests]
    serials = [body["data"]["serial"] for body in bodies]
    told = {entry.serial: entry for entry in entries(world)}
    assert serials == sorted(serials)
    assert {body["data"]["project"] for body in bodies} == {"demo"}
    uploads = [body for body in bodies if body["type"] == "file-uploaded"]
    assert [body["data"]["body"]["version"] for body in uploads] == ["1.1", "1.2", "1.3"]
    for body, request in zip(bodies, got.requests, strict=True):
        entry = told[body["data"]["serial"]]
        assert (body["type"], body["timestamp"]) == (entry.kind, entry.at.isoformat(timespec="microseconds"))
        assert body["data"]["actor"] == {"kind": "user", "id": entry.actor_id, "name": "alice"}
        assert body["data"]["hash"] == entry.hash
        assert request.headers["content-type"] == "application/json"
        assert is_genuine(hook.key.text, request.headers, request.body, now=world.clock.now().timestamp())
        assert not is_genuine(hook.key.text, request.headers, request.body + b" ", now=world.clock.now().timestamp())
    assert [(one.state, one.attempts, one.status, one.answer) for one in hook.log] == [
        ("delivered", 1, 200, "thanks\n")] * len(bodies)  # fmt: skip
    assert len({request.headers["webhook-id"] for request in got.requests}) == len(bodies)


def test_no_database_and_no_event_holds_the_key_or_the_address_behind_the_host(world: World, got: Receiver) -> None:
    upload(world, "1.0")
    hook = hooked(world, got.url + "/SECRET-PATH")
    hook.probe()
    hook.change(got.url + "/SECRET-PATH", patterns="file-*")
    world.app.do(remove_webhook, RemoveWebhook(DEMO, hook.key.hook_id, hook.by))
    secret = hook.key.text.removeprefix("whsec_")
    assert hook.key.text.startswith("whsec_")
    assert secret not in repr(hook.key)
    for entry in entries(world):
        assert secret not in entry.body
        assert "SECRET-PATH" not in entry.body
    with world.app.database.read() as sql:
        for table in (webhook, webhook_delivery, job):
            assert secret not in repr(sql.execute(sa.select(table)).all())
        assert sql.execute(sa.select(webhook.c.url)).scalar() == ""
    assert [entry.kind for entry in entries(world)][-4:] == [
        "webhook-added", "webhook-probed", "webhook-changed", "webhook-removed"]  # fmt: skip


def queue_and_die(world: World) -> None:
    """The worker is killed before it commits."""
    with world.app.database.write() as sql:
        for entry in entries(world)[-2:]:
            FOLLOWERS["webhooks"](world.app, sql, entry)
        raise KeyboardInterrupt


def test_an_event_is_queued_once_however_often_the_worker_dies(world: World, got: Receiver) -> None:
    upload(world, "1.0")
    hook = hooked(world, got.url)
    settle(world)
    upload(world, "1.1")
    with pytest.raises(KeyboardInterrupt):
        queue_and_die(world)
    assert hook.log == []
    for _ in range(2):
        with world.app.database.write() as sql:  # and another has done all of it before the follower comes
            for entry in entries(world)[-2:]:
                FOLLOWERS["webhooks"](world.app, sql, entry)
    while run_followers(world.app):
        pass
    settle(world)
    serials = [one.serial for one in hook.log]
    assert len(serials) == len(set(serials)) == len(got.requests)


def test_a_worker_that_dies_after_sending_sends_again_under_the_same_identifier(world: World, got: Receiver) -> None:
    upload(world, "1.0")
    hook = hooked(world, got.url)
    settle(world)
    hook.probe()

    def die(_request: Request) -> Behaviour:
        got.answer = lambda _request: Reply()
        raise_in_worker.append(1)
        return HANG_UP

    raise_in_worker: list[int] = []
    got.answer = die
    while run_followers(world.app):
        pass
    # As if it had died: the hook and the job stay taken until their leases end, the delivery waits.
    with world.app.database.write() as sql:
        taken = world.clock.now() + timedelta(minutes=2)
        sql.execute(webhook.update().values(sending_until=taken))
    settle(world)
    assert got.requests == []
    world.clock.turn(timedelta(minutes=3))
    settle(world)
    world.clock.turn(timedelta(minutes=3))
    settle(world)
    assert len(got.requests) == 2
    assert got.requests[0].headers["webhook-id"] == got.requests[1].headers["webhook-id"]
    assert got.requests[0].headers["webhook-timestamp"] != got.requests[1].headers["webhook-timestamp"]
    assert hook.log[0].state == "delivered"


@pytest.mark.parametrize(
    ("behaviour", "status", "problem"),
    [
        (Reply(500, b"down \x00\xff"), 500, "any 2xx was expected"),
        (Reply(404), 404, "any 2xx was expected"),
        (Reply(429), 429, "less often"),
        (redirect("http://169.254.169.254/latest/meta-data/"), 302, "redirects are not followed"),
        (HANG_UP, None, "broke off"),
        (BREAK_OFF, None, "broke off in the middle"),
    ],
)
def test_what_fails_is_tried_again_and_the_log_says_why(
    small: World, got: Receiver, behaviour: Behaviour, status: int | None, problem: str
) -> None:
    upload(small, "1.0")
    hook = hooked(small, got.url)
    hook.probe()
    got.answer = lambda _request: behaviour
    settle(small)
    [delivery] = hook.log
    assert delivery.status == status
    assert problem in delivery.problem
    assert delivery.state == "waiting"
    got.answer = lambda _request: Reply()
    settle_for(small, timedelta(minutes=2), step=timedelta(minutes=1))
    assert (hook.log[0].state, hook.log[0].attempts) == ("delivered", 2)
    assert hook.hook.failures == 0
    assert hook.hook.first_failed_at is None


@pytest.mark.parametrize("behaviour", [HANG, DRIP])
def test_a_receiver_that_hangs_or_drips_is_left_after_a_while(small: World, got: Receiver, behaviour: str) -> None:
    upload(small, "1.0")
    hook = hooked(small, got.url)
    hook.probe()
    hook.probe()
    got.answer = lambda _request: behaviour
    while run_followers(small.app):
        pass
    app = small.app
    Courier(app.deeds, app.outbound, app.key.secret, attempt_seconds=0.3).run(hook.key.hook_id)
    assert len(got.requests) == 1
    assert [one.attempts for one in hook.log] == [0, 1]
    assert "in time" in hook.log[-1].problem


def test_a_receiver_that_hangs_holds_up_no_other_job(small: World, got: Receiver) -> None:
    upload(small, "1.0")
    hook = hooked(small, got.url)
    hook.probe()
    while run_followers(small.app):
        pass
    seed_periodic_jobs(small.app)
    small.clock.turn(max(PERIODIC.values()))
    assert {"mail", "webhook"} <= OUTSIDE
    while run_due_job(small.app, without=OUTSIDE):
        pass
    assert got.requests == []
    assert run_due_job(small.app, only=OUTSIDE)
    settle(small)
    assert len(got.requests) == 1


def test_nobody_listens_and_nobody_is_waited_for(small: World) -> None:
    upload(small, "1.0")
    hook = hooked(small, f"http://127.0.0.1:{free_port()}/")
    hook.probe()
    settle(small)
    assert (hook.log[0].status, hook.log[0].state) == (None, "waiting")
    assert "nobody listens" in hook.log[0].problem


def test_a_hook_that_leads_inside_is_refused_when_it_is_sent(small: World) -> None:
    upload(small, "1.0")
    hook = hooked(small, "http://169.254.169.254/latest/meta-data/")
    hook.probe()
    settle(small)
    assert "public internet" in hook.log[0].problem
    assert "169.254" not in hook.log[0].problem


@pytest.mark.slow
def test_while_a_receiver_is_away_it_is_asked_seldom_and_then_hears_all_in_order(small: World, got: Receiver) -> None:
    upload(small, "1.0")
    hook = hooked(small, got.url)
    settle(small)
    got.answer = lambda _request: Reply(503)
    for number in range(20):
        upload(small, f"2.{number}")
    settle(small)
    assert len(got.requests) == 1
    settle_for(small, timedelta(hours=2), step=timedelta(minutes=1))
    assert len(got.requests) < 25
    before = len(got.requests)
    got.answer = lambda _request: Reply()
    settle_for(small, timedelta(hours=2), step=timedelta(minutes=1))
    assert {one.state for one in hook.log} == {"delivered"}
    identifiers = [request.headers["webhook-id"] for request in got.requests[before:]]
    assert len(identifiers) == len(set(identifiers)) == len(hook.log)


def test_one_event_that_a_receiver_cannot_stand_does_not_hold_up_the_others(small: World, got: Receiver) -> None:
    upload(small, "1.0")
    hook = hooked(small, got.url, patterns="file-uploaded")
    settle(small)
    for version in ("2.0", "2.1", "2.2"):
        upload(small, version)
    got.answer = lambda request: Reply(500 if b'"2.0"' in request.body else 200)
    settle(small)
    settle_for(small, timedelta(minutes=8), step=timedelta(seconds=30))
    assert [one.state for one in hook.log] == ["delivered", "delivered", "waiting"]
    assert hook.log[-1].attempts > 1


def test_a_receiver_may_ask_for_peace(small: World, got: Receiver) -> None:
    upload(small, "1.0")
    hook = hooked(small, got.url)
    hook.probe()
    got.answer = lambda _request: Reply(503, headers={"retry-after": "1800"})
    settle(small)
    settle_for(small, timedelta(minutes=29), step=timedelta(minutes=1))
    assert len(got.requests) == 1
    settle_for(small, timedelta(minutes=2), step=timedelta(minutes=1))
    assert len(got.requests) == 2
    assert hook.log[0].attempts == 2


@pytest.mark.slow
def test_after_a_day_a_delivery_is_given_up_and_after_five_the_hook_is_off(world: World, got: Receiver) -> None:
    upload(world, "1.0")
    hook = hooked(world, got.url)
    hook.probe()
    got.answer = lambda _request: Reply(500)
    settle(world)
    settle_for(world, GIVE_UP_AFTER + timedelta(hours=6), step=timedelta(hours=2))
    assert [one.state for one in hook.log] == ["given-up"]
    assert hook.hook.failing_at is not None
    assert hook.is_on()
    for _day in range(5):
        hook.probe()
        settle(world)
        settle_for(world, timedelta(days=1), step=timedelta(hours=1))
        if not hook.is_on():
            break
    assert not hook.is_on()
    assert "5 days" in hook.hook.why_off
    assert entries(world)[-1].kind == "webhook-switched-off"
    assert {one.state for one in hook.log} == {"given-up"}
    sent = len(got.requests)
    upload(world, "2.0")
    settle(world)
    assert len(got.requests) == sent
    with pytest.raises(Refused, match="switched off"):
        hook.probe()
    got.answer = lambda _request: Reply()
    hook.change(got.url)
    world.app.do(send_again, SendAgain(DEMO, hook.key.hook_id, hook.log[-1].serial, hook.by))
    settle(world)
    assert (hook.log[-1].state, hook.hook.failures, hook.hook.why_off) == ("delivered", 0, "")


@pytest.mark.slow
def test_what_waits_behind_failures_is_given_up_with_them(small: World, got: Receiver) -> None:
    upload(small, "1.0")
    hook = hooked(small, got.url)
    got.answer = lambda _request: Reply(500)
    for _ in range(150):
        hook.probe()
    settle(small)
    settle_for(small, timedelta(hours=27), step=timedelta(hours=1))
    assert {one.state for one in hook.log} == {"given-up"}
    assert len(got.requests) < 60


def test_410_switches_off_at_once(small: World, got: Receiver) -> None:
    upload(small, "1.0")
    hook = hooked(small, got.url)
    hook.probe()
    hook.probe()
    got.answer = lambda _request: Reply(410)
    settle(small)
    assert len(got.requests) == 1
    assert not hook.is_on()
    assert "410" in hook.hook.why_off
    assert {one.state for one in hook.log} == {"given-up"}


def test_a_sent_event_can_be_sent_again_under_its_identifier(world: World, got: Receiver) -> None:
    upload(world, "1.0")
    hook = hooked(world, got.url)
    hook.probe()
    settle(world)
    [first] = hook.log
    world.app.do(send_again, SendAgain(DEMO, hook.key.hook_id, first.serial, hook.by))
    settle(world)
    assert [request.headers["webhook-id"] for request in got.requests] == [f"msg_{hook.key.hook_id}_{first.serial}"] * 2
    with pytest.raises(Refused, match="no such delivery"):
        world.app.do(send_again, SendAgain(DEMO, hook.key.hook_id, 99999, hook.by))


def test_after_a_rotation_both_keys_are_good_for_a_day(world: World, got: Receiver) -> None:
    upload(world, "1.0")
    hook = hooked(world, got.url)
    wish = RotateKey(DEMO, hook.key.hook_id, hook.by)
    new = world.app.do(partial(rotate_webhook_key, world.app.key.secret), wish)
    assert new.text != hook.key.text
    for turn, old_is_good in ((timedelta(), True), (timedelta(days=1), False)):
        world.clock.turn(turn)
        hook.probe()
        settle(world)
        request, now = got.requests[-1], world.clock.now().timestamp()
        assert is_genuine(new.text, request.headers, request.body, now=now)
        assert is_genuine(hook.key.text, request.headers, request.body, now=now) is old_is_good


def organize(world: World, name: str, owner: str, projects: list[str]) -> int:
    account = actor(world, owner).account_id
    with world.app.database.write() as sql:
        made: int = sql.execute(
            organization.insert().values(name=name, normalized=name.lower(), created_at=world.clock.now())
            .returning(organization.c.id)
        ).scalar_one()  # fmt: skip
        sql.execute(organization_member.insert().values(organization_id=made, account_id=account, role="owner"))
        sql.execute(project.update().where(project.c.normalized.in_(projects)).values(organization_id=made))
    return made


def set_private(world: World, name: str) -> None:
    world.app.do(change_visibility, ChangeVisibility(name, "private", name, by=actor(world)))


def test_events_of_a_private_project_reach_only_its_own_hooks_and_its_organizations(
    world: World, got: Receiver
) -> None:
    for name in ("demo", "hidden", "other"):
        upload(world, "1.0", name)
    organize(world, "Acme", "alice", ["hidden"])
    organize(world, "Rival", "bob", ["other"])
    set_private(world, "hidden")
    holders = {
        "its own": Holder("project", "hidden"), "another's": DEMO, "its organization's": Holder("organization", "acme"),
        "another organization's": Holder("organization", "rival"), "the index's": INDEX,
    }  # fmt: skip
    for title, holder in holders.items():
        by = actor(world, "bob") if "rival" in holder.name else None
        hooked(world, f"{got.url}?{title.replace(' ', '-')}", holder=holder, by=by)
    settle(world)
    upload(world, "2.0", "hidden")
    settle(world)
    assert {request.path.partition("?")[2] for request in got.requests} == {"its-own", "its-organization's"}


def test_an_event_that_became_private_before_it_was_sent_is_withheld(small: World, got: Receiver) -> None:
    upload(small, "1.0")
    hook = hooked(small, got.url, holder=INDEX)
    settle(small)
    got.requests.clear()
    upload(small, "2.0")
    while run_followers(small.app):
        pass
    set_private(small, "demo")
    settle(small)
    assert got.requests == []
    assert {(one.state, one.problem) for one in hook.log if one.attempts == 0} == {
        ("given-up", "The webhook may not have this event any more.")}  # fmt: skip
    assert hook.hook.failures == 0


def test_only_wanted_kinds_are_sent(small: World, got: Receiver) -> None:
    hooked(small, got.url, holder=INDEX, patterns="project-*")
    upload(small, "1.0")
    settle(small)
    assert kinds(got) == ["project-created"]


def test_nobody_else_has_a_say_over_a_projects_hooks(small: World) -> None:
    upload(small, "1.0")
    upload(small, "1.0", "hidden")
    set_private(small, "hidden")
    hook = hooked(small, "https://example.org/")
    stranger = actor(small, "mallory")
    key = partial(add_webhook, small.app.key.secret)
    target = Target.parse("https://example.org/")
    with pytest.raises(Refused, match="Only an owner"):
        small.app.do(key, AddWebhook(DEMO, target, Patterns(), stranger))
    with pytest.raises(Refused, match="no project"):
        small.app.do(key, AddWebhook(Holder("project", "hidden"), target, Patterns(), stranger))
    with pytest.raises(Refused, match="no project"):
        small.app.do(key, AddWebhook(Holder("project", "nowhere"), target, Patterns(), stranger))
    with pytest.raises(Refused, match="no organization"):
        small.app.do(key, AddWebhook(Holder("organization", "nowhere"), target, Patterns(), stranger))
    hook.by = stranger
    deeds: list[Callable[[], object]] = [
        hook.probe,
        partial(hook.change, "https://example.org/"),
        partial(small.app.do, remove_webhook, RemoveWebhook(DEMO, hook.key.hook_id, stranger)),
        partial(small.app.do, send_again, SendAgain(DEMO, hook.key.hook_id, 1, stranger)),
        partial(
            small.app.do, partial(rotate_webhook_key, small.app.key.secret),
            RotateKey(DEMO, hook.key.hook_id, stranger),
        ),
    ]  # fmt: skip
    for deed in deeds:
        with pytest.raises(Refused, match="Only an owner"):
            deed()


def test_an_operator_acts_in_the_operators_name(small: World) -> None:
    upload(small, "1.0")
    organize(small, "Acme", "bob", [])
    olga = actor(small, "olga")
    olga = Actor(olga.identity, olga.account_id, operator=True)
    for holder in (DEMO, Holder("organization", "acme"), INDEX):
        hooked(small, "https://example.org/", holder=holder, by=olga)
        assert (entries(small)[-1].actor_kind, entries(small)[-1].actor_name) == ("operator", "olga")


def test_a_hook_of_one_project_cannot_be_reached_through_another(small: World) -> None:
    upload(small, "1.0")
    upload(small, "1.0", "other", user="bob")
    hook = hooked(small, "https://example.org/")
    bob = actor(small, "bob")
    with pytest.raises(Refused, match="no such webhook"):
        small.app.do(remove_webhook, RemoveWebhook(Holder("project", "other"), hook.key.hook_id, bob))
    with pytest.raises(Refused, match="operator"):
        small.app.do(remove_webhook, RemoveWebhook(INDEX, hook.key.hook_id, bob))
    with pytest.raises(Refused, match="no such webhook"):
        small.app.do(remove_webhook, RemoveWebhook(INDEX, hook.key.hook_id, COMMAND_LINE))


def test_a_member_without_office_has_no_say_over_an_organizations_hooks(small: World) -> None:
    made = organize(small, "Acme", "alice", [])
    carol = actor(small, "carol")
    with small.app.database.write() as sql:
        sql.execute(
            organization_member.insert().values(organization_id=made, account_id=carol.account_id, role="member")
        )
    with pytest.raises(Refused, match="Only owners and managers"):
        hooked(small, "https://example.org/", holder=Holder("organization", "acme"), by=carol)


def test_each_holder_has_ten_hooks_at_most(small: World) -> None:
    upload(small, "1.0")
    for number in range(10):
        hooked(small, f"https://example.org/{number}")
    with pytest.raises(Refused, match="10 webhooks already"):
        hooked(small, "https://example.org/11")


@pytest.mark.parametrize("url", ["file:///etc/passwd", "https://u@example.org/", "http://0x7f000001/", "x"])
def test_a_bad_address_is_rejected_when_it_is_typed(small: World, url: str) -> None:
    upload(small, "1.0")
    with pytest.raises(Rejected, match="url"):
        hooked(small, url)


def test_a_removed_hook_is_sent_nothing_more(small: World, got: Receiver) -> None:
    upload(small, "1.0")
    hook = hooked(small, got.url)
    hook.probe()
    while run_followers(small.app):
        pass
    small.app.do(remove_webhook, RemoveWebhook(DEMO, hook.key.hook_id, hook.by))
    settle(small)
    upload(small, "2.0")
    settle(small)
    assert got.requests == []


def test_the_log_forgets_after_a_month_and_a_forgotten_hook_is_woken(small: World, got: Receiver) -> None:
    upload(small, "1.0")
    hook = hooked(small, got.url)
    hook.probe()
    settle(small)
    small.clock.turn(timedelta(days=31))
    hook.probe()
    while run_followers(small.app):
        pass
    with small.app.database.write() as sql:
        sql.execute(job.delete())  # somebody has lost the jobs
    with small.app.database.write() as sql:
        jobs.add(sql, "tidy-webhooks", {}, due_at=small.clock.now())
    while run_due_job(small.app):
        pass
    assert [one.state for one in hook.log] == ["delivered"]
    assert len(got.requests) == 2

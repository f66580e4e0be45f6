"""Trusted publishers: added, used, refused, removed; pending ones; what their owners hear."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import httpx2 as httpx
import pytest
import sqlalchemy as sa

from clock import TurnableClock
from customhouse.accounts.users import Freeze, freeze
from customhouse.catalog.queries import find_project
from customhouse.catalog.rights import role_of
from customhouse.catalog.tables import organization_member, project, project_role
from customhouse.index.mark_critical import MarkCritical, mark_critical
from customhouse.index.organizations import CreateOrganization, create_organization
from customhouse.index.publishing.add import AddPublisher, RemovePublisher, add_publisher, remove_publisher
from customhouse.index.publishing.mint import Exchange
from customhouse.index.publishing.only import SetPublishersOnly, set_publishers_only
from customhouse.index.publishing.pending import WithdrawPending, withdraw_pending
from customhouse.index.publishing.tidy import tidy_publishing
from customhouse.index.slow.model import PendingChange
from customhouse.index.transfer import TransferToOrganization, transfer_to_organization
from customhouse.index.waited.apply import apply_due
from customhouse.infra.settings import Settings
from customhouse.infra.walkers import Walkers
from customhouse.terms.errors import Refused
from customhouse.terms.identity import COMMAND_LINE
from customhouse.trust.publishers import pending_of, publishers_of
from customhouse.trust.tables import minted_token, used_jti
from packages import wheel
from publishing import WORKFLOW, PublishingWorld, publishing_world, reasons
from staging import Stager
from world import World

pytestmark = pytest.mark.slow

OTHER_WORKFLOW = {**WORKFLOW, "workflow": "other.yml"}
AWAITING = (("demo-new", "bob"), ("demo_NEW", "carol"))
IN_ENVIRONMENT = {**WORKFLOW, "environment": "pypi"}


@pytest.fixture
def both(database_settings: Settings, clock: TurnableClock, walkers: Walkers) -> Iterator[PublishingWorld]:
    """On SQLite and on PostgreSQL."""
    with publishing_world(database_settings, clock, walkers) as made:
        yield made


@pytest.fixture
def forge(small_world: World, clock: TurnableClock, walkers: Walkers) -> Iterator[PublishingWorld]:
    with publishing_world(small_world.app.settings, clock, walkers) as made:
        yield made


def test_a_build_exchanges_its_token_and_publishes(both: PublishingWorld) -> None:
    both.project()
    publisher = both.trust()
    answer = both.publish(both.minted())
    assert answer.status == httpx.codes.OK, answer.text
    (uploaded,) = both.events("file-uploaded")
    assert (uploaded.actor_kind, uploaded.actor_name) == ("publisher", "Forge acme/demo release.yml")
    used = both.publisher(publisher.id)
    assert used.used_at is not None
    assert used.learned == {"repository_owner_id": "65", "repository_id": "74"}
    assert len(both.events("publisher-token-minted")) == 1
    (built,) = both.events("release-built")
    body = json.loads(built.body)
    assert (body["ref"], body["run"], body["event"]) == ("refs/tags/v1.0", "1234567890", "release")


def test_a28_the_first_use_of_a_pending_publisher_makes_its_project(both: PublishingWorld) -> None:
    mine = both.await_project("Demo.New", user="alice")
    others = [both.await_project(name, user=user, settings=OTHER_WORKFLOW) for name, user in AWAITING]
    alike = both.await_project("dem0new", user="dora", settings=OTHER_WORKFLOW)
    # They wait for one name with different builds, and it is whose use comes first.
    both.app.do(withdraw_pending, WithdrawPending(others[0].id, both.person("bob").actor))
    answer = both.publish(both.minted(), name="demo-new")
    assert answer.status == httpx.codes.OK, answer.text
    with both.app.database.read() as sql:
        made = find_project(sql, "demo-new")
        assert made is not None
        assert role_of(sql, made.id, both.person("alice").id) == "owner"
        assert [one.id for one in publishers_of(sql, made.id)] == [mine.id]
    for gone in (others[1], alike):
        assert both.publisher(gone.id).removed_at is not None
    assert sorted(both.letters()).count(("pending-publisher-ended", "dora")) == 1
    assert ("pending-publisher-ended", "carol") in both.letters()
    # It is a publisher like any other now.
    assert both.publish(both.minted(), name="demo-new", version="2.0").status == httpx.codes.OK


def test_a28_of_several_first_uploads_at_once_one_makes_the_project_and_all_are_published(
    both: PublishingWorld,
) -> None:
    both.await_project("demo")
    alike = both.await_project("dem0", user="bob")
    token = both.minted()
    names = ["demo", "demo", "dem0", "demo"]
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda one: both.publish(token, one[1], f"{one[0]}.0").status, enumerate(names)))
    with both.app.database.read() as sql:
        (made,) = [found for name in ("demo", "dem0") if (found := find_project(sql, name)) is not None]
        assert len(publishers_of(sql, made.id)) == 1
    assert [status == 200 for status in answers] == [name == made.normalized for name in names]
    assert (both.publisher(alike.id).removed_at is None) == (made.normalized == "dem0")


def test_a23_of_sixty_four_exchanges_of_one_token_at_once_one_counts(both: PublishingWorld) -> None:
    both.project()
    both.trust()
    token = both.token()
    minting = both.app.minting

    def exchange(_: int) -> str:
        try:
            return "" if minting.exchange(Exchange(token)).text else "nothing"
        except Refused as refusal:
            return refusal.code

    with ThreadPoolExecutor(16) as threads:
        found = sorted(threads.map(exchange, range(64)))
    assert found == ["", *["invalid-reuse-token"] * 63]
    with both.app.database.read() as sql:
        assert sql.execute(sa.select(sa.func.count()).select_from(minted_token)).scalar_one() == 1


def test_a23_a_used_token_stays_used_until_it_is_long_dead(forge: PublishingWorld) -> None:
    forge.project()
    forge.trust()
    token = forge.token()
    assert forge.exchange(token).status_code == httpx.codes.OK
    for step in (timedelta(), timedelta(minutes=5), timedelta(seconds=20)):
        forge.clock.turn(step)
        assert reasons(forge.exchange(token)) == ["invalid-reuse-token"]
        forge.app.do(tidy_publishing, None)
    forge.clock.turn(timedelta(seconds=20))
    assert reasons(forge.exchange(token)) == ["invalid-token"]
    with forge.app.database.read() as sql:
        assert len(sql.execute(sa.select(used_jti)).all()) == 1
    forge.clock.turn(timedelta(hours=2))
    forge.app.do(tidy_publishing, None)
    with forge.app.database.read() as sql:
        assert sql.execute(sa.select(used_jti)).all() == []


def test_one_token_is_for_every_project_that_trusts_the_build(forge: PublishingWorld) -> None:
    for name in ("one", "two", "three"):
        forge.project(name)
    forge.trust("one")
    forge.trust("two")
    forge.trust("three", settings=OTHER_WORKFLOW)
    token = forge.minted()
    assert [forge.publish(token, name).status for name in ("one", "two", "three")] == [200, 200, 403]
    assert [entry.project for entry in forge.events("publisher-token-minted")] == ["one", "two"]


def test_the_publisher_with_the_environment_decides(forge: PublishingWorld) -> None:
    forge.project()
    general = forge.trust(stages_only=True)
    special = forge.trust(settings=IN_ENVIRONMENT)
    forge.minted(environment="other")
    forge.minted()
    bodies = [json.loads(entry.body) for entry in forge.events("publisher-token-minted")]
    assert [(body["publisher_id"], body["stages_only"]) for body in bodies] == [(general.id, True), (special.id, False)]


def test_what_only_stages_gets_a_token_that_only_stages(forge: PublishingWorld) -> None:
    forge.project()
    forge.trust(stages_only=True)
    actor = forge.app.sender(forge.minted())
    assert actor.scope.actions == frozenset({"stage"})
    assert actor.scope.projects == frozenset({"demo"})


def test_a_token_of_a_build_that_nobody_trusts_is_told_why(forge: PublishingWorld) -> None:
    forge.project()
    answer = forge.exchange(forge.token())
    assert (answer.status_code, reasons(answer)) == (422, ["invalid-publisher"])
    forge.trust(settings=OTHER_WORKFLOW)
    answer = forge.exchange(forge.token())
    assert "workflow_ref" in answer.json()["errors"][0]["description"]
    (refused,) = forge.events("publisher-token-refused")
    assert json.loads(refused.body)["code"] == "other-claims"
    assert ("publisher-alarm", "alice") not in forge.letters()


def test_a25_somebody_elses_repository_of_the_same_name_is_refused_and_its_owners_hear(forge: PublishingWorld) -> None:
    forge.project()
    publisher = forge.trust()
    forge.minted()
    for _ in range(3):
        answer = forge.exchange(forge.token(repository_id="999", sub="repo:acme@65/demo@999:environment:pypi"))
        assert reasons(answer) == ["invalid-publisher"]
    (alarm,) = forge.events("publisher-alarm")
    body = json.loads(alarm.body)
    assert (body["code"], body["known"]) == ("other-ids", "repository_id 74, repository_owner_id 65")
    assert body["shown"] == "repository_id 999, repository_owner_id 65"
    seen = forge.publisher(publisher.id)
    assert seen.learned["repository_id"] == "74"
    assert seen.alarm is not None
    assert seen.alarm["ids"]["repository_id"] == "999"
    assert forge.letters().count(("publisher-alarm", "alice")) == 1
    forge.clock.turn(timedelta(days=1, minutes=1))
    forge.exchange(forge.token(repository_owner_id="66", sub="repo:acme/demo:ref:x"))
    assert len(forge.events("publisher-alarm")) == 2
    assert forge.publish(forge.minted()).status == httpx.codes.OK


def test_incident_12_a_pull_request_from_outside_publishes_nothing(forge: PublishingWorld) -> None:
    """Ultralytics (2024-12): pull_request_target ran with the rights of the release."""
    forge.project()
    forge.trust()
    for event in ("pull_request_target", "workflow_run", "issue_comment"):
        assert reasons(forge.exchange(forge.token(event_name=event))) == ["invalid-publisher"]
    (alarm,) = forge.events("publisher-alarm")
    assert json.loads(alarm.body)["code"] == "refused-event"
    assert forge.events("publisher-token-minted") == []


def test_incident_24_a_stolen_identity_is_held_by_the_rules_of_its_publisher(forge: PublishingWorld) -> None:
    """Mini Shai-Hulud (2026-05): a genuine token from a branch that anybody could push to, without the environment."""
    forge.project()
    forge.trust(settings=IN_ENVIRONMENT, rules={"ref": "refs/tags/v*", "protected_ref": "true"})
    assert reasons(forge.exchange(forge.token(environment=None))) == ["invalid-publisher"]
    assert reasons(forge.exchange(forge.token(ref_protected="false"))) == ["invalid-publisher"]
    codes = [json.loads(entry.body)["code"] for entry in forge.events("publisher-token-refused")]
    assert codes == ["other-claims", "broken-rule"]
    assert forge.minted()


def test_a29_a_minted_token_is_for_its_projects_and_a_quarter_of_an_hour(forge: PublishingWorld) -> None:
    forge.project()
    forge.project("other")
    forge.trust()
    token = forge.minted()
    assert forge.publish(token, "other").status == 403
    assert forge.publish(token, "brand-new").status == 403
    client = forge.world.client
    for verb, path in (
        ("POST", "/api/projects/demo/versions/1.0/yank"), ("POST", "/api/projects/demo/versions/1.0/unyank"),
        ("POST", "/manage/project/demo/delete/"), ("GET", "/api/projects/demo/downloads"), ("GET", "/account/"),
    ):  # fmt: skip
        answer = client.request(verb, path, auth=("__token__", token), follow_redirects=False)
        assert answer.status_code in (303, 401, 403, 404, 405), (verb, path, answer.status_code)
    assert forge.publish(token).status == 200
    forge.clock.turn(timedelta(minutes=14, seconds=59))
    assert forge.publish(token, version="1.1").status == 200
    forge.clock.turn(timedelta(seconds=3))
    assert forge.publish(token, version="1.2").status == 403


def test_a29_a_removed_publisher_takes_its_tokens_along(forge: PublishingWorld) -> None:
    forge.project()
    publisher = forge.trust()
    token = forge.minted()
    forge.app.do(remove_publisher, RemovePublisher("demo", publisher.id, forge.person().actor))
    assert forge.publish(token).status == 401
    assert reasons(forge.exchange(forge.token())) == ["invalid-publisher"]
    with pytest.raises(Refused, match="no such trusted publisher"):
        forge.app.do(remove_publisher, RemovePublisher("demo", publisher.id, forge.person().actor))
    again = forge.trust()
    assert again.learned == {}


def test_a_single_use_token_is_good_for_one_upload(forge: PublishingWorld) -> None:
    forge.project()
    forge.trust()
    answer = forge.exchange(forge.token(), features=["single-use-token"])
    token = answer.json()["token"]
    assert forge.publish(token).status == 200
    assert forge.publish(token, version="1.1").status == 401
    with forge.app.database.read() as sql:
        assert sql.execute(sa.select(minted_token.c.single_use)).scalar_one()


def test_only_an_owner_adds_and_removes_publishers(forge: PublishingWorld) -> None:
    found = forge.project()
    publisher = forge.trust()
    maintainer, stranger = forge.person("mona"), forge.person("mallory")
    with forge.app.database.write() as sql:
        sql.execute(project_role.insert().values(project_id=found.id, account_id=maintainer.id, role="maintainer"))
    for user in (maintainer, stranger):
        with pytest.raises(Refused, match="not an owner"):
            forge.app.do(add_publisher, AddPublisher("demo", forge.described(OTHER_WORKFLOW), by=user.actor))
        with pytest.raises(Refused, match="not an owner"):
            forge.app.do(remove_publisher, RemovePublisher("demo", publisher.id, user.actor))
        with pytest.raises(Refused, match="not an owner"):
            forge.app.do(set_publishers_only, SetPublishersOnly("demo", on=True, by=user.actor))
    theirs = forge.project("theirs", owner="mallory")
    with pytest.raises(Refused, match="no such trusted publisher"):
        forge.app.do(remove_publisher, RemovePublisher(theirs.normalized, publisher.id, stranger.actor))
    with pytest.raises(Refused, match="already"):
        forge.trust()


def test_on_a_critical_project_a_new_publisher_waits_and_is_announced(forge: PublishingWorld) -> None:
    forge.project()
    forge.app.do(mark_critical, MarkCritical("demo", "a test"))
    wish = AddPublisher(
        "demo", forge.described(rules={"ref": "refs/tags/*"}), stages_only=True, by=forge.person().actor
    )
    waits = forge.app.do(add_publisher, wish)
    assert isinstance(waits, PendingChange)
    assert "Forge acme/demo release.yml may publish into demo" in waits.sentence
    assert reasons(forge.exchange(forge.token())) == ["invalid-publisher"]
    with pytest.raises(Refused, match="waits already"):
        forge.app.do(add_publisher, wish)
    forge.clock.turn(timedelta(hours=72, minutes=1))
    assert apply_due(forge.app.deeds, waits.id)
    with forge.app.database.read() as sql:
        found = find_project(sql, "demo")
        assert found is not None
        (added,) = publishers_of(sql, found.id)
    assert (added.stages_only, added.rules, added.created_by) == (True, {"ref": "refs/tags/*"}, forge.person().id)
    assert {template for template, _ in forge.letters()} >= {"change-put-off", "publisher-added"}
    # Taking one away makes nothing more dangerous, so it is done at once.
    forge.app.do(remove_publisher, RemovePublisher("demo", added.id, forge.person().actor))


def test_publishers_only_refuses_tokens_and_tokens_come_back_slowly_where_it_matters(forge: PublishingWorld) -> None:
    forge.project()
    owner = forge.person().actor
    switch_on = SetPublishersOnly("demo", on=True, by=owner)
    with pytest.raises(Refused, match="no trusted publisher"):
        forge.app.do(set_publishers_only, switch_on)
    forge.trust()
    forge.app.do(set_publishers_only, switch_on)
    with pytest.raises(Refused, match="so already"):
        forge.app.do(set_publishers_only, switch_on)
    answer = forge.publish(forge.world.tokens["alice"])
    assert (answer.status, "takes no API token" in answer.text) == (403, True)
    assert forge.publish(forge.minted()).status == httpx.codes.OK
    forge.app.do(mark_critical, MarkCritical("demo", "a test"))
    waits = forge.app.do(set_publishers_only, SetPublishersOnly("demo", on=False, by=owner))
    assert waits is not None
    forge.clock.turn(timedelta(hours=73))
    assert apply_due(forge.app.deeds, waits.id)
    assert forge.publish(forge.world.tokens["alice"], version="2.0").status in (200, 202)


def test_whoever_uses_an_old_token_beside_a_publisher_is_told_and_the_owners_once_a_week(
    forge: PublishingWorld,
) -> None:
    forge.project()
    forge.trust()
    old = forge.world.tokens["alice"]
    assert "trusted publisher" not in forge.publish(old, version="0.1").text
    assert "trusted publisher" not in forge.publish(forge.minted(), version="0.2").text
    assert "Forge acme/demo release.yml" in forge.publish(old, version="0.3").text
    forge.clock.turn(timedelta(days=6))
    assert "Forge acme/demo release.yml" in forge.publish(old, version="0.4").text
    assert len(forge.events("token-beside-publisher")) == 1
    forge.clock.turn(timedelta(days=1, minutes=1))
    forge.publish(old, version="0.5")
    assert len(forge.events("token-beside-publisher")) == 2
    assert forge.letters().count(("token-beside-publisher", "alice")) == 2


def test_a28_a_pending_publisher_reserves_nothing(forge: PublishingWorld) -> None:
    waiting = forge.await_project("demo", user="alice")
    forge.project("demo", owner="bob")
    # The same name is taken now, so the token is for nothing.
    assert forge.publish(forge.minted(), "demo").status == 403
    forge.app.do(tidy_publishing, None)
    assert forge.publisher(waiting.id).removed_at is not None
    assert ("pending-publisher-ended", "alice") in forge.letters()
    assert reasons(forge.exchange(forge.token())) == ["invalid-publisher"]
    with pytest.raises(Refused, match="already"):
        forge.await_project("demo", user="alice")
    with pytest.raises(Refused, match="looks too much like"):
        forge.await_project("dem0", user="alice")


def test_a28_a_pending_publisher_expires_after_thirty_days(forge: PublishingWorld) -> None:
    waiting = forge.await_project("demo")
    forge.clock.turn(timedelta(days=29))
    token = forge.minted()
    forge.clock.turn(timedelta(days=1, minutes=1))
    assert reasons(forge.exchange(forge.token())) == ["invalid-publisher"]
    assert forge.publish(token).status == 403
    assert forge.app.do(tidy_publishing, None) == 1
    assert forge.app.do(tidy_publishing, None) == 0
    assert forge.publisher(waiting.id).removed_at is not None


def test_a28_a_frozen_owner_and_one_who_lost_the_organization_make_no_project(forge: PublishingWorld) -> None:
    forge.await_project("demo", user="alice")
    token = forge.minted()
    forge.app.do(freeze, Freeze("alice", "a test"))
    assert forge.publish(token).status == 403
    assert reasons(forge.exchange(forge.token())) == ["invalid-publisher"]
    bob = forge.person("bob")
    made = forge.app.do(create_organization, CreateOrganization("acme", by=bob.actor))
    forge.await_project("theirs", user="bob", organization="acme")
    token = forge.minted()
    with forge.app.database.write() as sql:
        sql.execute(organization_member.update().values(role="member"))
    assert forge.publish(token, "theirs").status == 403
    with forge.app.database.write() as sql:
        sql.execute(organization_member.update().values(role="manager"))
    assert forge.publish(token, "theirs").status == 200
    with forge.app.database.read() as sql:
        found = find_project(sql, "theirs")
        assert found is not None
        assert found.organization_id == made.id
    with pytest.raises(Refused, match="no organization named"):
        forge.await_project("more", user="alice2", organization="acme")


def test_somebody_elses_pending_publisher_cannot_be_withdrawn(forge: PublishingWorld) -> None:
    waiting = forge.await_project("demo", user="alice")
    with pytest.raises(Refused, match="no such trusted publisher"):
        forge.app.do(withdraw_pending, WithdrawPending(waiting.id, forge.person("bob").actor))
    forge.app.do(withdraw_pending, WithdrawPending(waiting.id, COMMAND_LINE))
    with forge.app.database.read() as sql:
        assert pending_of(sql, forge.person("alice").id) == []


def test_nobody_registers_more_than_ten_pending_publishers(forge: PublishingWorld) -> None:
    for number in range(10):
        forge.await_project(f"demo{number}x")
    with pytest.raises(Refused, match="10 pending"):
        forge.await_project("demo-eleven")
    forge.app.do(withdraw_pending, WithdrawPending(1, forge.person().actor))
    with pytest.raises(Refused, match="waits for"):
        forge.await_project("demo5x")


def test_a_deleted_project_has_no_publishers_any_more(forge: PublishingWorld) -> None:
    forge.project()
    forge.trust()
    with forge.app.database.write() as sql:
        sql.execute(project.update().values(deleted_at=forge.clock.now()))
    assert reasons(forge.exchange(forge.token())) == ["invalid-publisher"]


def test_ids_are_learned_once(forge: PublishingWorld) -> None:
    forge.project()
    forge.trust()
    forge.minted()
    forge.minted()
    assert len(forge.events("publisher-learned")) == 1


def test_a_pending_publisher_makes_its_project_by_upload_2_with_a_token_for_one_release(forge: PublishingWorld) -> None:
    mine = forge.await_project("demo")
    token = forge.exchange(forge.token(), features=["single-use-token"]).json()["token"]
    build = Stager(forge.world.client, token)
    session = build.session()
    # While its release is made the name is kept for its owner, and the publisher goes on waiting.
    forge.app.do(tidy_publishing, None)
    assert forge.publisher(mine.id).removed_at is None
    build.add(session, wheel())
    published = build.publish(session)
    assert published.status_code == httpx.codes.CREATED, published.text
    assert build.open("demo", "2.0").status_code == httpx.codes.UNAUTHORIZED
    with forge.app.database.read() as sql:
        found = find_project(sql, "demo")
        assert found is not None
        assert [one.id for one in publishers_of(sql, found.id)] == [mine.id]


def test_incident_24_what_only_stages_waits_for_people_by_either_protocol(forge: PublishingWorld) -> None:
    forge.project()
    forge.trust(stages_only=True)
    token = forge.minted()
    legacy = forge.publish(token)
    assert (legacy.status, "waits for people" in legacy.text) == (202, True)
    build = Stager(forge.world.client, token)
    session = build.session("demo", "2.0")
    build.add(session, wheel(version="2.0"))
    refused = build.publish(session)
    assert refused.status_code in (403, 409), refused.text
    assert (
        forge.world.client.get("/simple/demo/", headers={"accept": "application/vnd.pypi.simple.v1+json"}).json()[
            "files"
        ]
        == []
    )


def test_a35_a_project_that_goes_to_another_holder_leaves_its_publishers_behind(forge: PublishingWorld) -> None:
    forge.project()
    forge.trust()
    token = forge.minted()
    bob = forge.person("bob")
    forge.app.do(create_organization, CreateOrganization("acme", by=bob.actor))
    forge.app.do(transfer_to_organization, TransferToOrganization("demo", "acme", "demo", by=COMMAND_LINE))
    assert forge.publish(token).status == httpx.codes.UNAUTHORIZED
    assert reasons(forge.exchange(forge.token())) == ["invalid-publisher"]
    assert [entry.project for entry in forge.events("publisher-removed")] == ["demo"]

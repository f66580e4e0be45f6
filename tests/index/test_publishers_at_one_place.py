"""Several people may name one place where builds come from: none of them gets anything of the others by that."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from clock import TurnableClock
from customhouse.accounts.tables import account
from customhouse.catalog.queries import find_project
from customhouse.catalog.tables import project_role
from customhouse.index.publishing import mint
from customhouse.index.publishing.add import RemovePublisher, remove_publisher
from customhouse.index.publishing.only import SetPublishersOnly, set_publishers_only
from packages import wheel
from publishing import WORKFLOW, PublishingWorld, publishing_world, reasons
from staging import Stager
from trust.claims import GITHUB
from world import World

pytestmark = pytest.mark.slow

IN_ENVIRONMENT, OTHER = {**WORKFLOW, "environment": "pypi"}, {**WORKFLOW, "workflow": "nonsense.yml"}


@pytest.fixture
def forge(small_world: World, clock: TurnableClock) -> Iterator[PublishingWorld]:
    with publishing_world(small_world.app.settings, clock) as made:
        yield made


def owners(forge: PublishingWorld, name: str) -> list[str]:
    with forge.app.database.read() as sql:
        found = find_project(sql, name)
        if found is None:
            return []
        rows = sql.execute(
            sa.select(account.c.name)
            .join(project_role, project_role.c.account_id == account.c.id)
            .where(project_role.c.project_id == found.id)
        )
        return [row.name for row in rows]


def test_a_pending_publisher_that_a_build_is_not_owns_nothing_that_it_makes(forge: PublishingWorld) -> None:
    forge.project("tool")
    forge.trust("tool")
    forge.await_project("fresh", user="eve", settings=OTHER)
    forge.await_project("fresh")
    token = forge.minted()
    session = Stager(forge.world.client, token).session("fresh", "0.1")
    assert Stager(forge.world.client, token).publish(session).status_code == 201
    assert owners(forge, "fresh") == ["alice"]
    assert forge.publish(forge.minted(), "fresh").status == 200


@pytest.mark.parametrize("first", ["alice", "eve"])
def test_a_name_that_several_await_with_the_same_builds_goes_to_none_of_them(
    forge: PublishingWorld, first: str
) -> None:
    second = "eve" if first == "alice" else "alice"
    forge.await_project("fresh", user=first)
    forge.await_project("fresh", user=second, settings=IN_ENVIRONMENT)
    answer = forge.exchange(forge.token())
    assert (answer.status_code, reasons(answer)) == (422, ["invalid-pending-publisher"])
    assert (
        sorted(json.loads(entry.body)["name"] for entry in forge.events("pending-publisher-contested")) == ["fresh"] * 2
    )
    assert {reader for _template, reader in forge.letters()} >= {"alice", "eve"}
    assert owners(forge, "fresh") == []
    forge.project("fresh")
    assert owners(forge, "fresh") == ["alice"]


def test_a_contested_name_keeps_nobody_from_his_other_projects(forge: PublishingWorld) -> None:
    forge.project()
    forge.trust()
    forge.await_project("fresh", user="eve")
    forge.await_project("fresh")
    token = forge.minted()
    assert forge.publish(token).status == 200
    assert forge.publish(token, "fresh").status == 403


def test_a_publisher_that_only_stages_says_so_of_its_own_project_alone(forge: PublishingWorld) -> None:
    forge.project()
    forge.trust()
    forge.project("evil", owner="eve")
    forge.trust("evil", owner="eve", stages_only=True)
    token = forge.minted()
    assert forge.publish(token).status == 200
    assert forge.publish(token, "evil").status == 202


def test_many_projects_of_others_keep_no_build_from_its_own(
    forge: PublishingWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(40):
        forge.project(f"evil{number}x{number * 7}", owner="eve")
        forge.trust(f"evil{number}x{number * 7}", owner="eve")
    forge.project()
    forge.trust()
    assert forge.publish(forge.minted()).status == 200
    monkeypatch.setattr(mint, "MOST_PROJECTS", 3)
    assert forge.publish(forge.minted(), version="2.0").status == 200, "whoever has published goes first"


def test_a_removed_publisher_takes_no_others_along_and_nothing_outlives_it(forge: PublishingWorld) -> None:
    forge.project("evil", owner="eve")
    theirs = forge.trust("evil", owner="eve")
    forge.project()
    ours = forge.trust()
    forge.trust(settings=OTHER)
    token = forge.minted()
    forge.app.do(remove_publisher, RemovePublisher("evil", theirs.id, forge.person("eve").actor))
    assert forge.publish(token).status == 200
    assert forge.publish(token, "evil").status == 403
    forge.app.do(remove_publisher, RemovePublisher("demo", ours.id, forge.person().actor))
    assert forge.publish(token, version="2.0").status == 403


def test_whoever_names_the_place_of_others_hears_nothing_of_their_builds(forge: PublishingWorld) -> None:
    forge.project("evil", owner="eve")
    forge.trust("evil", owner="eve")
    forge.project()
    forge.trust()
    assert forge.publish(forge.minted()).status == 200
    told = [entry.body for entry in forge.events("publisher-token-minted") if entry.project == "evil"]
    assert len(told) == 1
    assert GITHUB["sha"] not in told[0]
    assert [entry.project for entry in forge.events("release-built")] == ["demo"]


def test_a_refused_id_token_is_used_up_and_noted_once_an_hour(forge: PublishingWorld) -> None:
    forge.project()
    forge.trust(settings=OTHER)
    token = forge.token()
    for _ in range(3):
        assert forge.exchange(token).status_code == 422
    assert len(forge.events("publisher-token-refused")) == 1
    forge.trust()
    assert reasons(forge.exchange(token)) == ["invalid-reuse-token"]
    assert forge.publish(forge.minted()).status == 200


def test_what_a_token_has_sent_is_not_published_once_only_publishers_may(forge: PublishingWorld) -> None:
    forge.project()
    forge.trust()
    alice = Stager(forge.world.client, forge.world.tokens["alice"])
    session = alice.session()
    alice.add(session, wheel())
    forge.app.do(set_publishers_only, SetPublishersOnly("demo", on=True, by=forge.person().actor))
    answer = Stager(forge.world.client, forge.minted()).publish(session)
    assert (answer.status_code, answer.json()["code"]) == (403, "publishers-only")

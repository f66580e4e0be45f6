"""Ultralytics, December 2024 (incident 12): first a poisoned build, then an API token from before trusted publishing.

The project had moved to a trusted publisher, and nobody had revoked the old token. When the workflow was repaired, the
attackers used the token for two more releases. They had no provenance, as everything before had.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from attesting import House, Workflow, attest
from clock import TurnableClock
from conftest import prepared
from customhouse.catalog.staged import ongoing_sessions
from customhouse.index.mark_critical import MarkCritical, mark_critical
from customhouse.index.publishing.only import SetPublishersOnly, set_publishers_only
from customhouse.infra.settings import Settings
from neighbours import actor
from packages import wheel
from publishing import WORKFLOW, PublishingWorld, publishing_world
from world import Answered

pytestmark = pytest.mark.slow
REPAIRED = datetime(2024, 12, 7, 1, 41, tzinfo=UTC)


@pytest.fixture
def ultralytics(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[PublishingWorld]:
    """Released by glenn's token once, and since then by its workflow with provenance."""
    clock = TurnableClock(REPAIRED - timedelta(days=60))
    settings = prepared(Settings.model_validate({"data": tmp_path / "data"}), request)
    with publishing_world(settings, clock) as made:
        made.project("ultralytics", owner="glenn")
        assert by_old_token(made, "8.0.0").status == 200
        made.trust("ultralytics", owner="glenn", settings={**WORKFLOW, "repository": "demo"})
        for version in ("8.3.39", "8.3.40"):
            clock.turn(timedelta(days=7))
            by_workflow(made, version)
        clock.turn(timedelta(days=30))
        yield made


def by_workflow(world: PublishingWorld, version: str) -> None:
    """A release with provenance."""
    dist = wheel("ultralytics", version)
    assert world.publish(world.minted(), "ultralytics", version).status == 200
    attest(world.app, dist, House(world.clock).verified(dist, Workflow(repository="acme/demo")))


def by_old_token(world: PublishingWorld, version: str = "8.3.45") -> Answered:
    return world.world.upload(wheel("ultralytics", version), user="glenn", name="ultralytics", version=version)


def test_ultralytics_a_release_without_the_provenance_of_all_before_waits_and_the_owner_is_told(
    ultralytics: PublishingWorld,
) -> None:
    world = ultralytics
    make_critical(world)
    answer = by_old_token(world)
    assert answer.status == 202, answer.text
    assert "8.3.45 has no provenance; 8.3.40, before it, had provenance." in answer.text
    [held] = world.events("release-held")
    assert held.project == "ultralytics"
    assert ("release-held", "glenn") in world.letters()
    page = world.world.client.get("/simple/ultralytics/", headers={"accept": "application/vnd.pypi.simple.v1+json"})
    assert "8.3.45" not in page.json()["versions"]


def test_ultralytics_a_project_that_takes_publishers_only_refuses_the_token(ultralytics: PublishingWorld) -> None:
    world = ultralytics
    world.app.do(set_publishers_only, SetPublishersOnly("ultralytics", on=True, by=actor(world.world, "glenn")))
    answer = by_old_token(world)
    assert answer.status == 403, answer.text
    assert "takes no API token" in answer.text
    assert world.publish(world.minted(), "ultralytics", "8.3.46").status == 200


def test_ultralytics_everywhere_else_the_owner_hears_of_a_token_beside_a_publisher(
    ultralytics: PublishingWorld,
) -> None:
    """Not critical, and no rule: the release appears, and its owner is warned in the answer and by letter."""
    world = ultralytics
    answer = by_old_token(world)
    assert answer.status == 200, answer.text
    assert "revoke it" in answer.text
    assert any(reader == "glenn" and "token" in template for template, reader in world.letters())


# The same with the ways that a thief of the token has to choose what its release is measured by.


def make_critical(world: PublishingWorld) -> None:
    world.app.do(mark_critical, MarkCritical("ultralytics", "60 million downloads.", critical=True))


def codes_of_holds(world: PublishingWorld) -> list[str]:
    with world.app.database.read() as sql:
        return [one["code"] for session in ongoing_sessions(sql, "ultralytics") for one in session.reasons]


def test_ultralytics_whoever_yanks_what_had_provenance_is_measured_by_it_still(ultralytics: PublishingWorld) -> None:
    make_critical(ultralytics)
    token = ("__token__", ultralytics.world.tokens["glenn"])
    for version in ("8.3.39", "8.3.40"):
        address = f"/api/projects/ultralytics/versions/{version}/yank"
        assert ultralytics.world.client.post(address, json={"reason": "broken"}, auth=token).status_code == 200
    answer = by_old_token(ultralytics, "8.3.46")
    assert answer.status == 202, answer.text
    assert codes_of_holds(ultralytics) == ["provenance-lost"]


def test_ultralytics_an_old_line_without_provenance_is_no_way_around_the_newest(ultralytics: PublishingWorld) -> None:
    make_critical(ultralytics)
    answer = by_old_token(ultralytics, "8.0.1")
    assert answer.status == 202, answer.text
    assert codes_of_holds(ultralytics) == ["provenance-lost"]


def test_ultralytics_no_file_without_provenance_joins_a_release_that_has_it(ultralytics: PublishingWorld) -> None:
    by_workflow(ultralytics, "8.0.1")
    make_critical(ultralytics)
    more = wheel("ultralytics", "8.0.1", tag="cp312-cp312-manylinux_2_28_x86_64")
    answer = ultralytics.world.upload(more, user="glenn", name="ultralytics", version="8.0.1")
    assert answer.status == 202, answer.text
    assert "every file of 8.0.1 that is listed has it" in answer.text
    assert codes_of_holds(ultralytics) == ["provenance-lost"]

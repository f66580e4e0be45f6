"""Mini Shai-Hulud, 11 May 2026 (incident 24, CVE-2026-45321): valid builds by a stolen identity, forty projects in minutes.

A poisoned cache made the release workflow of one organization run foreign code, which took the ID token out of the
runner's memory. Every upload came from the right repository, workflow and environment, with true provenance. No check of
identity can tell; so people outside the runner must approve, or at least be asked when a worm's pace shows.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from clock import TurnableClock
from customhouse.index.approving.holds import BURST_PROJECTS
from customhouse.index.approving.set_rule import SetRule, set_rule
from customhouse.index.mark_critical import MarkCritical, mark_critical
from neighbours import join
from packages import wheel
from publishing import WORKFLOW, PublishingWorld, publishing_world
from staging import Stager
from world import Answered, World

pytestmark = pytest.mark.slow
PROJECTS = tuple(f"router-{number}" for number in range(1, 9))
RULED, STAGED = "history", "start"
"""One project asks for an approval, one has a publisher that only stages."""


@pytest.fixture
def tanstack(small_world: World, clock: TurnableClock) -> Iterator[PublishingWorld]:
    """Ten critical projects of one organization at the forge, each released by its own workflow a month ago."""
    with publishing_world(small_world.app.settings, clock) as made:
        for name in (*PROJECTS, RULED, STAGED):
            made.project(name)
            join(made.world, "tanner", project=name)
            made.trust(name, settings={**WORKFLOW, "repository": name}, stages_only=name == STAGED)
            made.clock.turn(timedelta(hours=1))
        for name in (*PROJECTS, RULED):
            assert made.publish(stolen(made, name), name, "1.0").status == 200
            made.clock.turn(timedelta(hours=1))
        for name in (*PROJECTS, RULED, STAGED):
            made.app.do(mark_critical, MarkCritical(name, "Many build on it.", critical=True))
        made.app.do(set_rule, SetRule(RULED, approvals=1))
        made.clock.turn(timedelta(days=30))
        yield made


def stolen(world: PublishingWorld, name: str) -> str:
    """A token for a build of that repository: nothing about it is false."""
    repository = f"acme/{name}"
    workflow = f"{repository}/.github/workflows/release.yml@refs/tags/v1.0"
    return world.minted(
        sub=f"repo:{repository}:environment:pypi", repository=repository, repository_id=str(sum(name.encode())),
        workflow_ref=workflow, job_workflow_ref=workflow,
    )  # fmt: skip


def strike(world: PublishingWorld, name: str) -> Answered:
    """The worm comes to the next project, some seconds later."""
    world.clock.turn(timedelta(seconds=9))
    return world.publish(stolen(world, name), name, "1.1")


def listed(world: PublishingWorld, name: str) -> set[str]:
    answer = world.world.client.get(f"/simple/{name}/", headers={"accept": "application/vnd.pypi.simple.v1+json"})
    return set(answer.json()["versions"])


def test_mini_shai_hulud_with_valid_identity_and_provenance_is_stopped_where_people_approve(
    tanstack: PublishingWorld,
) -> None:
    for name, why in ((RULED, "asks one person to approve"), (STAGED, "may only stage releases")):
        answer = strike(tanstack, name)
        assert answer.status == 202, answer.text
        assert why in answer.text
        assert "1.1" not in listed(tanstack, name)


def test_mini_shai_hulud_the_pace_of_a_worm_is_held_and_the_owners_are_told(tanstack: PublishingWorld) -> None:
    answers = {name: strike(tanstack, name) for name in PROJECTS}
    appeared = [name for name, answer in answers.items() if answer.status == 200]
    held = [name for name, answer in answers.items() if answer.status == 202]
    # What comes before the pace can be seen gets through: that is why a project should ask for approvals.
    assert appeared == list(PROJECTS[: BURST_PROJECTS - 1])
    assert held == list(PROJECTS[BURST_PROJECTS - 1 :])
    assert all("other projects within 10 minutes" in answers[name].text for name in held)
    assert all("1.1" not in listed(tanstack, name) for name in held)
    assert [entry.project for entry in tanstack.events("release-held")] == held
    told = [reader for template, reader in tanstack.letters() if template == "release-held"]
    assert told == ["alice"] * len(held)


def test_mini_shai_hulud_a_session_that_was_begun_before_the_burst_is_held_too(tanstack: PublishingWorld) -> None:
    """The worm makes all releases ready first and publishes them in one moment."""
    world = tanstack
    stagers = {name: Stager(world.world.client, stolen(world, name)) for name in PROJECTS}
    sessions = {}
    for name, stager in stagers.items():
        sessions[name] = stager.session(name, "1.1")
        stager.add(sessions[name], wheel(name, "1.1"))
    outcomes = {name: stager.publish(sessions[name]).status_code for name, stager in stagers.items()}
    assert set(outcomes.values()) == {409}, outcomes
    assert all("1.1" not in listed(world, name) for name in PROJECTS)


def test_mini_shai_hulud_releases_at_a_humans_pace_are_not_held(tanstack: PublishingWorld) -> None:
    for name in PROJECTS:
        tanstack.clock.turn(timedelta(minutes=4))
        assert tanstack.publish(stolen(tanstack, name), name, "1.1").status == 200

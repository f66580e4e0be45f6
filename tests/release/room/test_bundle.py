"""The bundle of a run: made once when it is over, for everybody when it is published, without opening what it names."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from clock import TurnableClock
from customhouse.catalog.release_objects import release_object
from customhouse.catalog.tables import project
from customhouse.release.events import Attested, Checked, StepDone
from customhouse.release.evidence.bundle import ROOT, STATEMENTS, read_bundle
from customhouse.release.room.runs import find_run
from customhouse.release.room.tables import release_run
from customhouse.release.room.writer import BUNDLE_JOB
from customhouse.release.things import Thing
from customhouse.release.work.room_door import BEING_MADE, Place, RoomDoor
from customhouse.terms.errors import Broken
from customhouse.work import run_due_job
from meeting import BODY, BUILT, Machine, Meeting, meeting

pytestmark = pytest.mark.slow
PROOF = Thing("proof-1.0.txt", "sha256", BUILT.digest, BUILT.size_bytes)


@pytest.fixture
def here(request: pytest.FixtureRequest, tmp_path: Path, clock: TurnableClock) -> Iterator[Meeting]:
    with meeting(request, tmp_path, clock) as made:
        yield made


def approved(here: Meeting) -> Machine:
    """Everything is done but the last step, which this machine does."""
    here.built()
    for name in ("rosa", "wim", "mia"):
        assert here.decide(name, "approve", step="stop").is_success
    return here.machine("ci-b")


def released(here: Meeting) -> None:
    answer = approved(here).do("prove", {"proof": (PROOF,)})
    assert answer.is_success, answer.text
    assert here.state.status == "released"


def made(here: Meeting) -> str | None:
    with here.world.app.database.read() as sql:
        return find_run(sql, here.run).bundle


def published(here: Meeting) -> None:
    with here.world.app.database.write() as sql:
        now = here.world.clock.now()
        sql.execute(release_run.update().where(release_run.c.id == here.run).values(published_at=now))


def page(here: Meeting) -> str:
    return f"/release/run/{here.run}/"


def test_a_stranger_gets_the_bundle_of_a_published_run_and_it_is_whole(here: Meeting) -> None:
    assert here.open().status_code == 201
    released(here)
    assert run_due_job(here.world.app, only={BUNDLE_JOB})
    published(here)
    stranger = here.world.stranger()
    assert f'href="{page(here)}bundle"' in stranger.get(page(here)).text
    answer = stranger.get(f"{page(here)}bundle")
    assert answer.status_code == 200
    assert answer.headers["content-disposition"] == 'attachment; filename="demo-1.0.release.tar"'
    assert hashlib.sha256(answer.content).hexdigest() == made(here)
    read = read_bundle(answer.content)
    assert list(read.lines) == here.lines


def test_nobody_else_gets_it_before_that_and_of_a_private_project_never(here: Meeting) -> None:
    assert here.open().status_code == 201
    stranger, rosa = here.world.stranger(), here.world.person("rosa")
    assert rosa.get(f"{page(here)}bundle").status_code == 404
    released(here)
    assert run_due_job(here.world.app, only={BUNDLE_JOB})
    api = f"{here.address}/bundle"
    assert here.client.get(api, headers=here.program("rosa")).status_code == 200
    assert here.client.get(api, headers=here.program("stranger")).status_code == 404
    assert here.client.get(api).status_code == 401
    never = stranger.get(f"{page(here).replace(here.run, 'a' * 26)}bundle")
    found = stranger.get(f"{page(here)}bundle")
    assert (found.status_code, never.status_code) == (404, 404)
    published(here)
    with here.world.app.database.write() as sql:
        sql.execute(project.update().values(visibility="private"))
    assert stranger.get(f"{page(here)}bundle").status_code == 404
    assert rosa.get(f"{page(here)}bundle").status_code == 200


def test_whoever_asks_while_it_is_being_made_waits_for_it(here: Meeting) -> None:
    assert here.open().status_code == 201
    released(here)
    asked = here.client.get(f"{here.address}/bundle", headers=here.program("rosa"))
    assert (asked.status_code, asked.json()["code"]) == (404, BEING_MADE)

    def makes(seconds: float) -> bool:
        assert seconds < 2
        assert run_due_job(here.world.app, only={BUNDLE_JOB})
        return False

    token = here.program("rosa")["authorization"].partition(" ")[2]
    door = RoomDoor(Place(str(here.client.base_url).rstrip("/"), here.run), token=token)
    door.close()
    here.client.headers["accept"] = "application/json"
    door._client = here.client
    door.stopped = makes
    assert hashlib.sha256(door.bundle()).hexdigest() == made(here)
    with here.world.app.database.write() as sql:
        sql.execute(release_run.update().values(bundle=None))
    here.world.clock.turn(timedelta(minutes=5))
    late = here.client.get(f"{here.address}/bundle", headers=here.program("rosa"))
    assert (late.status_code, late.json()["code"]) == (404, "no-bundle")


def test_it_is_made_once_and_again_the_same(here: Meeting) -> None:
    assert here.open().status_code == 201
    released(here)
    assert made(here) is None
    assert run_due_job(here.world.app, only={BUNDLE_JOB})
    first = made(here)
    app = here.world.app
    app.room.bundle(here.run, app.settings.data / "spool", app.roots)
    assert made(here) == first
    with app.database.write() as sql:
        sql.execute(release_run.update().values(bundle=None))
    app.room.bundle(here.run, app.settings.data / "spool", app.roots)
    assert made(here) == first


def test_the_server_opens_nothing_that_the_places_name(here: Meeting, tmp_path: Path) -> None:
    secret = tmp_path / "trust.json"
    secret.write_text('{"trustedRoot": {"secret": "of the server"}}')
    place = {"trust_config": str(secret), "attest": "false"}
    assert here.open(places={"sigstore": place}).status_code == 201
    released(here)
    assert run_due_job(here.world.app, only={BUNDLE_JOB})
    body = here.client.get(f"{here.address}/bundle", headers=here.program("rosa")).content
    assert b"of the server" not in body
    assert ROOT not in read_bundle(body).members


def test_the_trust_root_is_one_of_ours_that_the_signing_step_has_noted(here: Meeting) -> None:
    assert here.open().status_code == 201
    root = json.dumps(json.loads(here.world.app.roots[0].text), sort_keys=True, separators=(",", ":")).encode()
    machine = approved(here)
    begun = machine.started("prove")
    facts = {"trust_root_sha256": hashlib.sha256(root).hexdigest()}
    checked = Checked("prove", 1, "handover", ok=True, expected="", saw="")
    assert machine.say(begun, checked, StepDone("prove", 1, {"proof": (PROOF,)}, facts)).is_success
    assert run_due_job(here.world.app, only={BUNDLE_JOB})
    body = here.client.get(f"{here.address}/bundle", headers=here.program("rosa")).content
    assert read_bundle(body).members[ROOT] == root


def test_files_that_are_too_large_for_a_bundle_are_not_read(here: Meeting) -> None:
    assert here.open().status_code == 201
    machine = approved(here)
    large = Thing("large.json", "sha256", BUILT.digest, BUILT.size_bytes)
    assert machine.say(Attested("", "https://example.org/odd", large, ())).is_success
    assert machine.do("prove", {"proof": (PROOF,)}).is_success
    app = here.world.app
    with app.database.write() as sql:
        sql.execute(release_object.update().values(size_bytes=9_000_000_000))
    with pytest.raises(Broken, match="too large"):
        app.room.bundle(here.run, app.settings.data / "spool", app.roots)
    with app.database.write() as sql:
        sql.execute(release_object.update().values(size_bytes=len(BODY)))
    app.room.bundle(here.run, app.settings.data / "spool", app.roots)
    body = here.client.get(f"{here.address}/bundle", headers=here.program("rosa")).content
    assert read_bundle(body).below(STATEMENTS) == {"large.json": BODY}

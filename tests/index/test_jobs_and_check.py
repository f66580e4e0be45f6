"""The worker's loop, and `check`, which must find what is broken on purpose."""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from customhouse.app import read_key
from customhouse.catalog.tables import file, release
from customhouse.infra import jobs
from customhouse.infra.settings import Settings
from customhouse.infra.tables import job
from customhouse.ledger.tables import ledger_event
from customhouse.terms.errors import Unavailable
from customhouse.work import AT_ONCE, PERIODIC, run_due_job, seed_periodic_jobs, work
from packages import wheel
from world import World


def waiting(world: World) -> list[tuple[str, bool]]:
    with world.app.database.read() as sql:
        rows = sql.execute(sa.select(job.c.name, job.c.parked_at).order_by(job.c.id)).all()
    return [(row.name, row.parked_at is not None) for row in rows]


def test_a_periodic_job_runs_and_waits_again(world: World) -> None:
    seed_periodic_jobs(world.app)
    seed_periodic_jobs(world.app)
    everything = [(name, False) for name in sorted(PERIODIC)]
    assert sorted(waiting(world)) == everything
    for _ in AT_ONCE:
        assert run_due_job(world.app)
    assert not run_due_job(world.app)
    assert sorted(waiting(world)) == everything
    world.clock.turn(max(PERIODIC.values()))
    for _ in PERIODIC:
        assert run_due_job(world.app)
    assert not run_due_job(world.app)
    assert sorted(waiting(world)) == everything


def test_a_job_that_nobody_knows_is_kept_and_parked_in_the_end(small_world: World) -> None:
    with small_world.app.database.write() as sql:
        jobs.add(sql, "from-the-future", {}, due_at=small_world.clock.now())
    for _ in range(small_world.app.settings.job_attempts):
        assert run_due_job(small_world.app)
        small_world.clock.turn(timedelta(days=1))
    assert waiting(small_world) == [("from-the-future", True)]
    (finding,) = [finding for checked in small_world.app.check() for finding in checked.findings]
    assert "from-the-future" in finding
    with small_world.app.database.write() as sql:
        sql.execute(job.delete())


def test_the_worker_stops_when_it_is_told(small_world: World) -> None:
    stop = threading.Event()
    worker = threading.Thread(target=work, args=(small_world.app.settings, stop))
    worker.start()
    stop.set()
    worker.join(10)
    assert not worker.is_alive()
    assert ("sweep", False) in waiting(small_world)


BREAKAGES = {
    "another digest in the row": (file.update().values(digest="0" * 64), ["is missing", "acknowledged with"]),
    "a changed ledger": (ledger_event.update().where(ledger_event.c.serial == 1).values(body="{}"), ["other contents"]),
    "a missing row": (file.delete(), ["acknowledged and not listed", "without files"]),
    "an empty release": (
        sa.insert(release).from_select(
            ["project_id", "version", "created_at"],
            sa.select(release.c.project_id, sa.literal("9"), release.c.created_at),
        ),
        ["demo 9: a release without files"],
    ),
}


@pytest.mark.parametrize("kind", BREAKAGES)
def test_check_finds_what_was_broken(tmp_path: Path, request: pytest.FixtureRequest, kind: str) -> None:
    world: World = request.getfixturevalue("broken_world")
    statement, sentences = BREAKAGES[kind]
    assert world.upload(wheel()).status == 200
    with world.app.database.write() as sql:
        sql.exec_driver_sql("PRAGMA foreign_keys=OFF")
        sql.execute(statement)
    found = " ".join(finding for checked in world.app.check() for finding in checked.findings)
    assert all(sentence in found for sentence in sentences), found
    assert tmp_path.exists()


def test_check_finds_a_flipped_byte(broken_world: World) -> None:
    from customhouse.terms.digest import Digest  # noqa: PLC0415 - beside its only use

    assert broken_world.upload(wheel()).status == 200
    place = broken_world.app.blobs.locate(Digest(wheel().sha256))
    assert isinstance(place, Path)
    body = bytearray(place.read_bytes())
    body[len(body) // 2] ^= 1
    place.write_bytes(body)
    found = [finding for checked in broken_world.app.check(sample=10) for finding in checked.findings]
    assert len(found) == 1
    assert "has the digest" in found[0]


@pytest.mark.parametrize("content", [None, "zz", "abcd"])
def test_a_missing_or_damaged_key_is_named(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "server.key").write_text(content)
    with pytest.raises(Unavailable, match=r"server\.key"):
        read_key(Settings.model_validate({"data": tmp_path}))

"""Races of the lifecycle as named interleavings, on both databases: whoever comes second sees what the first has done.

A rival's deed runs to its end in the middle of another one: right after a first look and before the deed that relies on
it. Where the deed holds the project's row, the rival must wait; then the test lets both run and looks at the outcome.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from customhouse.accounts.users import find_user
from customhouse.catalog.tables import project, project_role
from customhouse.formats.examination import Examination
from customhouse.index.delete import Delete
from customhouse.index.quarantine_by_hand import QuarantineProject, order_project_quarantine
from customhouse.index.restore import Restore, restore
from customhouse.index.yank import Yank, yank
from customhouse.terms.errors import CustomhouseError
from customhouse.terms.identity import COMMAND_LINE, Actor
from packages import sdist, wheel
from world import Answered, World

JSON = {"accept": "application/vnd.pypi.simple.v1+json"}


def actor(world: World, name: str = "alice") -> Actor:
    world.user(name)
    with world.app.database.read() as sql:
        return find_user(sql, name).actor


def files(world: World) -> dict[str, object]:
    answer = world.client.get("/simple/demo/", headers=JSON)
    return {one["filename"]: one["yanked"] for one in answer.json()["files"]} if answer.status_code == 200 else {}


@contextmanager
def while_the_file_is_read(world: World, act: Callable[[], object]) -> Iterator[None]:
    """The rival acts after the upload's first look at its rights and before its deed."""
    read = world.app.reception._examine

    def examine(path: Path, filename: str) -> Examination:
        found = read(path, filename)
        act()
        return found

    world.app.reception._examine = examine
    try:
        yield
    finally:
        world.app.reception._examine = read


def upload_while(world: World, act: Callable[[], object], user: str = "alice") -> Answered:
    with while_the_file_is_read(world, act):
        return world.upload(wheel(version="2.0"), version="2.0", user=user)


def drop_role(world: World, name: str) -> None:
    person = actor(world, name)
    with world.app.database.write() as sql:
        sql.execute(project_role.delete().where(project_role.c.account_id == person.account_id))


def make_maintainer(world: World, name: str) -> None:
    person = actor(world, name)
    with world.app.database.write() as sql:
        project_id = sql.execute(sa.select(project.c.id).where(project.c.normalized == "demo")).scalar_one()
        sql.execute(
            project_role.insert().values(project_id=project_id, account_id=person.account_id, role="maintainer")
        )


def test_p8_a_role_that_is_removed_while_the_file_is_read_uploads_nothing(world: World) -> None:
    assert world.upload(wheel()).status == 200
    make_maintainer(world, "bob")
    answer = upload_while(world, lambda: drop_role(world, "bob"), user="bob")
    assert (answer.status, "neither an owner nor a maintainer" in answer.text) == (403, True)
    assert list(files(world)) == [wheel().filename]
    world.app.sweep()


def test_p8_an_upload_into_a_project_that_is_deleted_meanwhile_is_refused(world: World) -> None:
    assert world.upload(wheel()).status == 200
    answer = upload_while(world, lambda: world.app.remove(Delete("demo", typed="demo", by=actor(world))))
    assert (answer.status, "was deleted" in answer.text) == (403, True)
    assert files(world) == {}
    assert world.app.do(restore, Restore("demo", by=actor(world))) == [wheel().filename]


def test_p8_an_upload_into_a_project_that_is_quarantined_meanwhile_is_refused(world: World) -> None:
    assert world.upload(wheel()).status == 200
    answer = upload_while(world, lambda: world.app.do(order_project_quarantine, QuarantineProject("demo", "malware")))
    assert answer.status == 403
    page = world.client.get("/simple/demo/", headers=JSON).json()
    assert (page["files"], page["versions"]) == ([], ["1.0"])


def test_p8_a_release_that_is_yanked_meanwhile_has_a_yanked_new_file(world: World) -> None:
    assert world.upload(wheel()).status == 200
    with while_the_file_is_read(world, lambda: world.app.do(yank, Yank("demo", "1.0", reason="bad", by=actor(world)))):
        assert world.upload(sdist()).status == 200
    assert files(world) == {wheel().filename: "bad", sdist().filename: "bad"}


def test_p8_a_release_that_is_deleted_meanwhile_takes_no_file(world: World) -> None:
    assert world.upload(wheel()).status == 200
    gone = Delete("demo", "1.0", typed="demo 1.0", by=actor(world))
    with while_the_file_is_read(world, lambda: world.app.remove(gone)):
        answer = world.upload(sdist())
    assert (answer.status, "was deleted" in answer.text) == (403, True)
    assert files(world) == {}


def test_p8_restoring_against_making_anew_gives_back_the_old_project(world: World) -> None:
    assert world.upload(wheel()).status == 200
    world.app.remove(Delete("demo", typed="demo", by=actor(world)))
    refused = world.upload(wheel(version="2.0"), version="2.0")
    assert refused.status == 403
    world.app.do(restore, Restore("demo", by=actor(world)))
    answer = upload_while(world, lambda: None)
    assert answer.status == 200
    assert list(files(world)) == [wheel().filename, wheel(version="2.0").filename]


def both(*deeds: Callable[[], object]) -> list[str]:
    """All at once; the code of each refusal, or "done"."""
    barrier = threading.Barrier(len(deeds))

    def run(deed: Callable[[], object]) -> str:
        barrier.wait()
        try:
            deed()
        except CustomhouseError as error:
            return error.code
        return "done"

    with ThreadPoolExecutor(len(deeds)) as threads:
        return list(threads.map(run, deeds))


@pytest.mark.slow
def test_p8_of_many_deletions_and_restorations_each_sees_the_one_before(world: World) -> None:
    assert world.upload(wheel()).status == 200
    owner = actor(world)

    def gone() -> object:
        return world.app.remove(Delete("demo", typed="demo", by=owner))

    def back() -> object:
        return world.app.do(restore, Restore("demo", by=owner))

    for _ in range(5):
        said = both(gone, back, gone, back, gone, back)
        assert set(said) <= {"done", "deleted-already", "not-deleted"}
        with world.app.database.read() as sql:
            deleted = sql.execute(sa.select(project.c.deleted_at)).scalar_one() is not None
        assert (files(world) == {}) is deleted
    if files(world) == {}:
        back()


@pytest.mark.slow
def test_p8_uploads_yanks_and_quarantines_at_once_leave_one_truth(world: World) -> None:
    assert world.upload(wheel()).status == 200
    owner = actor(world)

    def upload(number: int) -> Callable[[], object]:
        return lambda: world.upload(wheel(version=f"3.{number}"), version=f"3.{number}")

    said = both(
        upload(1), upload(2), upload(3),
        lambda: world.app.do(yank, Yank("demo", "1.0", by=owner)),
        lambda: world.app.do(order_project_quarantine, QuarantineProject("demo", "x", by=COMMAND_LINE)),
    )  # fmt: skip
    assert said == ["done"] * 5
    page = world.client.get("/simple/demo/", headers=JSON).json()
    assert (page["files"], page["project-status"]["status"]) == ([], "quarantined")
    for name in (wheel().filename, wheel(version="3.1").filename):
        assert world.client.get(f"/files/demo/{name}").status_code in (403, 404)

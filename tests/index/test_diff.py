"""Comparing two releases: who may compare what, on every store, without leaving anything behind."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from customhouse.app import App
from customhouse.catalog import queries
from customhouse.catalog.tables import file, project, release
from customhouse.formats.release_diff import ReleaseDiff
from customhouse.index.diff import REMEMBERED, WAITING, Comparable, Comparisons, comparable
from customhouse.index.vouch import owners_addresses
from customhouse.infra.walkers import ReadFile, Walkers
from customhouse.terms.digest import Digest
from customhouse.terms.errors import Broken, Refused, Unavailable
from packages import Dist, sdist, wheel
from world import World


def publish(world: World, *dists: Dist) -> None:
    for dist in dists:
        version = dist.filename.removesuffix(".tar.gz").split("-")[1]
        answer = world.upload(dist, version=version)
        assert answer.status == 200, answer.text


@pytest.fixture
def two_releases(world: World) -> World:
    publish(
        world, wheel(version="1.0"), sdist(version="1.0"),
        wheel(version="2.0", files={"demo/__init__.py": b"new = 1\n", "demo.pth": b"import demo\n"}), sdist(version="2.0"),
    )  # fmt: skip
    return world


def look(app: App, old: str = "1.0", new: str = "2.0", *, allow_hidden: bool = False) -> Comparable:
    with app.database.read() as sql:
        found = queries.find_project(sql, "demo")
        assert found is not None
        return comparable(sql, found, old, new, allow_hidden=allow_hidden)


def set_columns(app: App, table: sa.Table, which: sa.ColumnElement[bool], **values: object) -> None:
    """Put the catalog into a state that a deed of another room would bring about."""
    with app.database.write() as sql:
        sql.execute(table.update().where(which).values(**values))


def test_each_kind_of_file_is_compared_with_its_counterpart(two_releases: World) -> None:
    app = two_releases.app
    found = look(app)
    assert [(pair.old.filename, pair.new.filename) for pair in found.pairs] == [
        ("demo-1.0-py3-none-any.whl", "demo-2.0-py3-none-any.whl"), ("demo-1.0.tar.gz", "demo-2.0.tar.gz"),
    ]  # fmt: skip
    diff = app.comparisons.compare(*found.files_of(found.pairs[0]))
    assert (diff.signals[0].code, diff.signals[0].where) == ("pth-file", "demo.pth")
    assert app.comparisons.compare(*found.files_of(found.pairs[1])).counts["changed"] == 3


def test_the_same_question_is_answered_from_memory(two_releases: World) -> None:
    app = two_releases.app
    old, new = look(app).files_of(look(app).pairs[0])
    first = app.comparisons.compare(old, new)
    assert app.comparisons.compare(old, new) is first
    assert app.comparisons.compare(new, old) is not first


HIDDEN: dict[str, Callable[[App], None]] = {
    "file deleted": lambda app: set_columns(app, file, file.c.filename.like("demo-2.0%"), deleted_at=app.clock.now()),
    "release deleted": lambda app: set_columns(app, release, release.c.version == "2.0", deleted_at=app.clock.now()),
    "release quarantined": lambda app: set_columns(app, release, release.c.version == "2.0", quarantined_at=app.clock.now()),
    "project quarantined": lambda app: set_columns(app, project, project.c.normalized == "demo", status="quarantined"),
    "project deleted": lambda app: set_columns(app, project, project.c.normalized == "demo", deleted_at=app.clock.now()),
}  # fmt: skip


@pytest.mark.parametrize("how", HIDDEN)
def test_what_is_hidden_is_compared_by_support_only(broken_world: World, how: str) -> None:
    app = broken_world.app
    publish(broken_world, wheel(version="1.0"), wheel(version="2.0"))
    HIDDEN[how](app)
    with pytest.raises(Refused, match="has no version"):
        look(app)
    assert len(look(app, allow_hidden=True).pairs) == 1


def test_an_erased_file_is_compared_by_nobody(broken_world: World) -> None:
    app = broken_world.app
    publish(broken_world, wheel(version="1.0"), wheel(version="2.0"))
    set_columns(app, file, file.c.filename.like("demo-2.0%"), erased_at=app.clock.now())
    with pytest.raises(Refused, match=r"has no version '2\.0'"):
        look(app, allow_hidden=True)


def test_an_unknown_file_or_version_is_refused(small_world: World) -> None:
    publish(small_world, wheel(version="1.0"), sdist(version="2.0"))
    with pytest.raises(Refused, match=r"has no version '3\.0'"):
        look(small_world.app, "1.0", "3.0")
    found = look(small_world.app)
    assert (found.pairs, found.pair_of("")) == ((), None)
    with pytest.raises(Refused, match="has no counterpart"):
        found.pair_of("demo-2.0.tar.gz")


def test_a_lost_object_is_our_fault(broken_world: World) -> None:
    publish(broken_world, wheel(version="1.0"), wheel(version="2.0"))
    broken_world.app.blobs.delete(Digest(wheel(version="2.0").sha256))
    found = look(broken_world.app)
    with pytest.raises(Broken, match="is not in the store"):
        broken_world.app.comparisons.compare(*found.files_of(found.pairs[0]))


class SlowWalkers(Walkers):
    """Readers that wait until the test lets them go on."""

    def __init__(self) -> None:
        super().__init__(1, 1, 1)
        self.asked = 0
        self.go_on = threading.Event()

    def compare(self, old: ReadFile, new: ReadFile, *, only: str = "", seconds: float | None = None) -> ReleaseDiff:  # noqa: ARG002  # the parent's own
        self.asked += 1
        assert self.go_on.wait(20)
        return ReleaseDiff((), (), (), (), self.asked, {}, 0, 0)


def test_many_who_ask_the_same_cause_one_comparison_and_the_rest_is_asked_to_wait(small_world: World) -> None:
    publish(small_world, wheel(version="1.0"), wheel(version="2.0"))
    found = look(small_world.app)
    old, new = found.files_of(found.pairs[0])
    walkers = SlowWalkers()
    slow = Comparisons(small_world.app.blobs, walkers, Path(), at_once=1)
    answers: queue.SimpleQueue[ReleaseDiff | Unavailable] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answers.put(slow.compare(old, new))
        except Unavailable as error:
            answers.put(error)

    threads = [threading.Thread(target=ask) for _ in range(1 + WAITING + 5)]
    for thread in threads:
        thread.start()
    # Those who find no place are told at once, while the first is still at work.
    turned_away = [answers.get(timeout=20) for _ in range(5)]
    assert {getattr(answer, "retry_after_seconds", 0) for answer in turned_away} == {10}
    walkers.go_on.set()
    for thread in threads:
        thread.join(20)
    assert walkers.asked == 1
    assert all(isinstance(answers.get(), ReleaseDiff) for _ in range(1 + WAITING))


def test_a_process_remembers_only_its_last_answers(small_world: World) -> None:
    publish(small_world, wheel(version="1.0"), wheel(version="2.0"))
    found = look(small_world.app)
    old, new = found.files_of(found.pairs[0])
    walkers = SlowWalkers()
    walkers.go_on.set()
    memory = Comparisons(small_world.app.blobs, walkers, Path(), at_once=1)
    for number in range(REMEMBERED + 1):
        memory.compare(old, new, only=f"member {number}")
    memory.compare(old, new, only=f"member {REMEMBERED}")
    assert walkers.asked == REMEMBERED + 1
    memory.compare(old, new, only="member 0")
    assert walkers.asked == REMEMBERED + 2


def test_only_a_proved_address_of_a_present_owner_is_vouched_for(world: World) -> None:
    from customhouse.accounts.tables import account  # noqa: PLC0415 - beside its only use

    publish(world, wheel())
    app = world.app
    alice = account.c.normalized == "alice"
    with app.database.read() as sql:
        found = queries.find_project(sql, "demo")
        assert found is not None
        assert owners_addresses(sql, found) == frozenset()
    set_columns(app, account, alice, email="alice@example.org", email_verified_at=None)
    with app.database.read() as sql:
        assert owners_addresses(sql, found) == frozenset()
    set_columns(app, account, alice, email_verified_at=app.clock.now())
    with app.database.read() as sql:
        assert owners_addresses(sql, found) == {"alice@example.org"}
    set_columns(app, account, alice, frozen_at=app.clock.now())
    with app.database.read() as sql:
        assert owners_addresses(sql, found) == frozenset()

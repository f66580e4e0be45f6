"""When the index itself holds a release of a critical project back: each rule, and what its facts are made of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Connection

from customhouse.accounts.users import find_user
from customhouse.catalog.queries import find_project
from customhouse.catalog.tables import critical_mark
from customhouse.index.approving.facts import Sender, facts_of, owner_of, startup_files_of
from customhouse.index.approving.holds import BURST_PROJECTS, BURST_WINDOW, SILENCE, Facts, holds
from customhouse.index.approving.model import HOLDS, Reason
from customhouse.index.approving.note_waiting import note_waiting
from customhouse.index.approving.waits import reasons_to_wait
from customhouse.index.dormant import ConfirmRole, confirm_role
from customhouse.index.quarantine_by_hand import QuarantineRelease, order_release_quarantine
from customhouse.terms.scope import scope_for
from customhouse.trust.continuity import Alarm, Continuity
from customhouse.trust.tables import trusted_publisher
from neighbours import actor, events, found_project, join, user
from packages import wheel
from releases import begin, forget_rows, session_of
from world import World

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
USUAL = Facts(NOW, NOW - timedelta(days=30), "alice", True, (), frozenset(), 0)
LOST = Continuity("none", (Alarm("lost", "2.0 has no provenance; 1.0, before it, had provenance."),))
CHANGED = Continuity("full", (Alarm("changed", "The repository is evil/demo; for 1.0 it was acme/demo."),))


@pytest.mark.parametrize(
    ("facts", "codes"),
    [
        (USUAL, ()),
        (replace(USUAL, last_upload=NOW - SILENCE), ()),
        (replace(USUAL, last_upload=NOW - SILENCE - timedelta(seconds=1)), ("long-silence",)),
        (replace(USUAL, last_upload=None), ()),
        (replace(USUAL, is_known=False), ("new-identity",)),
        (replace(USUAL, is_known=False, last_upload=None), ()),  # the first upload of all
        (replace(USUAL, startup_files=("a.pth",)), ("new-startup-file",)),
        (replace(USUAL, startup_files=("a.pth",), earlier_startup_files={"a.pth"}), ()),
        (replace(USUAL, startup_files=("a.pth", "b.pth"), earlier_startup_files={"a.pth"}), ("new-startup-file",)),
        (replace(USUAL, projects_of_late=BURST_PROJECTS - 2), ()),
        (replace(USUAL, projects_of_late=BURST_PROJECTS - 1), ("burst",)),
        (replace(USUAL, continuity=LOST), ("provenance-lost",)),
        (replace(USUAL, continuity=CHANGED), ("provenance-changed",)),
        (replace(USUAL, continuity=Continuity("inconsistent", (Alarm("inconsistent", "They differ."),))), ()),
        (
            Facts(NOW, NOW - 2 * SILENCE, "eve", False, ("e.pth",), frozenset(), 40, LOST),
            ("new-startup-file", "provenance-lost", "burst", "new-identity", "long-silence"),
        ),
    ],
)
def test_a_release_is_held_when_it_is_unlike_those_before(facts: Facts, codes: tuple[str, ...]) -> None:
    found = holds(facts)
    assert tuple(one.code for one in found) == codes
    assert all(one.hold and one.sentence.endswith(".") and one.code in HOLDS for one in found)
    assert tuple(Reason.of(one.row) for one in found) == found


def test_the_sentence_names_the_new_files_and_not_too_many_of_them() -> None:
    names = tuple(f"{letter}.pth" for letter in "edcba")
    (found,) = holds(replace(USUAL, startup_files=names))
    assert found.sentence == (
        "No earlier release has a.pth, b.pth, c.pth and 2 more, which runs whenever Python starts."
    )  # fmt: skip


def test_a_version_in_the_name_of_a_startup_file_is_no_news() -> None:
    old = [{"code": "pth-file", "where": "demo-1.0-py3.11-nspkg.pth", "detail": ""}]
    new = [{"code": "pth-file", "where": "demo-1.1-py3.11-nspkg.pth", "detail": ""}]
    assert startup_files_of(old, "1.0") == startup_files_of(new, "1.1")
    assert startup_files_of([{"code": "shadows-stdlib", "where": "x.pth", "detail": ""}], "1.0") == frozenset()


@pytest.mark.parametrize(
    ("settings", "owner"),
    [({"owner": "Acme", "repository": "demo"}, "acme"), ({"namespace": "acme/tools"}, "acme/tools"), ({}, ""),
     ({"email": "bot@acme.example"}, "bot@acme.example")],
)  # fmt: skip
def test_the_owner_of_a_publishers_machines(settings: dict[str, str], owner: str) -> None:
    assert owner_of(settings) == owner


# The facts.


@pytest.fixture
def demo(small_world: World) -> World:
    """A critical project with a release of alice, who owns it with owen."""
    return settled(small_world)


def settled(world: World) -> World:
    assert world.upload(wheel("demo", "1.0", files={"demo.pth": b"/opt", "demo/__init__.py": b""})).status == 200
    join(world, "owen", "owner")
    _mark(world, "demo")
    world.clock.turn(timedelta(days=1))
    return world


def _mark(world: World, name: str) -> None:
    with world.app.database.write() as sql:
        sql.execute(critical_mark.insert().values(normalized=name, reason="", marked_at=world.clock.now()))


def _facts(world: World, who: str, startup: tuple[str, ...] = ()) -> Facts:
    with world.app.database.read() as sql:
        found = find_project(sql, "demo")
        assert found is not None
        sender = Sender(find_user(sql, who).id, None)
        return facts_of(sql, found.id, "demo", sender, startup, world.clock.now())


def test_who_has_published_here_before_is_known_unless_it_is_in_quarantine(demo: World) -> None:
    assert _facts(demo, "alice").is_known
    assert not _facts(demo, "owen").is_known
    assert _facts(demo, "alice", ("demo.pth",)).earlier_startup_files == {"demo.pth"}
    assert _facts(demo, "alice").last_upload is not None
    demo.app.do(order_release_quarantine, QuarantineRelease("demo", "1.0", "Malware."))
    found = _facts(demo, "alice", ("demo.pth",))
    assert not found.is_known
    assert found.earlier_startup_files == frozenset()


def test_files_for_other_projects_count_as_a_burst_for_ten_minutes_whether_published_or_waiting(demo: World) -> None:
    assert _facts(demo, "alice").projects_of_late == 0
    for name in ("one", "two"):
        assert demo.upload(wheel(name, "1.0"), name=name).status == 200
        assert demo.upload(wheel(name, "1.1"), name=name, version="1.1").status == 200
    _mark(demo, "one")
    waits = wheel("one", "2.0", files={"new.pth": b"import os", "one/__init__.py": b""})
    assert demo.upload(waits, name="one", version="2.0").status == 202
    assert _facts(demo, "alice").projects_of_late == 2
    assert _facts(demo, "owen").projects_of_late == 0
    demo.clock.turn(BURST_WINDOW + timedelta(seconds=1))
    assert _facts(demo, "alice").projects_of_late == 0


def test_publishers_of_one_owner_are_one_identity(world: World) -> None:
    ids, projects = [], []
    for number, owner in enumerate(("acme", "acme", "Acme", "eve")):
        if number == 1:  # what was sent before the window counts no more
            world.clock.turn(BURST_WINDOW * 2)
        name, now = f"p{number}", world.clock.now()
        projects.append(found_project(world, name).id)
        row = {
            "project_id": projects[-1], "kind": "github", "issuer": "https://forge.example", "rules": {}, "learned": {},
            "place": "r", "settings": {"owner": owner, "repository": "r"}, "key": f"k{number}", "title": "r",
            "created_at": now, "used_at": now,
        }  # fmt: skip
        with world.app.database.write() as sql:
            ids.append(sql.execute(trusted_publisher.insert().values(**row)).inserted_primary_key[0])  # type: ignore[index] # one row was inserted
        begin(world, by=(ids[-1],), project=name)
    with world.app.database.read() as sql:
        found = facts_of(sql, projects[1], "p1", Sender(None, ids[1]), (), world.clock.now())
    assert found.projects_of_late == 1  # Acme's other one: the first was long ago, the fourth is eve's
    forget_rows(world)


# What is decided from them.


def test_a_project_that_is_not_critical_costs_one_statement_and_an_account_one_more(demo: World) -> None:
    plain, alice = found_project(demo, "plain"), actor(demo, "alice")
    with demo.app.database.read() as sql, counted(sql) as statements:
        assert reasons_to_wait(sql, alice, plain, "1.0", (), demo.clock.now()) == ()
        assert len(statements) == 2, statements


@contextmanager
def counted(sql: Connection) -> Iterator[list[str]]:
    """The statements that are executed meanwhile."""
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        seen.append(statement)

    event.listen(sql.engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(sql.engine, "before_cursor_execute", note)


def test_who_has_never_published_into_a_critical_project_waits_and_the_owners_are_told_once(world: World) -> None:
    demo = settled(world)
    answer = demo.upload(wheel("demo", "2.0"), user="owen", version="2.0")
    assert answer.status == 202, answer.text
    assert "owen has never published into this project before." in answer.text
    more = wheel("demo", "2.0", tag="py39-none-any", files={"demo/x.py": b""})
    assert demo.upload(more, user="owen", version="2.0").status == 202
    [told] = events(demo, "release-held")
    assert told.actor_name == "owen"
    assert demo.upload(wheel("demo", "2.1"), user="alice", version="2.1").status == 200


def test_a_known_owner_who_adds_a_startup_file_waits(demo: World) -> None:
    same = wheel("demo", "1.1", files={"demo.pth": b"/opt", "demo/__init__.py": b""})
    assert demo.upload(same, version="1.1").status == 200
    more = wheel("demo", "1.2", files={"demo_init.pth": b"import os", "demo/__init__.py": b""})
    answer = demo.upload(more, version="1.2")
    assert answer.status == 202
    assert "demo_init.pth" in answer.text


def test_the_first_upload_in_a_year_waits(demo: World) -> None:
    demo.clock.turn(SILENCE)
    demo.app.do(confirm_role, ConfirmRole("demo", actor(demo, "alice")))
    answer = demo.upload(wheel("demo", "1.1"), version="1.1")
    assert answer.status == 202, answer.text
    assert "The last upload was on 24 November 2026, more than a year ago." in answer.text


def test_reasons_are_added_and_told_once(demo: World) -> None:
    session = begin(demo)
    one, two = Reason("burst", "Many.", hold=True), Reason("release-rule", "The project asks.")
    by = actor(demo, "alice").identity

    def note(reasons: tuple[Reason, ...]) -> tuple[Reason, ...]:
        return demo.app.deeds.do(lambda found, tx: note_waiting(tx, session_of(demo, session), found, by), reasons)

    assert note((one,)) == (one,)
    assert note((one, two)) == (one, two)
    assert note((two,)) == (one, two)
    assert [entry.kind for entry in events(demo, "release-held", "release-waits")] == ["release-held", "release-waits"]
    forget_rows(demo)


@pytest.mark.parametrize(
    ("actions", "waits"), [(("stage",), True), (("stage", "upload"), False), (("upload",), False), ((), False)]
)
def test_a_token_that_may_stage_and_not_upload_waits(
    small_world: World, actions: tuple[str, ...], *, waits: bool
) -> None:
    alice = user(small_world, "alice").actor
    by = replace(alice, scope=scope_for(actions=actions), token_id="t")
    with small_world.app.database.read() as sql:
        found = reasons_to_wait(sql, by, None, "1.0", (), small_world.clock.now())
    assert bool(found) is waits
    assert not any(one.hold for one in found)

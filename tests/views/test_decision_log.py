"""The log of views: folded exactly once, kept as long as the settings say, and what is read of it."""

from __future__ import annotations

from contextlib import closing
from datetime import date, timedelta

import pytest
import sqlalchemy as sa

from customhouse.formats.decision_line import Asked, Noted, encode_decision
from customhouse.infra.client_hash import ClientHashes
from customhouse.infra.decision_spool import DecisionSpool, decisions_folder
from customhouse.views.define import AddView, RemoveView, add_view, remove_view
from customhouse.views.log import queries
from customhouse.views.log.fold import fold_decisions
from customhouse.views.log.tables import view_decision, view_decision_source
from world import World

PAGE = Asked("ci", "page", "demo", version="1.0", rule="cooldown")
FILE = Asked("ci", "file", "demo", "demo-1.0-py3-none-any.whl", "1.0")
REFUSED = Asked("ci", "file", "demo", "demo-2.0-py3-none-any.whl", "2.0", "hide", "cooldown")


@pytest.fixture(autouse=True)
def view_ci(world: World) -> None:
    world.app.do(add_view, AddView("ci", (), 'level = "open"', ()))


def scope(peer: str, agent: bytes = b"uv/0.13.9") -> dict[str, object]:
    return {"client": (peer, 1), "headers": [(b"user-agent", agent)]}


def noted(world: World, *asked: tuple[Asked, str], times: int = 1) -> None:
    app = world.app
    with closing(DecisionSpool(app.settings.data, app.clock, ClientHashes(b"k" * 32), ())) as spool:
        for one, peer in asked:
            for _ in range(times):
                spool.note(one, scope(peer))


def fold(world: World, days: int = 30) -> int:
    return fold_decisions(world.app.database, decisions_folder(world.app.settings.data), world.clock.now(), days)


def test_what_was_noted_is_folded_once_and_its_file_goes(world: World) -> None:
    noted(world, (PAGE, "203.0.113.7"), (FILE, "203.0.113.7"), (FILE, "198.51.100.1"), times=3)
    assert fold(world) == 9
    assert fold(world) == 0
    assert not list(decisions_folder(world.app.settings.data).iterdir())
    noted(world, (PAGE, "203.0.113.7"))
    assert fold(world) == 1
    with world.app.database.read() as sql:
        times = sql.execute(sa.select(view_decision.c.times).where(view_decision.c.kind == "page")).scalar_one()
        assert sql.execute(sa.select(sa.func.count()).select_from(view_decision_source)).scalar_one() == 0
    assert times == 4


def test_a_batch_that_was_written_before_a_kill_is_not_added_again(world: World) -> None:
    """The file is here still, its offset is in the database: what the worker had folded when it died."""
    noted(world, (PAGE, "203.0.113.7"))
    (path,) = decisions_folder(world.app.settings.data).iterdir()
    body = path.read_bytes()
    assert fold(world) == 1
    path.write_bytes(body)
    with world.app.database.write() as sql:
        sql.execute(view_decision_source.insert().values(id=path.name, position=len(body), moved_at=world.clock.now()))
    assert fold(world) == 0


def test_damaged_lines_are_left_out(world: World) -> None:
    folder = decisions_folder(world.app.settings.data)
    folder.mkdir()
    good = encode_decision(Noted(world.clock.now().date(), PAGE, b"c" * 16, "pip", ci=False, times=2))
    # ``1e400`` is a number for JSON and none for us, ``true`` is no number.
    bad = [b"[]\n", b"\xff\n", b"[" * 5000 + b"\n", good.replace(b",2]", b",true]"), good.replace(b",2]", b",1e400]")]
    (folder / "1-aa.decisions").write_bytes(good + b"".join(bad) + good + good[:20])
    assert fold(world) == 4


def test_the_log_is_kept_as_long_as_the_settings_say(world: World) -> None:
    noted(world, (PAGE, "203.0.113.7"))
    fold(world, days=2)
    world.clock.turn(timedelta(days=1))
    assert fold(world, days=2) == 0
    with world.app.database.read() as sql:
        assert queries.lines(sql, "ci", since=date.min)
    world.clock.turn(timedelta(days=1))
    fold(world, days=2)
    with world.app.database.read() as sql:
        assert not queries.lines(sql, "ci", since=date.min)


def test_operators_read_what_was_refused_and_by_which_rule(world: World) -> None:
    noted(world, (PAGE, "203.0.113.7"), (FILE, "203.0.113.7"), (REFUSED, "203.0.113.7"), (REFUSED, "198.51.100.1"))
    fold(world)
    with world.app.database.read() as sql:
        (line,) = queries.lines(sql, "ci", since=date.min, refused=True)
        assert queries.lines(sql, "other", since=date.min) == []
    assert (line.project, line.version, line.rule, line.clients, line.times) == ("demo", "2.0", "cooldown", 2, 2)


def test_a_build_is_what_a_network_fetches_with_one_tool_on_a_day(world: World) -> None:
    noted(world, (PAGE, "203.0.113.7"), (FILE, "203.0.113.7"), (PAGE, "198.51.100.1"))
    world.clock.turn(timedelta(days=1))
    noted(world, (FILE, "203.0.113.7"))
    fold(world)
    with world.app.database.read() as sql:
        found, more = queries.builds(sql, "ci", since=date.min)
        few, rest = queries.builds(sql, "ci", since=date.min, most=2)
    assert (len(found), more) == (3, False)
    assert len({build.client for build in found}) == 3
    assert sorted(len(build.wanted) for build in found) == [1, 1, 2]
    assert (sum(len(build.wanted) for build in few), rest) == (2, True)


def test_what_was_noted_before_a_view_ended_does_not_come_back(world: World) -> None:
    noted(world, (PAGE, "203.0.113.7"))
    world.app.do(remove_view, RemoveView("ci"))
    assert fold(world) == 0
    noted(world, (PAGE, "203.0.113.7"))
    world.clock.turn(timedelta(days=1))
    world.app.do(add_view, AddView("ci", (), 'level = "open"', ()))
    noted(world, (FILE, "203.0.113.7"))
    assert fold(world) == 1, "what was noted under a name is not the next view's of that name"

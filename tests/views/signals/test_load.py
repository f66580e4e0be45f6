"""Lists of signals: loaded whole, replaced by newer ones, taken away; and what facts say of them."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
import sqlalchemy as sa

from customhouse.app import App
from customhouse.ledger.tables import ledger_event
from customhouse.terms.errors import CustomhouseError
from customhouse.views.define import AddView, add_view
from customhouse.views.signals import load as loading
from customhouse.views.signals.load import ForgetSignals, LoadSignals, forget_signals, load_signals
from customhouse.views.signals.queries import LoadedList, loaded_lists
from customhouse.views.signals.tables import signal_list, signal_value
from mirrored import fact, facts, mirrored, wheel_of, with_signals
from world import World

DEMO = mirrored("demo", wheel_of("demo", "1.0"))


def load(
    app: App, signal: str = "downloads", source: str = "BigQuery", dated: date = date(2026, 11, 1), **values: str
) -> LoadedList:
    return load_signals(app.deeds, LoadSignals(signal, "pypi", source, dated, values or {"demo": "1200"}, ("pypi",)))


def rows(app: App) -> int:
    with app.database.read() as sql:
        return sql.execute(sa.select(sa.func.count()).select_from(signal_value)).scalar_one()


def kinds(app: App) -> list[str]:
    with app.database.read() as sql:
        return list(sql.execute(sa.select(ledger_event.c.kind).order_by(ledger_event.c.serial)).scalars())


def test_what_a_list_says_is_a_fact_with_its_source_and_its_day(world: World) -> None:
    assert fact(world.app, DEMO, "downloads") is None
    done = load(world.app)
    assert (done.rows, done.dated) == (1, date(2026, 11, 1))
    answer = fact(world.app, DEMO, "downloads")
    assert answer is not None
    assert (answer.value, answer.source, answer.dated) == (1200, "BigQuery", datetime(2026, 11, 1, tzinfo=UTC))
    assert fact(world.app, mirrored("other", wheel_of("other", "1.0")), "downloads") is None


@pytest.mark.parametrize(
    ("signal", "text", "value"),
    [
        ("owner-2fa", "any", "any"),
        ("owners", "2", 2),
        ("dependents", "40", 40),
        ("owner-changed", "2026-11-20T00:00:00+00:00", datetime(2026, 11, 20, tzinfo=UTC)),
        ("critical", "yes", True),
    ],
)
def test_every_signal_of_lists_answers(small_world: World, signal: str, text: str, value: object) -> None:
    load(small_world.app, signal, demo=text)
    answer = fact(small_world.app, DEMO, signal)
    assert answer is not None
    assert answer.value == value


def test_whom_a_list_of_critical_projects_does_not_name_is_not_critical(small_world: World) -> None:
    assert fact(small_world.app, DEMO, "critical") is None
    load(small_world.app, "critical", requests="yes")
    answer = fact(small_world.app, DEMO, "critical")
    assert answer is not None
    assert answer.value is False


def test_a_newer_list_of_the_same_source_takes_the_place_of_the_older_one_and_its_rows_go(world: World) -> None:
    load(world.app, demo="1", other="2")
    load(world.app, dated=date(2026, 11, 8), demo="3")
    assert rows(world.app) == 1
    with world.app.database.read() as sql:
        assert [(one.dated, one.rows) for one in loaded_lists(sql)] == [(date(2026, 11, 8), 1)]
    answer = fact(world.app, DEMO, "downloads")
    assert answer is not None
    assert answer.value == 3
    with pytest.raises(CustomhouseError, match="of 2026-11-08, this one of 2026-11-01"):
        load(world.app, demo="4")
    assert fact(world.app, DEMO, "downloads").value == 3  # type: ignore[union-attr] # known


def test_of_two_sources_the_later_day_counts(small_world: World) -> None:
    load(small_world.app, source="old", dated=date(2026, 10, 1), demo="1")
    load(small_world.app, source="new", dated=date(2026, 11, 1), demo="2")
    load(small_world.app, source="older", dated=date(2026, 9, 1), demo="3")
    answer = fact(small_world.app, DEMO, "downloads")
    assert answer is not None
    assert (answer.value, answer.source) == (2, "new")


def test_a_list_is_forgotten_with_an_event_and_what_it_said_is_unknown(world: World) -> None:
    load(world.app)
    forget_signals(world.app.deeds, ForgetSignals("downloads", "pypi", "BigQuery"))
    assert fact(world.app, DEMO, "downloads") is None
    assert rows(world.app) == 0
    assert kinds(world.app)[-2:] == ["signal-list-loaded", "signal-list-forgotten"]
    with pytest.raises(CustomhouseError, match="No list of 'downloads'"):
        forget_signals(world.app.deeds, ForgetSignals("downloads", "pypi", "BigQuery"))


def test_a_long_list_is_written_in_pieces_and_one_that_was_broken_off_never_counts(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "AT_ONCE", 10)
    many = {f"n{at}": "1" for at in range(35)}

    def broken(*_arguments: object, **_more: object) -> None:
        raise RuntimeError("the power is cut")

    with monkeypatch.context() as cut:
        cut.setattr(loading, "_take_over", broken)
        with pytest.raises(RuntimeError):
            load_signals(
                world.app.deeds, LoadSignals("downloads", "pypi", "BigQuery", date(2026, 11, 1), many, ("pypi",))
            )
    assert rows(world.app) == 35
    assert fact(world.app, mirrored("n1", wheel_of("n1", "1.0")), "downloads") is None
    world.clock.turn(loading.LEFT_OVER * 2)
    load(world.app, demo="1")
    assert rows(world.app) == 1
    with world.app.database.read() as sql:
        assert sql.execute(sa.select(sa.func.count()).select_from(signal_list)).scalar_one() == 1


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"dated": date(2026, 11, 25)}, "has not come"),
        ({"signal": "age"}, "cannot be loaded"),
        ({"upstream": "nobody"}, "there is no upstream 'nobody'"),
        ({"source": "a\x1b[31m"}, "is no name"),
        ({"source": ""}, "is no name"),
    ],
)
def test_what_cannot_be_is_refused(small_world: World, changes: dict[str, object], said: str) -> None:
    given = {"signal": "downloads", "upstream": "pypi", "source": "x", "dated": date(2026, 11, 24), **changes}
    with pytest.raises(CustomhouseError, match=said):
        load_signals(small_world.app.deeds, LoadSignals(values={"demo": "1"}, known=("pypi",), **given))  # type: ignore[arg-type] # as given


def test_everything_that_views_show_is_void_when_a_list_is_loaded(world: World) -> None:
    world.app.do(add_view, AddView("prod", ("pypi",), 'level = "balanced"', ("pypi",)))
    load(world.app)
    assert kinds(world.app)[-2:] == ["views-voided", "signal-list-loaded"]


SAID = {
    "date": "2026-11-20", "downloads": 500, "dependents": 3, "owners": 2, "critical": False,
    "owner-changed": "2026-10-01T00:00:00.000000Z", "owner-2fa": "all",
}  # fmt: skip


def test_another_customhouse_is_believed_with_its_name_and_its_day(small_world: World) -> None:
    found = facts(small_world.app, with_signals(DEMO, SAID))
    told = {signal: found.fact(signal) for signal in ("downloads", "owners", "owner-2fa", "owner-changed", "critical")}
    assert {signal: one.value for signal, one in told.items() if one is not None} == {
        "downloads": 500, "owners": 2, "owner-2fa": "all", "owner-changed": datetime(2026, 10, 1, tzinfo=UTC),
        "critical": False,
    }  # fmt: skip
    assert {(one.source, one.dated) for one in told.values() if one is not None} == {
        ("pypi says", datetime(2026, 11, 20, tzinfo=UTC))
    }


def test_of_a_list_and_an_upstreams_word_the_later_day_counts(small_world: World) -> None:
    load(small_world.app, dated=date(2026, 11, 1), demo="7")
    assert fact(small_world.app, with_signals(DEMO, SAID), "downloads").value == 500  # type: ignore[union-attr] # known
    older = with_signals(DEMO, {**SAID, "date": "2026-10-20"})
    assert fact(small_world.app, older, "downloads").value == 7  # type: ignore[union-attr] # known


@pytest.mark.parametrize(
    "said",
    [
        {"downloads": 5}, {"date": "2027-01-01", "downloads": 5}, {"date": "soon", "downloads": 5},
        {"date": "2026-11-20", "downloads": -1}, {"date": "2026-11-20", "downloads": True},
        {"date": "2026-11-20", "downloads": "5"}, {"date": "2026-11-20", "downloads": 10**400}, {"date": 3},
    ],
)  # fmt: skip
def test_a_lying_upstream_says_nothing(small_world: World, said: dict[str, object]) -> None:
    assert fact(small_world.app, with_signals(DEMO, said), "downloads") is None
    assert fact(small_world.app, with_signals(DEMO, {"date": "2026-11-20", "owner-2fa": "yes"}), "owner-2fa") is None

"""What simulations remember of projects: for a minute, within bounds, and never another policy's facts."""

from __future__ import annotations

from datetime import timedelta

from customhouse.views.simulate.judge import BESIDES
from customhouse.views.simulate.there import KEPT_FOR, Looking
from letting_in import LettingIn
from packages import wheel


def test_a_project_is_looked_up_once_a_minute(small_views: LettingIn) -> None:
    app = small_views.world.app
    looking, view = Looking(app.views), app.views.get("main")
    first = looking.there(view, "demo", wants=BESIDES)
    assert looking.there(view, "demo", wants=BESIDES) is first
    assert looking.there(view, "demo", wants=BESIDES | {"age"}) is not first, "other facts are asked for"
    small_views.turn(KEPT_FOR + timedelta(seconds=1))
    assert looking.there(view, "demo", wants=BESIDES) is not first


def test_memory_is_bounded_by_files_and_the_newest_stays(small_views: LettingIn) -> None:
    for number in range(6):
        small_views.upstream.add(wheel(f"p{number}", "1.0"))
    app = small_views.world.app
    looking, view = Looking(app.views, most_files=5), app.views.get("main")
    found = [looking.there(view, f"p{number}", wants=BESIDES) for number in range(6)]
    assert looking.there(view, "p5", wants=BESIDES) is found[5]
    assert looking.there(view, "p0", wants=BESIDES) is not found[0]
    assert looking.there(view, "nobody-has-it", wants=BESIDES) is None
    assert len(looking._kept) <= 5


def test_a_project_that_is_larger_than_the_bound_is_still_answered(small_views: LettingIn) -> None:
    app = small_views.world.app
    looking, view = Looking(app.views, most_files=1), app.views.get("main")
    assert looking.there(view, "demo", wants=BESIDES) is not None

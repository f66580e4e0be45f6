"""A view is changed while somebody asks: who has read the old definition leaves nothing behind that counts as new."""

from __future__ import annotations

import pytest

from customhouse.views.define import SetView, set_view
from customhouse.views.offering import FILES_WITHIN
from letting_in import LettingIn
from packages import wheel

pytestmark = pytest.mark.slow
NOTHING = """level = "open"

[[rule]]
name = "nothing"
deny-if.age = "< 9999d"
"""


def test_what_was_let_in_by_the_policy_before_is_not_stored_as_of_the_new_one(views: LettingIn) -> None:
    app, name = views.world.app, wheel("demo", "1.0").filename
    old = app.views.get("main")
    views.set(NOTHING)
    app.view_renderer.render(old, "demo", within=FILES_WITHIN)
    assert views.file(name).status_code == 403
    assert views.listed("demo") == frozenset()


def test_what_an_upstream_has_said_is_not_shown_by_a_view_that_names_it_no_more(views: LettingIn) -> None:
    app = views.world.app
    old = app.views.get("main")
    app.do(set_view, SetView("main", app.upstream_names, upstreams=()))
    assert app.view_renderer.render(old, "demo", within=FILES_WITHIN) is None
    assert views.page("demo").status_code == 404
    assert views.file(wheel("demo", "1.0").filename).status_code == 404

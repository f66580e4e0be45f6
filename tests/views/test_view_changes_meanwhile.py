"""A view is changed while somebody asks: who has read the old definition leaves nothing behind that counts as new."""

from __future__ import annotations

import pytest

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

"""The clock was wrong and is set right: what was rendered by it does not count until the wrong time comes again."""

from __future__ import annotations

from datetime import timedelta

import pytest

from letting_in import LettingIn
from packages import wheel

pytestmark = pytest.mark.slow
FAR = timedelta(days=300)


def test_what_was_rendered_in_the_future_is_looked_at_again(small_views: LettingIn) -> None:
    views, name = small_views, wheel("demo", "1.0").filename
    views.turn(FAR)
    assert views.file(name).status_code == 200
    assert name in views.listed("demo")
    views.settle()
    assert views.file(name).status_code == 200
    views.turn(-FAR)
    views.upstream.projects["demo"].status = "quarantined"
    assert views.file(name).status_code == 403
    assert views.listed("demo") == frozenset()

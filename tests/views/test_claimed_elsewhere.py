"""A name belongs to one upstream in all views: who asks through another view cannot give it to a later one (incident 3).

``ml`` asks PyTorch's index before PyPI, ``main`` only PyPI, where an attacker has a project of the same name.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from clock import TurnableClock
from conftest import Where, prepared, settings_for
from customhouse.infra.walkers import Walkers
from customhouse.views.names.known import KnownNames
from letting_in import OPEN, LettingIn, letting_in
from packages import wheel
from upstream_world import UpstreamWorld, says, upstream_world

pytestmark = pytest.mark.slow


@pytest.fixture
def own() -> Iterator[UpstreamWorld]:
    with upstream_world() as running:
        running.add(wheel("torchtriton", "2.0"))
        yield running


@pytest.fixture
def views(
    request: pytest.FixtureRequest, tmp_path: Path, clock: TurnableClock, walkers: Walkers, own: UpstreamWorld
) -> Iterator[LettingIn]:
    settings = prepared(settings_for(Where(), tmp_path / "data", request), request)
    with upstream_world() as pypi:
        pypi.add(wheel("torchtriton", "3.0"))
        pypi.add(wheel("filelock", "1.0"))
        both = [{"name": "pytorch", "url": own.simple_url}, {"name": "pypi", "url": pypi.simple_url}]
        with letting_in(settings, pypi, clock, walkers, policy=OPEN, upstreams=both) as made:
            made.add("ml", OPEN, ("pytorch", "pypi"))
            yield made


def test_a_stranger_gives_no_name_to_the_public_index_through_another_view(views: LettingIn) -> None:
    assert views.page("torchtriton").status_code == 404
    assert views.listed("torchtriton", "ml") == {wheel("torchtriton", "2.0").filename}
    assert views.file(wheel("torchtriton", "3.0").filename, "torchtriton", "ml").status_code == 404
    assert views.listed("filelock") == {wheel("filelock", "1.0").filename}


def test_nor_while_the_earlier_one_is_away(views: LettingIn, own: UpstreamWorld) -> None:
    own.instead["/simple/torchtriton/"] = says("", status=502)
    assert views.page("torchtriton").status_code == 503
    with views.world.app.database.read() as sql:
        assert KnownNames().owner(sql, "torchtriton").state == "free"

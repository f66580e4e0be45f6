"""``customhouse recovery`` reads cases and decides nothing."""

from __future__ import annotations

import pytest

from customhouse.cli import recovery
from recovering import Village
from world import World

pytestmark = pytest.mark.slow


def test_cases_are_listed_and_shown_and_nothing_of_a_link_is(
    small_world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    village = Village(small_world)
    village.settle()
    case = village.ready()
    data = small_world.app.settings.data
    recovery.list_(data=data)
    listed = capsys.readouterr().out
    assert "alice" in listed
    assert "waiting for two operators" in listed
    recovery.show(case.id, data=data)
    shown = capsys.readouterr().out
    assert "bob, who owns demo too, accepted" in shown
    assert village.link(case).split("/")[2].partition(".")[2] not in listed + shown
    assert village.decide(case, "olga", "refuse", "It is not she.") == 303
    recovery.list_(closed=True, data=data)
    assert "refused" in capsys.readouterr().out
    names = {name for command in recovery.app.subapps for name in command.name}
    assert {"list", "show"} <= names
    assert not names & {"approve", "refuse", "resume", "complete"}

"""Facts of what we host ourselves, from our own tables; on both databases."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from customhouse.catalog.hosted import hosted_page
from customhouse.catalog.queries import files_of, find_project, versions_of
from customhouse.formats.policy.signals import SIGNALS
from customhouse.index.public_signals import count_public_signals
from customhouse.views.facts.facts_of import FileFacts, facts_of
from customhouse.views.facts.subject import Surroundings
from customhouse.views.model import HOSTED
from packages import sdist, wheel
from world import World

PTH = {"demo/__init__.py": b"", "demo.pth": b"import sys\n"}


def hosted(world: World, filename: str) -> FileFacts:
    """The facts of a file that we host."""
    with world.app.database.read() as sql:
        found = find_project(sql, "demo")
        assert found is not None
        page = hosted_page(found, files_of(sql, found.id), versions_of(sql, found.id), 1, (), {})
        facts = facts_of(
            sql, page, HOSTED, None, now=world.clock.now(), wants=frozenset(SIGNALS),
            around=Surroundings(world.app.advice, ("demo*",)),
        )  # fmt: skip
    return facts.of(next(one for one in page.files if one.filename == filename))


def test_every_signal_is_answered_or_says_why_not(world: World) -> None:
    one, two = wheel("demo", "1.0", headers={"License-Expression": "MIT"}), wheel("demo", "1.1", files=PTH)
    began = world.clock.now()
    assert world.upload(one).status == 200
    world.clock.turn(timedelta(days=20))
    assert world.upload(two, version="1.1").status == 200
    count_public_signals(world.app.deeds)
    found = hosted(world, two.filename)
    answers: dict[str, Any] = {}
    for signal in SIGNALS:
        answer = found.fact(signal)
        if answer is None:
            assert found.why_unknown(signal), signal
        else:
            answers[signal] = answer.value
    assert answers["age"] >= began + timedelta(days=20)
    assert began <= answers["project-age"] < began + timedelta(days=1)
    assert round(answers["quiet-before"]) == 20
    assert answers["archive"] == frozenset({"pth-file"})
    assert (answers["malformed"], answers["removed"], answers["internal-name"]) == (False, False, False)
    assert (answers["owners"], answers["downloads"], answers["critical"]) == (1, 0, False)
    assert (answers["upstream"], answers["licence"]) == ("hosted", None)
    assert answers["provenance-lost"] is False
    assert hosted(world, one.filename).fact("licence").value == "MIT"  # type: ignore[union-attr] # known
    assert "owner-2fa" not in answers


def test_before_anything_was_counted_nothing_is_told(world: World) -> None:
    one = sdist("demo", "1.0")
    assert world.upload(one).status == 200
    found = hosted(world, one.filename)
    assert found.why_unknown("downloads").startswith("it is counted once a day")
    assert found.fact("sdist-only").value is True  # type: ignore[union-attr] # known

"""An install asks for a page and then its files: all that is decided once, and anew as soon as anything may differ."""

from __future__ import annotations

from datetime import timedelta

import pytest

from customhouse.views import render
from customhouse.views.offering import FILES_WITHIN
from customhouse.views.render import RenderedView
from letting_in import OPEN, LettingIn
from packages import wheel

pytestmark = pytest.mark.slow


def rendered(views: LettingIn) -> RenderedView:
    app = views.world.app
    made = app.view_renderer.render(app.views.get("main"), "demo", within=FILES_WITHIN)
    assert made is not None
    assert made.offered is not None
    return made


def decided_once(one: RenderedView, other: RenderedView) -> bool:
    assert one.offered is not None
    assert other.offered is not None
    return one.offered.decisions is other.offered.decisions


def test_the_first_rendering_of_a_name_is_stored_although_it_is_new_here(views: LettingIn) -> None:
    made = rendered(views)
    assert made.json is not None
    stored = views.world.app.pages.page("main", "demo", "json")
    assert stored is not None
    assert stored.body == made.json.body


def test_what_was_decided_a_moment_ago_is_not_decided_again(views: LettingIn) -> None:
    first = rendered(views)
    views.turn(timedelta(seconds=59))
    second = rendered(views)
    assert decided_once(first, second)
    views.turn(timedelta(seconds=2))
    assert not decided_once(first, rendered(views))


def test_another_policy_or_another_page_of_the_upstream_is_heard_at_once(views: LettingIn) -> None:
    first = rendered(views)
    views.set(OPEN)
    second = rendered(views)
    assert not decided_once(first, second)
    views.upstream.add(wheel("demo", "2.1"))
    views.turn(timedelta(seconds=31))
    rendered(views)
    views.settle()
    third = rendered(views)
    assert not decided_once(second, third)
    assert len(third.gates) == len(second.gates) + 1


def test_a_wait_that_ends_within_the_minute_is_not_waited_over(views: LettingIn) -> None:
    young = wheel("demo", "3.0")
    views.upstream.add(young, uploaded_at=views.world.clock.now() - timedelta(days=7) + timedelta(seconds=20))
    gate = rendered(views).gate(young.filename)
    assert gate is not None
    assert gate.verdict == "deny"
    views.turn(timedelta(seconds=21))
    gate = rendered(views).gate(young.filename)
    assert gate is not None
    assert gate.verdict in ("allow", "warn")


def test_what_has_been_fetched_meanwhile_is_seen(views: LettingIn) -> None:
    name = wheel("demo", "1.0").filename
    before = rendered(views).gate(name)
    assert before is not None
    assert before.digest == ""
    assert views.file(name).status_code == 200
    views.settle()
    after = rendered(views).gate(name)
    assert after is not None
    assert after.digest == wheel("demo", "1.0").sha256


def test_projects_without_files_are_not_remembered_without_end(
    small_views: LettingIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = small_views.world.app
    monkeypatch.setattr(render, "MOST_REMEMBERED", 20)
    names = [f"empty-{number}" for number in range(10)]
    for name in names:
        small_views.upstream.project(name)

    def decisions(name: str) -> object:
        made = app.view_renderer.render(app.views.get("main"), name, within=FILES_WITHIN)
        return made.offered.decisions if made is not None and made.offered is not None else None

    first = {name: decisions(name) for name in names}
    # The latest first: what is remembered is found before what is made anew pushes it out.
    again = [decisions(name) is first[name] for name in reversed(names)]
    assert again[0]
    assert 0 < sum(again) < len(names)


def test_files_are_handed_out_by_what_was_rendered_for_their_page_until_anything_may_differ(views: LettingIn) -> None:
    renderer = views.world.app.view_renderer
    assert renderer.recent("main", "demo") is None
    first = rendered(views)
    found = renderer.recent("main", "demo")
    assert found is not None
    assert found[1] is first
    views.set(OPEN)
    assert renderer.recent("main", "demo") is None
    rendered(views)
    assert renderer.recent("main", "demo") is not None
    views.turn(FILES_WITHIN + timedelta(seconds=1))
    assert renderer.recent("main", "demo") is None


def test_what_an_upstream_says_otherwise_is_not_handed_out_by_what_was_rendered_before(views: LettingIn) -> None:
    renderer = views.world.app.view_renderer
    rendered(views)
    views.upstream.add(wheel("demo", "2.1"))
    views.turn(timedelta(seconds=31))
    views.world.app.upstreams.project("demo", views.world.app.views.get("main").upstreams, within=timedelta(0))
    assert renderer.recent("main", "demo") is None

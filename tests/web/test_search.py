"""The search page and its JSON answer."""

from __future__ import annotations

import pytest

from customhouse.work import run_followers
from packages import wheel
from world import World


def publish(world: World, *names: str) -> None:
    for name in names:
        assert world.upload(wheel(name), name=name).status == 200
    while run_followers(world.app):
        pass


def test_a_search_shows_projects_with_their_newest_version(world: World) -> None:
    publish(world, "Foo-Bar", "other")
    stranger = world.stranger()
    page = stranger.get("/search/?q=foo_bar")
    assert '<a href="/project/foo-bar/">Foo-Bar</a> 1.0' in page.text
    assert "One project for “foo_bar”" in page.text
    assert "2 projects for" in stranger.get("/search/?q=package").text
    assert "No project for" in stranger.get("/search/?q=nothing").text
    assert 'action="/search/"' in stranger.get("/").text
    assert stranger.get("/search/").status_code == 200


def test_programs_search_too(world: World) -> None:
    publish(world, "Foo-Bar", "other")
    answer = world.client.get("/api/search?q=foo")
    assert answer.json() == {
        "query": "foo", "page": 1, "pages": 1, "total": 1,
        "projects": [{
            "name": "Foo-Bar", "version": "1.0", "summary": "The Foo-Bar package",
            "released": answer.json()["projects"][0]["released"], "url": "http://index.test/project/foo-bar/",
        }],
    }  # fmt: skip
    again = world.client.get("/api/search?q=foo", headers={"if-none-match": answer.headers["etag"]})
    assert again.status_code == 304


def test_results_are_turned_page_by_page(small_world: World) -> None:
    publish(small_world, *(f"paged-{number}" for number in range(25)))
    stranger = small_world.stranger()
    first = stranger.get("/search/?q=paged")
    assert "Page 1 of 2" in first.text
    assert 'href="/search/?q=paged&amp;page=2"' in first.text
    second = stranger.get("/search/?q=paged&page=2")
    assert first.text.count("<li><span>") + second.text.count("<li><span>") == 25
    assert 'rel="prev"' in second.text


@pytest.mark.parametrize("page", ["0", "-1", "x", "1.5", "999", "1" * 5000, "%D9%A1", "%00", ""])
def test_a48_a_page_that_is_none_is_rejected(small_world: World, page: str) -> None:
    assert small_world.stranger().get(f"/search/?q=x&page={page}").status_code == 400
    assert small_world.client.get(f"/api/search?q=x&page={page}").status_code == 400


@pytest.mark.parametrize(
    "query",
    ["%00", "%FF%FE", "%F0%9F%98%80", "'%20OR%201=1--", "%22", "*", "NEAR(a%20b)", "a" * 5000, "%3Cscript%3Ealert(1)%3C/script%3E", "%2B%26%7C!()"],
)  # fmt: skip
def test_a48_a41_whatever_is_typed_is_answered_and_escaped(small_world: World, query: str) -> None:
    publish(small_world, "demo")
    page = small_world.stranger().get(f"/search/?q={query}")
    assert page.status_code in (200, 400)
    assert "<script" not in page.text
    assert small_world.client.get(f"/api/search?q={query}").status_code == page.status_code

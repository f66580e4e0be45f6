"""The page of a project with many versions in a view: a hundred at a time, and each version on its page."""

from __future__ import annotations

import re

from letting_in import LettingIn
from packages import wheel

VERSIONS = 130


def rows(page: str) -> list[str]:
    return re.findall(r'<tr><th scope="row"><a href="\?version=([^#"]+)', page)


def test_a_project_of_many_versions_is_turned_over_page_by_page(small_views: LettingIn) -> None:
    for number in range(VERSIONS):
        small_views.upstream.add(wheel("many", f"1.{number}"))
    address = "/view/main/project/many/"
    reader = small_views.world.stranger()
    first, second = reader.get(address).text, reader.get(f"{address}?page=2").text
    assert len(rows(first)) == 100
    assert rows(first) + rows(second) == [f"1.{number}" for number in reversed(range(VERSIONS))]
    assert "130 versions, the newest first: 1 to 100" in first
    assert 'href="?page=2#versions"' in first
    assert 'href="?page=1#versions"' in second
    assert '<h2 id="why">' not in second, "rules are told of the newest, and of what is asked for"

    asked = reader.get(f"{address}?version=1.7").text
    assert rows(asked) == rows(second)
    assert asked.count('<details class="kind"') == 1
    for odd in ("0", "-1", "x", "9" * 30, "999", ""):
        answer = reader.get(f"{address}?page={odd}")
        assert answer.status_code == 200
        assert rows(answer.text) in (rows(first), rows(second))


def test_a_project_of_few_versions_has_no_pages(small_views: LettingIn) -> None:
    page = small_views.world.stranger().get("/view/main/project/demo/").text
    assert "Pages of versions" not in page
    assert rows(page) == ["2.0", "1.0"]
    assert 'href="/name/demo/"' in page
    assert 'href="/view/main/"' in page

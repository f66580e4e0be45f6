"""The page of a standing audit: what is known of its packages can be taken away as JSON."""

from __future__ import annotations

import re

from advising import advise, record
from telling import settle
from world import World

PAGE = "/account/standing/"


def test_the_findings_of_a_list_can_be_downloaded_by_who_registered_it(small_world: World) -> None:
    advise(small_world.app, record("PYSEC-2026-1", "demo", fixed="2.0"))
    alice = small_world.person()
    alice.get(PAGE)
    made = alice.post(PAGE, title="shop", components="demo==1.0\nfine==1.0")
    assert made.status_code == 200
    [standing] = set(re.findall(r"/account/standing/([^/]+)/revoke/", made.text))
    settle(small_world)
    page = alice.get(f"{PAGE}{standing}/")
    assert f'href="{PAGE}{standing}/findings.json"' in page.text
    answer = alice.get(f"{PAGE}{standing}/findings.json")
    assert answer.headers["content-disposition"] == f'attachment; filename="standing-{standing}.json"'
    assert answer.headers["cache-control"] == "private, no-store"
    [finding] = answer.json()["findings"]
    assert (finding["package"], finding["version"], finding["fix"]) == ("demo", "1.0", "2.0")
    assert small_world.person("mallory").get(f"{PAGE}{standing}/findings.json").status_code == 404

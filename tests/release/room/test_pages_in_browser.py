"""The pages of release runs in a real browser: axe finds nothing, and nothing is too wide on a phone."""

from __future__ import annotations

import base64
import os
import re
import sys
from importlib.resources import files
from pathlib import Path

import pytest

from clock import TurnableClock
from customhouse.release.events import TagMoved
from meeting import Meeting, meeting
from person import Person

sys.path.insert(0, str(Path(__file__).parents[2] / "web"))
from browser import PHONE, chromium, faults

pytestmark = pytest.mark.slow


def furnished(here: Meeting) -> dict[str, str]:
    """Every page with something on it."""
    found = {}
    rosa = here.world.person("rosa")
    assert here.open().status_code == 201
    found["gathering"] = _shown(here, rosa)
    builder = here.built()
    assert here.decide("wim", "approve", step="stop").is_success
    found["asking"] = _shown(here, rosa)
    assert builder.say(TagMoved("fork", "refs/tags/v1.0", "a" * 40, "b" * 40, "reflog")).is_success
    found["stopped"] = _shown(here, rosa)
    found["journal"] = rosa.get(f"/release/run/{here.run}/journal/").text
    found["list"] = rosa.get("/release/runs/").text
    return found


def _shown(here: Meeting, who: Person) -> str:
    """The page with its picture in it, since nothing is fetched here."""
    page = f"/release/run/{here.run}/"
    picture = who.get(f"{page}picture.svg")
    assert picture.status_code == 200, picture.text
    assert picture.headers["content-type"] == "image/svg+xml"
    inline = base64.b64encode(picture.content).decode()
    return re.sub(r'src="[^"]+picture\.svg[^"]*"', f'src="data:image/svg+xml;base64,{inline}"', who.get(page).text)


def test_axe_finds_nothing_and_nothing_is_too_wide(
    request: pytest.FixtureRequest, tmp_path: Path, clock: TurnableClock
) -> None:
    with meeting(request, tmp_path, clock) as here:
        pages = furnished(here)
    style = (files("customhouse.web") / "static" / "house.css").read_text()
    look = Path(os.environ["LOOK_AT"]) if "LOOK_AT" in os.environ else None
    with chromium() as browser:
        page = browser.new_context().new_page()
        for title, html in pages.items():
            page.set_content(html)
            page.add_style_tag(content=style)
            assert faults(page) == [], title
            if look is not None:
                page.screenshot(path=look / f"{title}.png", full_page=True)
                page.emulate_media(color_scheme="dark")
                page.set_viewport_size(PHONE)  # type: ignore[arg-type] # two numbers
                page.screenshot(path=look / f"{title}-dark-phone.png", full_page=True)

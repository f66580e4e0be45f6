"""Somebody opens a run whose places are his own servers, and waits for the tokens of the machines that work for it."""

from __future__ import annotations

import pytest

from customhouse.formats.pipeline.read import read_pipeline
from customhouse.formats.pipeline.resolve import resolve
from customhouse.release.work.addresses import Places, refuse_strange_addresses
from customhouse.terms.errors import Refused
from toy_release import PIPELINE, VERSION

ROOM = "https://index.example"
TOY = resolve(read_pipeline(PIPELINE), VERSION)


def refusal(places: Places, own: Places | None = None) -> str:
    try:
        refuse_strange_addresses(TOY, places, own or {}, room=ROOM)
    except Refused as refused:
        return refused.code
    return ""


@pytest.mark.parametrize(
    "places",
    [
        {"index": {"url": "https://evil.example/"}},
        {"index": {"url": "https://index.example:8443/"}},
        {"fork": {"url": "https://evil.example/toy.git", "adapter": "github"}},
        {"fork": {"url": "https://github.com@evil.example/toy.git", "adapter": "github"}},
        {"fork": {"url": "https://github.com/a/b", "adapter": "github", "api": "https://evil.example/api"}},
        {"fork": {"url": "git@evil.example:a/b", "adapter": "gitlab"}},
    ],
)
def test_a_token_goes_to_no_address_that_the_machine_has_not_said_itself(places: Places) -> None:
    assert refusal(places) == "strange-address"
    assert refusal(places, places) == ""
    assert refusal(places, {name: {"url": "https://other.example/"} for name in places}) == "strange-address"


@pytest.mark.parametrize(
    "places",
    [
        {"index": {"url": "https://index.example/"}},
        {"index": {"url": "/srv/downloads"}},
        {
            "index": {
                "url": "https://downloads.example/",
                "adapter": "folder",
                "path": "/srv/www",
                "stage": "/srv/staged",
            }
        },
        {"fork": {"url": "https://github.com/a/b", "adapter": "github"}},
        {"fork": {"url": "git@gitlab.com:a/b", "adapter": "gitlab"}},
        {"fork": {"url": "https://elsewhere.example/toy.git", "adapter": "hook"}},
    ],
)
def test_the_room_itself_and_the_large_forges_need_no_word(places: Places) -> None:
    assert refusal(places) == ""

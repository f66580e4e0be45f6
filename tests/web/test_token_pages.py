"""The page of one's API tokens: made with limits, shown once, told in words, warned about, revoked."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape

from customhouse.formats.api_token import PATTERN, ApiToken
from customhouse.terms.scope import scope_for
from customhouse.web.render import readable_day, readable_moment
from packages import wheel
from world import World, upload

PAGE = "/account/tokens/"


def text(html: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


def test_a_token_is_made_with_limits_and_shown_once(small_world: World) -> None:
    alice = small_world.person()
    alice.get(PAGE)
    page = alice.post(
        PAGE, note="CI", expires="30", project="Demo, other demo", version=">=1.2,<2", networks="10.0.0.0/8 ::1",
        **{"may-upload": "yes", "may-yank": "yes"},
    )  # fmt: skip
    assert page.status_code == 200
    [token] = re.findall(PATTERN, page.text)
    assert page.headers["cache-control"] == "private, no-store"
    expires = ApiToken.parse(token).scope.expires
    assert expires is not None
    assert ApiToken.parse(token).scope == scope_for(
        projects=["demo", "other"], versions=[">=1.2,<2"], actions=["upload", "yank"], networks=["10.0.0.0/8", "::1"],
        expires=expires,
    )  # fmt: skip
    assert timedelta(days=29, hours=23) < expires - small_world.clock.now() <= timedelta(days=30)
    again = alice.get(PAGE)
    assert token not in again.text
    for words in ("CI", "only the projects 'demo' and 'other', only versions <2,>=1.2, only to upload files and yank",
                  "only from 10.0.0.0/8 or ::1", readable_moment(expires), "never"):  # fmt: skip
        assert words in text(again.text), words


def test_mistakes_in_the_form_are_named(small_world: World) -> None:
    alice = small_world.person()
    alice.get(PAGE)
    for field, value, part in (
        ("expires", "x", "number of days"), ("expires", "9999", "number of days"), ("expires", "0", "never work"),
        ("project", "-x", "project name"), ("version", "new", "says no versions"), ("networks", "home", "no network"),
        ("project", " ".join(f"p{number}" for number in range(33)), "at most 32"), ("note", "x" * 201, "at most 200"),
        ("project", " ".join("x" * 96 + str(number) for number in range(100, 132)), "too long"),
    ):  # fmt: skip
        answer = alice.post(PAGE, **{field: value})
        assert (answer.status_code, part in text(answer.text)) == (400, True), field
        assert not re.search(PATTERN, answer.text)
    assert "1 not revoked" in text(alice.get(PAGE).text)


def test_the_list_tells_the_last_use_and_warns(small_world: World) -> None:
    world = small_world
    alice = world.person()
    page = text(alice.get(PAGE).text)
    assert "works for ever" in page
    assert "never used for" not in page
    world.clock.turn(timedelta(days=90))
    alice.sign_in("alice")
    assert "never used for 90 days: revoke it?" in text(alice.get(PAGE).text)
    assert upload(world.client, world.user(), wheel(), name="demo", version="1.0").status == 200
    page = text(alice.get(PAGE).text)
    assert "never used" not in page
    assert readable_day(world.clock.now()) in page
    assert "from testclient" in page
    world.clock.turn(timedelta(days=90))
    alice.sign_in("alice")
    assert "not used for 90 days: revoke it?" in text(alice.get(PAGE).text)


def test_an_expired_token_says_so_and_can_be_revoked(small_world: World) -> None:
    alice = small_world.person()
    alice.get(PAGE)
    alice.post(PAGE, note="short", expires="1")
    small_world.clock.turn(timedelta(days=2))
    alice.sign_in("alice")
    page = alice.get(PAGE)
    assert "expired" in text(page.text)
    [address, _older] = re.findall(r'action="(/account/tokens/[a-z2-7]{26}/revoke/)"', page.text)
    assert "works no longer" in alice.said(alice.post(address))
    assert "1 not revoked" in text(alice.get(PAGE).text)


def test_the_page_asks_for_a_fresh_proof(small_world: World) -> None:
    alice = small_world.person()
    small_world.clock.turn(timedelta(hours=1))
    assert alice.get(PAGE).headers["location"].startswith("/account/again/")
    assert alice.post(PAGE, note="x").headers["location"].startswith("/account/again/")

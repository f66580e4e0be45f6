"""Feeds of what is new, for everybody and of what everybody may see."""

from __future__ import annotations

from datetime import timedelta
from xml.etree import ElementTree as ET

import pytest

from customhouse.index.delete import Delete, delete
from customhouse.index.visibility import ChangeVisibility, change_visibility
from packages import wheel
from world import World

ATOM = "{http://www.w3.org/2005/Atom}"
ADDRESSES = ["/rss/updates.xml", "/rss/packages.xml", "/rss/project/demo/releases.xml"]


def titles(world: World, address: str) -> list[str]:
    """The titles of a feed, newest first, from RSS and from Atom, which must say the same."""
    rss, atom = world.client.get(address), world.client.get(address.replace("/rss/", "/feeds/"))
    assert rss.headers["content-type"] == "application/rss+xml; charset=utf-8"
    assert atom.headers["content-type"] == "application/atom+xml; charset=utf-8"
    found = [item.findtext("title") or "" for item in ET.fromstring(rss.content).iter("item")]  # noqa: S314 - our own document
    entries = ET.fromstring(atom.content).findall(f"{ATOM}entry")  # noqa: S314 - our own document
    assert [entry.findtext(f"{ATOM}title") for entry in entries] == found
    return found


def publish(world: World, name: str, *versions: str) -> None:
    for version in versions:
        assert world.upload(wheel(name, version), name=name, version=version).status == 200
        world.clock.turn(timedelta(minutes=1))


def test_feeds_tell_of_new_releases_and_projects(world: World) -> None:
    assert titles(world, "/rss/updates.xml") == []
    publish(world, "demo", "1.0", "2.0")
    publish(world, "other", "0.1")
    publish(world, "demo", "1.1")
    assert titles(world, "/rss/updates.xml") == ["demo 1.1", "other 0.1", "demo 2.0", "demo 1.0"]
    assert titles(world, "/rss/packages.xml") == ["other", "demo"]
    assert titles(world, "/rss/project/Demo/releases.xml") == ["demo 1.1", "demo 2.0", "demo 1.0"]


def test_feeds_forget_what_is_no_longer_listed(world: World) -> None:
    publish(world, "demo", "1.0", "2.0")
    publish(world, "hidden", "1.0")
    world.app.do(change_visibility, ChangeVisibility("hidden", "private", "hidden"))
    world.app.do(delete, Delete("demo", "1.0", typed="demo 1.0"))
    assert titles(world, "/rss/updates.xml") == ["demo 2.0"]
    assert titles(world, "/rss/packages.xml") == ["demo"]
    assert titles(world, "/rss/project/demo/releases.xml") == ["demo 2.0"]
    for folder in ("/rss", "/feeds"):
        assert world.client.get(f"{folder}/project/hidden/releases.xml").status_code == 404
        assert world.client.get(f"{folder}/project/nobody/releases.xml").status_code == 404
    owner = world.person("alice")
    assert owner.get("/project/hidden/").status_code == 200
    assert owner.get("/rss/project/hidden/releases.xml").status_code == 404


@pytest.mark.parametrize("address", [*ADDRESSES, *(address.replace("/rss/", "/feeds/") for address in ADDRESSES)])
def test_a_feed_that_has_not_changed_is_not_sent_again(small_world: World, address: str) -> None:
    publish(small_world, "demo", "1.0")
    first = small_world.client.get(address)
    again = small_world.client.get(address, headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    publish(small_world, "demo", "2.0")
    assert small_world.client.get(address, headers={"if-none-match": first.headers["etag"]}).status_code == (
        304 if address in {"/rss/packages.xml", "/feeds/packages.xml"} else 200
    )


def test_pages_name_their_feeds(small_world: World) -> None:
    publish(small_world, "demo", "1.0")
    home, page = small_world.client.get("/").text, small_world.client.get("/project/demo/").text
    for address in ("/rss/updates.xml", "/rss/packages.xml", "/feeds/updates.xml", "/feeds/packages.xml"):
        assert f'href="{address}"' in home
    for folder in ("/rss", "/feeds"):
        assert f'href="{folder}/project/demo/releases.xml"' in page

"""Feeds are well-formed whatever packages say of themselves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customhouse.formats.feeds import Feed, Item, to_atom, to_rss

AT = datetime(2026, 11, 24, 12, 30, 5, 999999, tzinfo=UTC)
ATOM = "{http://www.w3.org/2005/Atom}"


def feed(*items: Item) -> Feed:
    return Feed("News & more", "https://index.test/", "https://index.test/rss/updates.xml", "What is <new>", items)


def item(title: str = "demo 1.0", summary: str = "The demo", at: datetime = AT) -> Item:
    return Item(title, "https://index.test/project/demo/1.0/", summary, at)


def test_rss_says_all_that_readers_need() -> None:
    older = item(at=AT.astimezone(timezone(timedelta(hours=5))) - timedelta(days=1))
    root = ET.fromstring(to_rss(feed(item("a & b <c>", "]]>"), older)))  # noqa: S314 - our own document
    assert (root.tag, root.get("version")) == ("rss", "2.0")
    channel = root.find("channel")
    assert channel is not None
    assert channel.findtext("title") == "News & more"
    assert channel.findtext("link") == "https://index.test/"
    assert channel.findtext("lastBuildDate") == "Tue, 24 Nov 2026 12:30:05 GMT"
    first, second = channel.findall("item")
    assert (first.findtext("title"), first.findtext("description")) == ("a & b <c>", "]]>")
    assert first.findtext("guid") == first.findtext("link") == "https://index.test/project/demo/1.0/"
    assert parsedate_to_datetime(second.findtext("pubDate") or "") == datetime(2026, 11, 23, 12, 30, 5, tzinfo=UTC)


def test_atom_says_all_that_readers_need() -> None:
    root = ET.fromstring(to_atom(feed(item(summary="<script>&"))))  # noqa: S314 - our own document
    assert root.findtext(f"{ATOM}id") == "https://index.test/rss/updates.xml"
    assert root.findtext(f"{ATOM}updated") == "2026-11-24T12:30:05Z"
    entry = root.find(f"{ATOM}entry")
    assert entry is not None
    assert entry.findtext(f"{ATOM}summary") == "<script>&"
    assert entry.findtext(f"{ATOM}updated") == "2026-11-24T12:30:05Z"


@pytest.mark.parametrize("write", [to_rss, to_atom])
def test_a_feed_without_news_is_one_too(write: type) -> None:
    root = ET.fromstring(write(feed()))  # noqa: S314 - our own document
    assert "1970" in ET.tostring(root).decode()


@given(st.text(alphabet=st.characters(codec=None)), st.text(alphabet="<>&\"'\x00\x08\x1b\ud800\ufffe]!-\n"))
def test_no_text_breaks_a_feed(title: str, summary: str) -> None:
    for write in (to_rss, to_atom):
        ET.fromstring(write(feed(item(title, summary))))  # noqa: S314 - our own document

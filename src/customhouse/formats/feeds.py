"""News as RSS 2.0 and as Atom (RFC 4287); pure rendering.

Texts come from packages, so they are escaped, and what XML cannot hold is taken out. An item's identifier is its own
address, which never changes its meaning; readers tell by it what they have seen.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from html import escape

RSS = "application/rss+xml; charset=utf-8"
ATOM = "application/atom+xml; charset=utf-8"
_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Item:
    """One piece of news."""

    title: str
    url: str
    """Absolute; also its identifier."""
    summary: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Feed:
    """News about one thing, newest first. All addresses are absolute."""

    title: str
    url: str
    """The page that says the same to people."""
    address: str
    """The feed's own."""
    description: str
    items: Sequence[Item]

    @property
    def at(self) -> datetime:
        """When there was news last."""
        return max((item.at for item in self.items), default=_EPOCH)


def to_rss(feed: Feed) -> bytes:
    """The feed as RSS 2.0, with the address of itself that its best practices ask for."""
    items = "".join(
        f"<item><title>{_text(item.title)}</title><link>{_text(item.url)}</link>"
        f'<guid isPermaLink="true">{_text(item.url)}</guid><description>{_text(item.summary)}</description>'
        f"<pubDate>{_rss_date(item.at)}</pubDate></item>\n"
        for item in feed.items
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<rss version="2.0" xmlns:atom="http://www.w3.org/2005/Atom"><channel>\n'
        f"<title>{_text(feed.title)}</title><link>{_text(feed.url)}</link>"
        f"<description>{_text(feed.description)}</description><language>en</language>"
        f'<atom:link href="{_text(feed.address)}" rel="self" type="application/rss+xml"/>\n'
        f"<lastBuildDate>{_rss_date(feed.at)}</lastBuildDate>\n{items}</channel></rss>\n"
    ).encode()


def to_atom(feed: Feed) -> bytes:
    """The feed as Atom."""
    entries = "".join(
        f'<entry><id>{_text(item.url)}</id><title>{_text(item.title)}</title><link href="{_text(item.url)}"/>'
        f"<summary>{_text(item.summary)}</summary><updated>{_atom_date(item.at)}</updated></entry>\n"
        for item in feed.items
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<feed xmlns="http://www.w3.org/2005/Atom">\n'
        f"<id>{_text(feed.address)}</id><title>{_text(feed.title)}</title>"
        f"<subtitle>{_text(feed.description)}</subtitle><author><name>{_text(feed.title)}</name></author>"
        f'<link href="{_text(feed.url)}"/><link href="{_text(feed.address)}" rel="self" type="application/atom+xml"/>\n'
        f"<updated>{_atom_date(feed.at)}</updated>\n{entries}</feed>\n"
    ).encode()


def _text(text: str) -> str:
    return escape(_NOT_IN_XML.sub("", text))


def _rss_date(at: datetime) -> str:
    return format_datetime(at.astimezone(UTC).replace(microsecond=0), usegmt=True)


def _atom_date(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

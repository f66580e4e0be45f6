"""An Atom feed (RFC 4287) of releases in one file: a new entry in front, each once, the others as they are."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from xml.etree.ElementTree import (
    Element,
    ParseError,
    SubElement,
    fromstring,
    indent,
    register_namespace,
    tostring,
)

from customhouse.release.actions import Problem
from customhouse.release.announce.told import Told

NAMESPACE = "http://www.w3.org/2005/Atom"
MOST_ENTRIES = 50
_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def entry_id(told: Told) -> str:
    """Names this release for ever, whatever the feed's address is (RFC 4151)."""
    return f"urn:customhouse:release:{told.run}:{told.project}:{told.version}"


def has_entry(path: Path, told: Told) -> bool:
    """Whether the feed tells of it already."""
    return path.exists() and entry_id(told) in [_text(one, "id") for one in _entries(_read(path))]


def add(path: Path, told: Told, *, address: str) -> None:
    """Put the entry in front; the file is replaced as a whole. Twice is harmless. Raises `Problem`."""
    if has_entry(path, told):
        return
    register_namespace("", NAMESPACE)
    old = _entries(_read(path)) if path.exists() else []
    feed = Element(_q("feed"))
    _add(feed, "id", address or f"urn:customhouse:feed:{told.project}")
    _add(feed, "title", f"Releases of {told.project}")
    _add(feed, "updated", _date(told.at))
    _add(SubElement(feed, _q("author")), "name", told.project)
    if address:
        SubElement(feed, _q("link"), {"rel": "self", "type": "application/atom+xml", "href": address})
    feed.append(_entry(told))
    for one in old[: MOST_ENTRIES - 1]:
        feed.append(one)
    indent(feed)
    _replace(path, b'<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(feed, encoding="utf-8") + b"\n")


def _entry(told: Told) -> Element:
    entry = Element(_q("entry"))
    _add(entry, "id", entry_id(told))
    _add(entry, "title", told.subject)
    _add(entry, "published", _date(told.at))
    _add(entry, "updated", _date(told.at))
    if told.address.startswith(("https://", "http://")):
        SubElement(entry, _q("link"), {"rel": "alternate", "href": told.address})
    _add(entry, "content", told.text, {"type": "text"})
    return entry


def _entries(feed: Element) -> Sequence[Element]:
    return feed.findall(_q("entry"))


def _read(path: Path) -> Element:
    try:
        body = path.read_bytes()
        if b"<!DOCTYPE" in body:
            raise Problem("bad-feed", "it declares a type of document", "a plain Atom feed", place=str(path))
        feed: Element = fromstring(body)  # noqa: S314 - without a document type there are no entities
    except (ParseError, ValueError, OSError) as error:
        raise Problem("bad-feed", f"{error}", "an Atom feed, or no file", place=str(path)) from error
    if feed.tag != _q("feed"):
        raise Problem("bad-feed", f"it begins with {feed.tag[:80]!r}", "an Atom feed, or no file", place=str(path))
    return feed


def _replace(path: Path, body: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with new.open("xb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            new.chmod(path.stat().st_mode & 0o777)
        new.replace(path)
    finally:
        with suppress(FileNotFoundError):
            new.unlink()


def _add(parent: Element, name: str, text: str, attributes: dict[str, str] | None = None) -> None:
    SubElement(parent, _q(name), attributes or {}).text = _NOT_IN_XML.sub("", text)


def _text(entry: Element, name: str) -> str:
    return entry.findtext(_q(name), "")


def _q(name: str) -> str:
    return f"{{{NAMESPACE}}}{name}"


def _date(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")

"""The tags of an HTML page, read in one pass whose time grows with the page and nothing else.

Python's `html.parser` of before 2025 takes quadratic time on unfinished tags (CVE-2025-6069), so it is not used.
Comments and the texts of scripts, styles and titles are passed over, as browsers do.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from typing import NamedTuple

from customhouse.formats.upstream.model import MOST_FILES, refused

LONGEST_VALUE = 8192
MOST_ATTRIBUTES = 40
MOST_TAGS = 5 * MOST_FILES
_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9:-]{0,40}", re.ASCII)
_BLANK = re.compile(r"[\s/]*", re.ASCII)
_ATTRIBUTE = re.compile(r"[^\s=>\"'/]{1,100}", re.ASCII)
_EQUALS = re.compile(r"\s*=\s*", re.ASCII)
_BARE = re.compile(r"[^\s>]*", re.ASCII)
_RAW = {
    name: re.compile(rf"</{name}[\s/>]", re.IGNORECASE | re.ASCII) for name in ("script", "style", "title", "textarea")
}


class Tag(NamedTuple):
    """An opening tag: its name in lower case, and its attributes, the first of each name."""

    name: str
    attributes: dict[str, str]


def tags_of(text: str) -> Iterator[Tag]:
    """Every opening tag that a browser would see; raises `Rejected` for a page that cannot be read in one way."""
    at, count = text.find("<"), 0
    while at >= 0:
        if text.startswith("<!--", at):
            end = text.find("-->", at + 4)
            if end < 0:
                return
            at = text.find("<", end + 3)
            continue
        match = _NAME.match(text, at + 1)
        if match is None:
            at = text.find("<", at + 1)
            continue
        tag, at = _tag(text, match)
        count += 1
        if count > MOST_TAGS:
            raise refused(f"it has more than {MOST_TAGS} tags")
        yield tag
        closing = _RAW.get(tag.name)
        if closing is not None:
            end_of_raw = closing.search(text, at)
            if end_of_raw is None:
                return
            at = end_of_raw.end()
        at = text.find("<", at)


def _tag(text: str, name: re.Match[str]) -> tuple[Tag, int]:
    """The tag, and where the page goes on."""
    attributes: dict[str, str] = {}
    at = name.end()
    for _count in range(MOST_ATTRIBUTES):
        blank = _BLANK.match(text, at)
        at = blank.end() if blank else at
        if at >= len(text) or text[at] == ">":
            return Tag(name[0].lower(), attributes), at + 1
        key = _ATTRIBUTE.match(text, at)
        if key is None:
            # A stray quote or equals sign; browsers go on behind it.
            at += 1
            continue
        at = key.end()
        equals, value = _EQUALS.match(text, at), ""
        if equals is not None:
            value, at = _value(text, equals.end())
        attributes.setdefault(key[0].lower(), unescape(value))
    raise refused("one of its tags has no end", f"at most {MOST_ATTRIBUTES} attributes in a tag")


def _value(text: str, at: int) -> tuple[str, int]:
    quote = text[at : at + 1]
    if quote and quote in "\"'":
        end = text.find(quote, at + 1, at + 1 + LONGEST_VALUE)
        if end < 0:
            raise refused("one of its attributes has no end", f"at most {LONGEST_VALUE} characters")
        return text[at + 1 : end], end + 1
    bare = _BARE.match(text, at, at + LONGEST_VALUE)
    return (bare[0], bare.end()) if bare else ("", at)

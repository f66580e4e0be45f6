"""Conditional and partial requests, pure (RFC 9110, sections 13 and 14)."""

from __future__ import annotations

import re

MAX_RANGES = 10
_RANGE = re.compile(r"(\d{0,19})-(\d{0,19})", re.ASCII)


class TooManyRanges(Exception):
    """The ranges cannot be satisfied, or are more than anybody needs."""


def none_match(if_none_match: str | None, etag: str) -> bool:
    """Whether the client has this representation already (weak comparison, section 13.1.2)."""
    if if_none_match is None:
        return False
    if if_none_match.strip() == "*":
        return True
    return any(candidate.strip().removeprefix("W/") == etag for candidate in if_none_match.split(","))


def ranges(header: str | None, if_range: str | None, etag: str, size_bytes: int) -> list[tuple[int, int]]:
    """The wanted parts as (first, last) bytes, in the client's order; empty means the whole.

    A header that is no byte range is ignored, as is one whose If-Range names another version. Raises `TooManyRanges`
    for more than ten parts, or if none of them exists.
    """
    if header is None or (if_range is not None and if_range.strip() != etag):
        return []
    unit, equals, specifications = header.partition("=")
    if unit.strip().lower() != "bytes" or not equals:
        return []
    wanted = specifications.split(",", MAX_RANGES + 1)
    if len(wanted) > MAX_RANGES:
        raise TooManyRanges
    found = []
    for specification in wanted:
        match = _RANGE.fullmatch(specification.strip())
        if match is None or not (match[1] or match[2]):
            return []
        first = int(match[1]) if match[1] else max(size_bytes - int(match[2]), 0)
        last = int(match[2]) if match[1] and match[2] else size_bytes - 1
        if match[1] and match[2] and last < first:
            return []
        if first < size_bytes and (match[1] or int(match[2])):
            found.append((first, min(last, size_bytes - 1)))
    if not found:
        raise TooManyRanges
    return found

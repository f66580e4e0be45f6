"""Reads the elements of one list in a huge JSON file, one at a time: memory holds one element and one piece."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from typing import Any, BinaryIO

PIECE_BYTES = 1024 * 1024
_DECODER = json.JSONDecoder()
_BLANK = re.compile(r"[ \t\r\n]*")


def elements(head: bytes, rest: BinaryIO, key: str, *, most_bytes: int) -> Iterator[Any]:
    """The elements of the list under ``key`` in ``head`` and the ``rest`` of the file behind it.

    Raises `ValueError` where it is no JSON, where it ends too early, or at an element of more than ``most_bytes``: what
    came before has been handed out by then.
    """
    decode = codecs.getincrementaldecoder("utf-8-sig")().decode
    text = decode(head)
    begin = re.search(rf'"{re.escape(key)}"\s*:\s*\[', text)
    if begin is None:
        raise ValueError(f"the list {key!r} does not begin within the first {len(head):,} bytes")
    at, ended = begin.end(), False
    count = 0
    while True:
        at = _skip(text, at)
        if at < len(text) and text[at] == "]":
            return
        if at < len(text) and text[at] == "," and count:
            at = _skip(text, at + 1)
        try:
            element, end = _DECODER.raw_decode(text, at)
        except RecursionError as error:
            raise ValueError(f"element {count} is nested too deeply") from error
        except json.JSONDecodeError as error:
            if ended:
                raise ValueError(f"element {count} is damaged, and all behind it unread: {error.msg}") from error
            if len(text) - at > most_bytes:
                raise ValueError(f"element {count} has more than {most_bytes:,} bytes, or is damaged") from error
            piece = rest.read(PIECE_BYTES)
            ended = not piece
            text, at = text[at:] + decode(piece, final=ended), 0
            continue
        yield element
        count += 1
        at = end
        if len(text) - at < PIECE_BYTES and not ended:
            piece = rest.read(PIECE_BYTES)
            ended = not piece
            text, at = text[at:] + decode(piece, final=ended), 0


def _skip(text: str, at: int) -> int:
    found = _BLANK.match(text, at)
    return found.end() if found else at

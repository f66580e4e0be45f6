"""Reads the YAML in which the PyPA keeps advisories, without YAML's surprises.

A plain loader makes the number 3.1 of version ``3.10``, a date of an unquoted time, false of ``no``, and a gigabyte of
a few nested aliases. Here every scalar is the text that stands in the file, except null, and except plain numbers and
truth values where a database keeps what only it understands. Anchors, aliases and tags are refused: no advisory needs
them.
"""

from __future__ import annotations

import json
import re
from typing import Any

import yaml
from yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from customhouse.terms.errors import Rejected

CODE = "bad-advisory"
MAX_BYTES = 8 * 2**20
MAX_DEPTH = 32
MAX_NODES = 200_000
_NULL = {"", "~", "null", "Null", "NULL"}
_TRUTH = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,18})?", re.ASCII)
_OF_THE_DATABASE = {"database_specific", "ecosystem_specific"}
_TIMES = ("modified", "published", "withdrawn")
# YAML 1.1, "timestamp": what a writer who knows YAML may have put there without quotes.
_TIME = re.compile(
    r"(\d{4})-(\d\d?)-(\d\d?)(?:(?:[Tt]|[ \t]+)(\d\d?):(\d\d):(\d\d)(\.\d*)?"
    r"[ \t]*(?:([Zz])|([-+])(\d\d?)(?::?(\d\d))?)?)?",
    re.ASCII,
)
# The C parser takes a twentieth of the time; a PyYAML that was built without it still reads the same.
_Loader: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)


def read_yaml(content: bytes, where: str) -> Any:
    """The plain JSON values of one YAML document, versions as they are written; raises `Rejected` with the line."""
    if len(content) > MAX_BYTES:
        raise Rejected(CODE, where, f"{len(content)} bytes", f"at most {MAX_BYTES}")
    loader = None
    try:
        loader = _Loader(content)
        value = _Reader(loader, where).document()
    except yaml.YAMLError as error:
        raise Rejected(CODE, where, f"it is no YAML: {_first_line(error)}") from error
    except UnicodeEncodeError as error:
        raise Rejected(CODE, where, "it holds half a character") from error
    except (UnicodeError, ValueError) as error:
        raise Rejected(CODE, where, f"it is no YAML: {error}", "UTF-8") from error
    finally:
        if loader is not None:
            loader.dispose()
    if isinstance(value, dict):
        value.update({key: _time(value[key]) for key in _TIMES if isinstance(value.get(key), str)})
    return value


class _Reader:
    """One pass over the parser's events: nothing is ever built twice, so nothing can explode."""

    def __init__(self, loader: Any, where: str) -> None:
        self._loader = loader
        self._where = where
        self._nodes = 0

    def document(self) -> Any:
        """The stream's only document; None for an empty one."""
        self._next()
        event = self._next()
        if isinstance(event, StreamEndEvent):
            return None
        if not isinstance(event, DocumentStartEvent):
            raise self._odd(event, "it does not begin with a document")
        value = self._value(self._next(), MAX_DEPTH, typed=False)
        if not isinstance(self._next(), DocumentEndEvent) or not isinstance(event := self._next(), StreamEndEvent):
            raise self._odd(event, "there is more than one document")
        return value

    def _next(self) -> Any:
        return self._loader.get_event()

    def _value(self, event: Any, levels: int, *, typed: bool) -> Any:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise self._odd(event, f"it has more than {MAX_NODES} values")
        if isinstance(event, AliasEvent) or getattr(event, "anchor", None) is not None:
            raise self._odd(event, "it has an anchor or an alias", "each value written out")
        if getattr(event, "tag", None) is not None:
            raise self._odd(event, f"it has the tag {str(event.tag)[:60]!r}", "no tags")
        match event:
            case ScalarEvent():
                return _scalar(event, typed=typed)
            case SequenceStartEvent() if levels > 0:
                return self._sequence(levels - 1, typed=typed)
            case MappingStartEvent() if levels > 0:
                return self._mapping(levels - 1, typed=typed)
            case _:
                raise self._odd(event, f"it is nested more than {MAX_DEPTH} deep")

    def _sequence(self, levels: int, *, typed: bool) -> list[Any]:
        found = []
        while not isinstance(event := self._next(), SequenceEndEvent):
            found.append(self._value(event, levels, typed=typed))
        return found

    def _mapping(self, levels: int, *, typed: bool) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while not isinstance(event := self._next(), MappingEndEvent):
            if not isinstance(event, ScalarEvent):
                raise self._odd(event, "a key is no text")
            # As a value it is counted, and its anchors and tags are refused.
            self._value(event, levels, typed=False)
            key = str(event.value)
            if key in found:
                raise self._odd(event, f"the key {key[:60]!r} stands there twice")
            found[key] = self._value(self._next(), levels, typed=typed or key in _OF_THE_DATABASE)
        return found

    def _odd(self, event: Event, why: str, accepted: str = "") -> Rejected:
        mark = event.start_mark
        place = self._where if mark is None else f"{self._where}, line {mark.line + 1}"
        return Rejected(CODE, place, why, accepted)


def _scalar(event: ScalarEvent, *, typed: bool) -> Any:
    text = str(event.value)
    if not event.implicit[0]:
        # Quoted, or a block: a text whatever it looks like. Half a character, which only an escape makes, raises.
        text.encode()
        return text
    if text in _NULL:
        return None
    if not typed:
        return text
    if text in _TRUTH:
        return _TRUTH[text]
    return json.loads(text) if _NUMBER.fullmatch(text) else text


def _time(text: str) -> str:
    """A time in YAML's looser spelling as RFC 3339 has it; any other text as it is, for its reader to refuse."""
    found = _TIME.fullmatch(text.strip())
    if found is None:
        return text
    year, month, day, hour, minute, second, fraction, _zulu, sign, hours, minutes = found.groups()
    date = f"{year}-{month:0>2}-{day:0>2}"
    if hour is None:
        return f"{date}T00:00:00Z"
    part = fraction if fraction and fraction != "." else ""
    zone = f"{sign}{hours:0>2}:{minutes or '00'}" if sign else "Z"
    return f"{date}T{hour:0>2}:{minute}:{second}{part}{zone}"


def _first_line(error: yaml.YAMLError) -> str:
    problem, mark = getattr(error, "problem", None), getattr(error, "problem_mark", None)
    if problem and mark is not None:
        return f"{problem} (line {mark.line + 1})"[:300]
    return " ".join(str(error).split())[:300]

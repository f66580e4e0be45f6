"""Taking plain JSON values apart: what is not as it must be is said with its place, and everything is bounded."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar

from customhouse.formats.osv.times import read_time
from customhouse.formats.vex.model import CODE, MAX_TEXT
from customhouse.terms.errors import Rejected

S = TypeVar("S", bound=StrEnum)


def an_object(value: object, where: str) -> Mapping[str, Any]:
    """A JSON object."""
    if not isinstance(value, dict):
        raise Rejected(CODE, where, _odd(value), "an object")
    return value


def objects(top: Mapping[str, Any], key: str, where: str, *, most: int) -> list[tuple[Mapping[str, Any], str]]:
    """The objects of a list, each with its place; none if it is missing."""
    value = top.get(key)
    if value is None:
        return []
    if not isinstance(value, list):
        raise Rejected(CODE, f"{where}: {key}", _odd(value), "a list")
    if len(value) > most:
        raise Rejected(CODE, f"{where}: {key}", f"{len(value)} entries", f"at most {most}")
    places = [f"{where}: {key}[{at}]" for at in range(len(value))]
    return [(an_object(one, place), place) for one, place in zip(value, places, strict=True)]


def text(top: Mapping[str, Any], key: str, where: str, *, needed: bool = False) -> str:
    """A text; empty if it is missing and need not be there."""
    value = top.get(key)
    if value is None and not needed:
        return ""
    if not isinstance(value, str) or (needed and not value):
        raise Rejected(CODE, f"{where}: {key}", _odd(value), "a text")
    if len(value) > MAX_TEXT:
        raise Rejected(CODE, f"{where}: {key}", f"{len(value)} characters", f"at most {MAX_TEXT}")
    return value


def texts(top: Mapping[str, Any], key: str, where: str, *, most: int = 1_000) -> tuple[str, ...]:
    """A list of texts; none if it is missing."""
    value = top.get(key)
    if value is None:
        return ()
    if not isinstance(value, list) or len(value) > most:
        raise Rejected(CODE, f"{where}: {key}", "it is no list, or too long", f"a list of at most {most} texts")
    return tuple(text({"": one}, "", f"{where}: {key}[{at}]", needed=True) for at, one in enumerate(value))


def number(top: Mapping[str, Any], key: str, where: str, default: int) -> int:
    """A whole number of one or more."""
    value = top.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value < 2**31:
        raise Rejected(CODE, f"{where}: {key}", _odd(value), "a whole number, 1 or more")
    return value


def moment(top: Mapping[str, Any], key: str, where: str) -> datetime | None:
    """A time; None if it is missing."""
    if top.get(key) is None:
        return None
    return read_time(text(top, key, where, needed=True), f"{where}: {key}")


def word(kind: type[S], top: Mapping[str, Any], key: str, where: str) -> S:
    """One of a few words."""
    value = text(top, key, where, needed=True)
    try:
        return kind(value)
    except ValueError as error:
        raise Rejected(CODE, f"{where}: {key}", f"{value[:60]!r} is not known", ", ".join(kind)) from error


def _odd(value: object) -> str:
    match value:
        case None:
            return "it is missing"
        case "":
            return "it is empty"
        case bool():
            return "it is true or false"
        case int() | float():
            return "it is a number"
        case str():
            return "it is a text"
        case list():
            return "it is a list"
        case _:
            return "it is an object"

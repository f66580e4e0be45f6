"""JSON that every reader reads alike: no key twice, no NaN, no half characters, not too deep, not too long (A47)."""

from __future__ import annotations

import json
from typing import Any

MAX_DEPTH = 64


def read_json(text: str, *, max_depth: int = MAX_DEPTH) -> Any:
    """The value that a text holds; raises `ValueError` saying what is odd about it.

    Numbers of more than 4,300 digits are among what is refused: Python will not read them.
    """
    try:
        value = json.loads(text, object_pairs_hook=_no_key_twice, parse_constant=_no_constant)
        # Half a surrogate pair can be written in JSON and not in UTF-8.
        json.dumps(value, ensure_ascii=False).encode()
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    except UnicodeEncodeError as error:
        raise ValueError("it holds half a character") from error
    if _deeper_than(value, max_depth):
        raise ValueError(f"it is nested more than {max_depth} deep")
    return value


def _deeper_than(value: object, levels: int) -> bool:
    match value:
        case dict():
            inner = list(value.values())
        case list():
            inner = value
        case _:
            return False
    return levels <= 0 or any(_deeper_than(one, levels - 1) for one in inner)


def _no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands there twice")
    return found


def _no_constant(text: str) -> None:
    raise ValueError(f"{text} is no JSON number")

"""Reading a dated list: CSV with a header, or JSON. All of it is good, or the bad lines are named and none counts.

CSV: a header with a column for the project (`NAMES`) and one for the value (`VALUES`), in any order, beside others that
are passed over. BigQuery writes ``project,downloads`` or ``project,num_downloads``. Lines that begin with ``#`` are
passed over too.

JSON: ``{"rows": [{"project": "requests", "downloads": 1}, …]}``, a list of such objects, or an object of names and
values (``{"requests": 1}``). The list of top packages that hugovk publishes is of the first kind: ``last_update``, and
rows of ``project`` and ``download_count``. ``date`` or ``last_update`` says of which day it is.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Any

from customhouse.formats.signal_list.model import (
    MAX_BAD,
    MAX_BYTES,
    MAX_ROWS,
    NAMES,
    VALUES,
    BadLine,
    SignalList,
    Values,
)
from customhouse.formats.strict_json import read_json
from customhouse.terms.errors import Rejected
from customhouse.terms.names import ProjectName

LONGEST_FIELD = 1_000
DATES = ("date", "last_update")
CONTAINERS = ("rows", "projects", "packages", "values")
Row = tuple[str, str, str]
"""Where it stands, the name, the value."""


def read_signal_list(content: bytes, signal: str, where: str) -> SignalList:
    """The list that a file holds; raises `Rejected` naming the first bad lines.

    ``where`` is the file's name; it does not say what is in it.
    """
    if signal not in VALUES:
        raise Rejected("bad-signal", "signal", f"{signal[:40]!r} cannot be loaded", ", ".join(VALUES))
    if len(content) > MAX_BYTES:
        raise Rejected("list-too-large", where, f"{len(content):,} bytes", f"at most {MAX_BYTES:,}")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Rejected("bad-list", where, f"byte {error.start} is no UTF-8", "a text in UTF-8") from error
    if "\0" in text:
        raise Rejected("bad-list", where, "it holds a byte 0", "a text in UTF-8")
    values = VALUES[signal]
    dated, rows = (
        _of_json(text, values, where) if text.lstrip()[:1] in ("{", "[") else (None, _of_csv(text, values, where))
    )
    return SignalList(_checked(rows, values, where), dated)


def _checked(rows: Iterable[Row], values: Values, where: str) -> Mapping[str, str]:
    found: dict[str, str] = {}
    places: dict[str, str] = {}
    bad: list[BadLine] = []
    for count, (place, name, text) in enumerate(rows, 1):
        if count > MAX_ROWS:
            raise Rejected("list-too-large", where, f"more than {MAX_ROWS:,} rows", f"at most {MAX_ROWS:,}")
        line = _line(place, name, text, values, found, places)
        if line is not None:
            bad.append(line)
            if len(bad) > MAX_BAD:
                break
    if bad:
        said = "; ".join(f"{one.where}: {one.why}" for one in bad[:MAX_BAD])
        more = f" and more after {bad[MAX_BAD - 1].where}" if len(bad) > MAX_BAD else ""
        raise Rejected("bad-list", where, f"{said}{more}", f"a project and {values.wanted} in each; nothing was loaded")
    if not found:
        raise Rejected("bad-list", where, "it names no project", f"a project and {values.wanted} in each line")
    return found


def _line(
    place: str, name: str, text: str, values: Values, found: dict[str, str], places: dict[str, str]
) -> BadLine | None:
    """Take one line; what is wrong with it, or None."""
    if len(name) > LONGEST_FIELD or len(text) > LONGEST_FIELD:
        return BadLine(place, "is too long")
    try:
        normalized = ProjectName.parse(name.strip()).normalized
    except Rejected:
        return BadLine(place, f"{name.strip()[:60]!r} is no name of a project")
    value = values.read(text)
    if value is None:
        return BadLine(place, f"{text.strip()[:60]!r} of {normalized} is not {values.wanted}")
    if normalized in found:
        return BadLine(place, f"{normalized} is given twice, first in {places[normalized]}")
    found[normalized], places[normalized] = value, place
    return None


def _of_csv(text: str, values: Values, where: str) -> Iterator[Row]:
    lines = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = next((line for line in lines if line and not line[0].lstrip().startswith("#")), [])
        names = [one.strip().lower() for one in header]
        name_at = _column(names, NAMES)
        value_at = _column(names, values.columns)
        if name_at is None or (value_at is None and not values.optional):
            raise Rejected(
                "bad-list", where, f"its first line is {','.join(header)[:120]!r}",
                f"a header with a column {NAMES[0]} and one named {' or '.join(values.columns)}",
            )  # fmt: skip
        for line in lines:
            if not line or line[0].lstrip().startswith("#"):
                continue
            place = f"line {lines.line_num}"
            if len(line) <= max(name_at, value_at or 0):
                yield place, "", ""
                continue
            yield place, line[name_at], line[value_at] if value_at is not None else ""
    except csv.Error as error:
        raise Rejected("bad-list", where, f"line {lines.line_num}: {error}", "CSV (RFC 4180)") from error


def _column(names: list[str], wanted: tuple[str, ...]) -> int | None:
    return next((names.index(one) for one in wanted if one in names), None)


def _of_json(text: str, values: Values, where: str) -> tuple[date | None, Iterator[Row]]:
    try:
        whole = read_json(text, max_depth=8)
    except ValueError as error:
        raise Rejected("bad-list", where, f"it is no JSON that can be read: {error}"[:300], "JSON, or CSV") from error
    dated = _date_of(whole) if isinstance(whole, dict) else None
    if isinstance(whole, dict):
        container = next((whole[key] for key in CONTAINERS if isinstance(whole.get(key), list | dict)), None)
        rest = {key: value for key, value in whole.items() if key not in DATES}
        whole = rest if container is None else container
    return dated, _json_rows(whole, values)


def _json_rows(whole: Any, values: Values) -> Iterator[Row]:
    if isinstance(whole, dict):
        for at, (name, value) in enumerate(whole.items(), 1):
            yield f"row {at}", name, _text(value)
        return
    for at, one in enumerate(whole, 1):
        if isinstance(one, str) and values.optional:
            yield f"row {at}", one, ""
        elif isinstance(one, dict):
            keys = {key.lower(): value for key, value in one.items()}
            name = next((keys[key] for key in NAMES if key in keys), "")
            value = next((keys[key] for key in values.columns if key in keys), "")
            yield f"row {at}", _text(name), _text(value)
        else:
            yield f"row {at}", "", ""


def _text(value: Any) -> str:
    """A JSON value as a CSV would hold it; what is neither text, number nor truth becomes what no signal takes."""
    match value:
        case bool():
            return "true" if value else "false"
        case int() | str():
            return str(value)
        case _:
            return "?"


def _date_of(whole: Mapping[str, Any]) -> date | None:
    said = next((whole[key] for key in DATES if isinstance(whole.get(key), str)), "")
    try:
        return date.fromisoformat(said[:10])
    except ValueError:
        return None

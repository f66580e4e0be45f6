"""Tables that people take home: CSV as RFC 4180 has it, safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from starlette.responses import Response

from customhouse.web.visit import Visit

Cell = object
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def csv_lines(rows: Iterable[Sequence[Cell]]) -> str:
    """Rows as lines. An empty cell is a number that is not told."""
    written = io.StringIO()
    csv.writer(written).writerows([_as_text(value) for value in row] for row in rows)
    return written.getvalue()


def csv_headers(visit: Visit, name: str, *, public: bool) -> dict[str, str]:
    """Headers of a file of that name. ``public``: caches may keep a stranger's and ask whether it has changed."""
    return {
        "content-type": "text/csv; charset=utf-8; header=present",
        "content-disposition": f'attachment; filename="{name}.csv"',
        "cache-control": "no-cache" if public and visit.user is None else "private, no-store",
        "x-content-type-options": "nosniff",
    }


def csv_answer(
    visit: Visit, name: str, columns: Sequence[str], rows: Iterable[Sequence[Cell]], *, public: bool = True
) -> Response:
    """The table as a file."""
    return Response(csv_lines([columns, *rows]), headers=csv_headers(visit, name, public=public))


def _as_text(value: Cell) -> str:
    """Text that a spreadsheet takes for text and never for a formula: titles are typed by people."""
    text = "" if value is None else str(value)
    return f"'{text}" if isinstance(value, str) and text.startswith(_FORMULA) else text

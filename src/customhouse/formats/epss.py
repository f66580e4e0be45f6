"""FIRST's scores of how likely a vulnerability is exploited, ``epss_scores-DAY.csv.gz`` (first.org/epss/data_stats).

The first line is a comment with the model's version and the day, ``#model_version:v2025.03.14,score_date:…``; then come
the columns ``cve,epss,percentile``.
"""

from __future__ import annotations

import gzip
import io
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from customhouse.formats.kev import CVE, BadRow
from customhouse.terms.errors import Rejected

CODE = "bad-scores"
MAX_BYTES = 256 * 2**20
"""Unpacked; the list of all CVEs of 2026 takes some 12 MB."""
_GZIP = b"\x1f\x8b"
_DAY = re.compile(r"score_date:\s*(\d{4}-\d\d-\d\d)", re.ASCII)
_COLUMNS = ["cve", "epss", "percentile"]


@dataclass(frozen=True, slots=True)
class Likelihood:
    """The probability of exploitation within 30 days, and the share of CVEs with a lower one: both from 0 to 1."""

    cve: str
    score: float
    percentile: float


def read_scores(content: bytes, where: str) -> tuple[date, Iterator[Likelihood | BadRow]]:
    """The day of the scores, and every row; raises `Rejected` if it is no such list."""
    lines = _unpacked(content, where).splitlines()
    found = _DAY.search(lines[0]) if lines and lines[0].startswith("#") else None
    if found is None:
        raise Rejected(
            CODE, f"{where}, line 1", "it does not say of which day the scores are", "#…,score_date:YYYY-MM-DD…"
        )
    try:
        day = date.fromisoformat(found[1])
    except ValueError as error:
        raise Rejected(CODE, f"{where}, line 1", f"{found[1]} is no day") from error
    columns = [one.strip() for one in lines[1].split(",")] if len(lines) > 1 else []
    if columns != _COLUMNS:
        raise Rejected(CODE, f"{where}, line 2", f"the columns are {','.join(columns)[:80]!r}", ",".join(_COLUMNS))
    if len(lines) == 2:  # noqa: PLR2004 - the two lines of the head
        raise Rejected(CODE, where, "it has no scores", "FIRST's list of scores")
    return day, _rows(lines, where)


def _rows(lines: list[str], where: str) -> Iterator[Likelihood | BadRow]:
    for number, line in enumerate(lines[2:], 3):
        if not line:
            continue
        try:
            cve, score, percentile = line.split(",")
            if not CVE.fullmatch(cve):
                raise ValueError(f"{cve[:40]!r} is no CVE")  # noqa: TRY301 - caught below, with the others
            yield Likelihood(cve, _share(score), _share(percentile))
        except ValueError as error:
            place = f"{where}, line {number}"
            yield BadRow(place, f"{place}: {error}")


def _share(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:
        raise ValueError(f"{text[:20]!r} is not from 0 to 1")
    return value


def _unpacked(content: bytes, where: str) -> str:
    try:
        if content.startswith(_GZIP):
            with gzip.GzipFile(fileobj=io.BytesIO(content)) as packed:
                content = packed.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise Rejected(CODE, where, f"more than {MAX_BYTES} bytes", "FIRST's list of scores")
        return content.decode()
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise Rejected(CODE, where, f"it cannot be unpacked: {str(error)[:200]}", "CSV, plain or gzip") from error

"""Times as OSV wants them: RFC 3339 in UTC with ``Z`` and at most six digits of a fraction.

pip-audit ends with a traceback on ``+00:00`` and on more digits, so we never write those, whatever a source has sent.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime

from customhouse.terms.errors import Rejected

_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d{1,12}))?(Z|z|[+-]\d\d:\d\d)?", re.ASCII)


def read_time(value: object, where: str) -> datetime:
    """A time in UTC, from text or from what YAML makes of an unquoted one; raises `Rejected`.

    Digits beyond microseconds are dropped. A time without a zone is taken for UTC, as in the YAML of the PyPA.
    """
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    if not isinstance(value, str) or not (found := _TIME.fullmatch(value.strip())):
        raise Rejected("bad-advisory", where, f"{str(value)[:60]!r} is no time", "RFC 3339, like 2026-11-28T12:00:00Z")
    day, clock, fraction, zone = found.groups()
    text = f"{day}T{clock}.{(fraction or '')[:6]:0<6}{'+00:00' if zone in (None, 'Z', 'z') else zone}"
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise Rejected("bad-advisory", where, f"{value[:60]!r} is no time: {error}") from error


def write_time(moment: datetime) -> str:
    """``2026-11-28T12:00:00Z``, with microseconds only if there are any."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"

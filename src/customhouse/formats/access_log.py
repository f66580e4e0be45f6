"""Access logs of CDNs and front ends: one line in, the download that it tells of out.

Two kinds of line are read, and may be mixed:

* the common and combined formats of NCSA, as Apache, nginx and Fastly write them by default, with any further fields in
  quotes behind them;
* JSON objects, with the field names of CloudFront or with plain ones (`CLIENT` and its neighbours list them).

Only a GET of ``/files/PROJECT/FILENAME`` counts, answered 200, or 206 if the line says that the range began with the
first byte (combined lines can say it in a further field, such as ``"$http_range"`` of nginx).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from urllib.parse import unquote

from customhouse.terms.errors import Rejected

MAX_LINE_BYTES = 16 * 1024
CLIENT = ("c-ip", "client", "client_ip", "remote_addr")
METHOD = ("cs-method", "method", "request_method")
PATH = ("cs-uri-stem", "path", "url", "uri", "request_uri")
STATUS = ("sc-status", "status")
MOMENT = ("timestamp", "time", "@timestamp", "timestamp(ms)")
RANGE = ("range", "http_range", "content_range", "sc-range-start")

_COMMON = re.compile(
    r"(?P<client>[^\s\"\[]{1,100}) [^\s\"\[]{1,200} (?P<user>[^\"\[]{1,300}) \[(?P<time>[^\]]{1,60})\] "
    r'"(?P<request>(?:[^"\\]|\\.)*)" (?P<status>\d{3}) (?:\d+|-)(?P<rest>.*)',
    re.ASCII | re.DOTALL,
)
_TIME = re.compile(r"(\d\d)/([A-Z][a-z]{2})/(\d{4}):(\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)", re.ASCII)
_MONTHS = {
    name: number
    for number, name in enumerate(
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"], 1
    )
}
_REQUEST = re.compile(r"([A-Z]{1,20}) (\S+)(?: HTTP/[\d.]+)?", re.ASCII)
_FILE = re.compile(
    r"(?:https?://[^/?#]*)?/files/[^/?#]+/([A-Za-z0-9][A-Za-z0-9._+!-]{0,299})(?:[?#].*)?", re.ASCII | re.DOTALL
)
_FIRST_BYTE = re.compile(r"\s*bytes[= ]\s*0+-", re.ASCII | re.IGNORECASE)
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_OK, _PARTIAL = 200, 206
_MILLISECONDS_FROM = 10**11
"""A number at least so large counts milliseconds; as seconds it would be in the year 5138."""


@dataclass(frozen=True, slots=True)
class LoggedDownload:
    """Somebody was sent a file, or its beginning."""

    at: datetime
    client: str
    filename: str


def read_log_line(line: bytes) -> LoggedDownload | None:
    """The download that a line tells of, or None for any other request; raises `Rejected` for what is no log line."""
    if len(line) > MAX_LINE_BYTES:
        raise _bad(f"{len(line)} bytes", f"at most {MAX_LINE_BYTES} bytes")
    text = line.decode("utf-8", "replace").strip()
    if not text or text.startswith("#"):
        return None
    return _from_json(text) if text.startswith("{") else _from_common(text)


def _from_common(text: str) -> LoggedDownload | None:
    match = _COMMON.fullmatch(text)
    if match is None:
        raise _bad("neither a line of the combined format nor a JSON object")
    at = _common_time(match["time"])
    request = _REQUEST.fullmatch(match["request"])
    if request is None:
        return None  # what is no HTTP is logged too, with its rubbish in the quotes
    ranges = [field for field in _QUOTED.findall(match["rest"]) if field.lstrip().lower().startswith("bytes")]
    return _download(at, match["client"], request[1], request[2], int(match["status"]), ranges)


def _from_json(text: str) -> LoggedDownload | None:
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _bad("not a JSON object") from error
    if not isinstance(fields, dict):
        raise _bad("not a JSON object")
    client, method, path = (str(_first(fields, names)) for names in (CLIENT, METHOD, PATH))
    try:
        status = int(_first(fields, STATUS))
    except (TypeError, ValueError, OverflowError) as error:
        raise _bad("the status is no number") from error
    ranges = [
        f"bytes={value}-" if name == "sc-range-start" else str(value) for name in RANGE if (value := fields.get(name))
    ]
    return _download(_json_time(fields), client, method, path, status, ranges)


def _download(
    at: datetime, client: str, method: str, path: str, status: int, ranges: list[str]
) -> LoggedDownload | None:
    begins = status == _OK or (status == _PARTIAL and any(_FIRST_BYTE.match(value) for value in ranges))
    if method != "GET" or not begins:
        return None
    match = _FILE.fullmatch(path) or _FILE.fullmatch(unquote(path))
    if match is None or match[1].endswith(".metadata"):
        return None
    return LoggedDownload(at, client, match[1])


def _first(fields: dict[str, Any], names: tuple[str, ...]) -> Any:
    for name in names:
        if (value := fields.get(name)) not in (None, ""):
            return value
    raise _bad(f"the field {names[0]!r} is missing", " or ".join(names))


def _common_time(text: str) -> datetime:
    match = _TIME.fullmatch(text)
    if match is None or match[2] not in _MONTHS:
        raise _bad(f"{text!r} is no time", "as 24/Nov/2026:13:05:00 +0000")
    offset = timedelta(hours=int(match[8]), minutes=int(match[9])) * (1 if match[7] == "+" else -1)
    day, year, hour, minute, second = (int(match[number]) for number in (1, 3, 4, 5, 6))
    try:
        # A leap second is logged as :60.
        found = datetime(year, _MONTHS[match[2]], day, hour, minute, min(second, 59), tzinfo=timezone(offset))
        return found.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise _bad(f"{text!r} is no time", "as 24/Nov/2026:13:05:00 +0000") from error


def _json_time(fields: dict[str, Any]) -> datetime:
    """The moment of a JSON line: ``date`` and ``time`` of CloudFront (UTC), ISO 8601, or a number since 1970."""
    if isinstance(fields.get("date"), str) and isinstance(fields.get("time"), str):
        value: Any = f"{fields['date']}T{fields['time']}Z"
    else:
        value = _first(fields, MOMENT)
    try:
        if isinstance(value, str) and not re.fullmatch(r"\d{1,15}(?:\.\d{1,9})?", value, re.ASCII):
            found = datetime.fromisoformat(value)
            return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
        seconds = float(value)
        return datetime.fromtimestamp(seconds / 1000 if seconds >= _MILLISECONDS_FROM else seconds, UTC)
    except (TypeError, ValueError, OverflowError, OSError) as error:
        raise _bad(f"{str(value)[:40]!r} is no time", "ISO 8601, or seconds or milliseconds since 1970") from error


def _bad(why: str, accepted: str = "") -> Rejected:
    return Rejected("bad-log-line", "log line", why, accepted)

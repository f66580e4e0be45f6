"""Access logs: what counts as a download, what is another request, and what is no log line at all."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customhouse.formats.access_log import LoggedDownload, read_log_line
from customhouse.terms.errors import Rejected

WHEEL = "demo-1.0-py3-none-any.whl"
AT = datetime(2026, 11, 24, 11, 5, tzinfo=UTC)
TAKEN = LoggedDownload(AT, "203.0.113.7", WHEEL)
AGENT = '"-" "pip/26.0"'


def combined(
    request: str = f"GET /files/demo/{WHEEL} HTTP/1.1", status: int = 200, rest: str = f" {AGENT}", *,
    client: str = "203.0.113.7", user: str = "-", at: str = "24/Nov/2026:13:05:00 +0200",
) -> bytes:  # fmt: skip
    return f'{client} - {user} [{at}] "{request}" {status} 1234{rest}\n'.encode()


def cloudfront(**changed: object) -> bytes:
    fields: dict[str, object] = {
        "date": "2026-11-24", "time": "11:05:00", "c-ip": "203.0.113.7", "cs-method": "GET",
        "cs-uri-stem": f"/files/demo/{WHEEL}", "sc-status": "200",
    }  # fmt: skip
    return json.dumps(fields | changed).encode() + b"\n"


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(combined(), id="combined"),
        pytest.param(combined(rest=""), id="common, as Fastly writes it"),
        pytest.param(combined(rest=f' {AGENT} "10.0.0.1, 10.0.0.2" 0.001'), id="with further fields"),
        pytest.param(combined(user="alice of the office"), id="with a user"),
        pytest.param(combined(rest=' "-" "a \\"quoted\\" agent"'), id="with quotes in the agent"),
        pytest.param(combined(f"GET /files/demo/{WHEEL}?x=1 HTTP/2.0"), id="with a query"),
        pytest.param(combined(f"GET https://index.test/files/demo/{WHEEL} HTTP/1.1"), id="in absolute form"),
        pytest.param(combined(f"GET /files/demo/{WHEEL.replace('-', '%2D')} HTTP/1.1"), id="percent-encoded"),
        pytest.param(combined(status=206, rest=f' {AGENT} "bytes=0-99"'), id="a range from the first byte"),
        pytest.param(cloudfront(), id="CloudFront"),
        pytest.param(cloudfront(**{"sc-status": 206, "sc-range-start": "0"}), id="CloudFront's range"),
        pytest.param(cloudfront(date=None, time=None, timestamp=AT.timestamp()), id="seconds"),
        pytest.param(cloudfront(date=None, time=None, **{"timestamp(ms)": str(AT.timestamp() * 1000)}), id="milliseconds"),
        pytest.param(
            json.dumps({
                "time": "2026-11-24T12:05:00+01:00", "client": "203.0.113.7", "method": "GET", "status": 200,
                "path": f"/files/demo/{WHEEL}",
            }).encode(),
            id="plain names",
        ),
    ],
)  # fmt: skip
def test_a_download_is_read(line: bytes) -> None:
    assert read_log_line(line) == TAKEN


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(combined(f"HEAD /files/demo/{WHEEL} HTTP/1.1"), id="HEAD"),
        pytest.param(combined(f"GET /files/demo/{WHEEL}.metadata HTTP/1.1"), id="metadata"),
        pytest.param(combined("GET /simple/demo/ HTTP/1.1"), id="a page"),
        pytest.param(combined(f"GET /view/prod/files/demo/{WHEEL} HTTP/1.1"), id="another path"),
        pytest.param(combined(status=304), id="304"),
        pytest.param(combined(status=403), id="a refusal"),
        pytest.param(combined(status=206), id="a range that the line does not tell"),
        pytest.param(combined(status=206, rest=f' {AGENT} "bytes=100-"'), id="a range from the middle"),
        pytest.param(combined(status=206, rest=f' {AGENT} "bytes=-100"'), id="a range at the end"),
        pytest.param(combined("\\x16\\x03\\x01"), id="what is no HTTP"),
        pytest.param(combined("GET /files/../../etc/passwd HTTP/1.1"), id="a path out of the folder"),
        pytest.param(cloudfront(**{"sc-status": 206, "sc-range-start": "100"}), id="CloudFront's range"),
        pytest.param(cloudfront(**{"cs-method": "POST"}), id="POST"),
        pytest.param(b"\n", id="an empty line"),
        pytest.param(b"#Version: 1.0\n", id="a comment"),
    ],
)  # fmt: skip
def test_other_requests_are_left_out(line: bytes) -> None:
    assert read_log_line(line) is None


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"some words\n", "neither a line of the combined format nor a JSON object"),
        (combined()[:60], "neither"),
        (combined(at="yesterday"), "no time"),
        (combined(at="31/Feb/2026:13:05:00 +0200"), "no time"),
        (combined(at="24/Nov/2026:13:05:00 +9900"), "no time"),
        (combined(at="01/Jan/0001:00:05:00 +0200"), "no time"),
        (combined(rest="x" * 20_000), "16384 bytes"),
        (b"\0" * 100, "neither"),
        (b"{\n", "not a JSON object"),
        (b"{" * 9000, "not a JSON object"),
        (b'{"a":' * 3000 + b"1" + b"}" * 1000, "not a JSON object"),
        (cloudfront(**{"c-ip": None}), "'c-ip' is missing"),
        (cloudfront(**{"sc-status": "OK"}), "no number"),
        (cloudfront(**{"sc-status": [200]}), "no number"),
        (cloudfront(**{"sc-status": float("inf")}), "no number"),
        (cloudfront(date="soon"), "no time"),
        (cloudfront(date=None, time=None, timestamp="1e400"), "no time"),
        (cloudfront(date=None, time=None, timestamp=10**30), "no time"),
    ],
)
def test_a_bad_line_is_named(line: bytes, reason: str) -> None:
    with pytest.raises(Rejected, match=reason):
        read_log_line(line)


@given(st.binary(max_size=300) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_a_download_another_request_or_a_bad_line(line: bytes) -> None:
    try:
        found = read_log_line(line)
    except Rejected:
        return
    assert found is None or found.filename


@given(
    st.dictionaries(
        st.sampled_from(["c-ip", "cs-method", "cs-uri-stem", "sc-status", "date", "time", "timestamp", "range"]),
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats()
        | st.text(max_size=30)
        | st.lists(st.integers(), max_size=2),
    )
)
def test_any_json_is_a_download_another_request_or_a_bad_line(fields: dict[str, object]) -> None:
    with suppress(Rejected):
        read_log_line(cloudfront(**fields))


def test_a_line_made_to_be_slow_is_read_in_no_time() -> None:
    for hostile in (b"a - " + b" [" * 8000, b'a - - [b] "' + b"\\" * 16000, b'a - - [b] "' + b'" ' * 8000):
        with pytest.raises(Rejected):
            read_log_line(hostile)

"""Which representation a client gets (PEP 691, RFC 9110 section 12)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customhouse.formats.negotiate import HTML, JSON, PLAIN_HTML, accepts_gzip, choose, wants_html, wants_json

PIP = f"{JSON}, {HTML}; q=0.1, {PLAIN_HTML}; q=0.01"
UV = f"{JSON}, {HTML};q=0.2, {PLAIN_HTML};q=0.01"


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        (None, "text/html; charset=utf-8"),
        ("", "text/html; charset=utf-8"),
        ("*/*", "text/html; charset=utf-8"),
        (PIP, JSON),
        (UV, JSON),
        (JSON, JSON),
        (JSON.upper(), JSON),
        (HTML, f"{HTML}; charset=utf-8"),
        ("application/vnd.pypi.simple.latest+json", JSON),
        ("application/*", f"{HTML}; charset=utf-8"),
        (f"{JSON};q=0.5, text/html;q=0.4", JSON),
        (f"{JSON};q=0.4, text/html;q=0.5", "text/html; charset=utf-8"),
        (f"{JSON};q=0, */*;q=0.1", "text/html; charset=utf-8"),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8", "text/html; charset=utf-8"),
        ("application/json, */*;q=0.01", "text/html; charset=utf-8"),
        (f"{JSON};q=banana, text/html", "text/html; charset=utf-8"),
    ],
)
def test_a_header_is_answered_by_its_weights(accept: str | None, content_type: str) -> None:
    chosen = choose(accept)
    assert chosen is not None
    assert chosen.content_type == content_type
    assert chosen.format == ("json" if content_type == JSON else "html")


@pytest.mark.parametrize("accept", ["image/png", "application/json", f"{JSON};q=0", "*/*;q=0", "text/html;q=2"])
def test_nothing_that_we_speak(accept: str) -> None:
    assert choose(accept) is None


def test_the_query_wins_over_the_header() -> None:
    chosen = choose(PLAIN_HTML, JSON)
    assert chosen is not None
    assert chosen.content_type == JSON
    assert choose(PIP, "application/pdf") is None


@pytest.mark.parametrize(
    ("header", "welcome"),
    [
        (None, False), ("", False), ("gzip", True), ("gzip;q=0", False), ("*", True), ("*;q=0", False), ("br", False),
        ("br, gzip;q=0.1", True), ("identity", False), ("GZIP", True), ("*, gzip;q=0", False),
    ],
)  # fmt: skip
def test_gzip_is_sent_where_it_is_welcome(header: str | None, welcome: bool) -> None:
    assert accepts_gzip(header) is welcome


@pytest.mark.parametrize(
    ("accept", "json", "html"),
    [
        (None, False, False), ("*/*", False, False), ("application/json", True, False), (PIP, True, True),
        ("text/html, application/json;q=0.5", False, True), ("application/problem+json", True, False),
    ],
)  # fmt: skip
def test_errors_come_as_the_client_reads_them(accept: str | None, json: bool, html: bool) -> None:
    assert (wants_json(accept), wants_html(accept)) == (json, html)


@given(st.text(max_size=300), st.none() | st.text(max_size=50))
def test_no_header_breaks_it(accept: str, query: str | None) -> None:
    chosen = choose(accept, query)
    assert chosen is None or chosen.format in ("json", "html")
    accepts_gzip(accept)
    wants_json(accept)


@given(st.permutations([JSON, HTML, PLAIN_HTML]), st.lists(st.integers(1, 1000), min_size=3, max_size=3, unique=True))
def test_the_heaviest_wins_in_whatever_order(kinds: list[str], weights: list[int]) -> None:
    header = ",".join(f"{kind};q={weight / 1000}" for kind, weight in zip(kinds, weights, strict=True))
    chosen = choose(header)
    assert chosen is not None
    assert chosen.content_type.partition(";")[0] == kinds[weights.index(max(weights))]

"""Addresses, waiting times and sentences, one row each."""

from __future__ import annotations

from email.utils import formatdate

import pytest

from customhouse.cli.publish import table_lines
from customhouse.client.address import Index, is_loopback
from customhouse.client.news import Ended, FileState, Opened, Waiting
from customhouse.client.patience import retry_after, seconds_before
from customhouse.client.problem import Declined
from customhouse.client.sentences import sentence, size_words
from customhouse.formats.plain import plain
from customhouse.terms.errors import CustomhouseError, Refused


@pytest.mark.parametrize(
    ("given", "base"),
    [
        ("https://packages.example.org", "https://packages.example.org"),
        ("https://packages.example.org/", "https://packages.example.org"),
        ("https://packages.example.org/legacy/", "https://packages.example.org"),
        ("https://packages.example.org/a/simple", "https://packages.example.org/a"),
        ("https://packages.example.org:8443/upload/", "https://packages.example.org:8443"),
        ("http://localhost:8000/", "http://localhost:8000"), ("http://[::1]:8000", "http://[::1]:8000"),
    ],
)  # fmt: skip
def test_an_index_is_named_by_any_of_its_addresses(given: str, base: str) -> None:
    assert Index.parse(given).base == base


@pytest.mark.parametrize(
    "given",
    ["", "packages.example.org", "ftp://packages.example.org", "https://", "https://a:b@packages.example.org/",
     "https://packages.example.org/?a=b", "https://packages.example.org/#a", "https://packages.example.org:port/",
     "https://packages.exam\x1bple.org/"],
)  # fmt: skip
def test_what_is_no_index_is_refused(given: str) -> None:
    with pytest.raises(CustomhouseError):
        Index.parse(given)


def test_credentials_go_over_tls_unless_somebody_says_so() -> None:
    with pytest.raises(Refused, match="--allow-http"):
        Index.parse("http://packages.example.org/")
    assert Index.parse("http://packages.example.org/", allow_http=True).upload == "http://packages.example.org/upload/"


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost", "a.localhost"])
def test_this_machine_needs_no_tls(host: str) -> None:
    assert is_loopback(host)
    assert not is_loopback(f"{host}.example.org")


@pytest.mark.parametrize(
    "url",
    ["https://packages.example.org.evil.example/", "https://packages.example.org@evil.example/", "http://packages.example.org/",
     "https://packages.example.org:444/", "//packages.example.org/", "/upload/", "https://packages.example.org/\n", 7, None],
)  # fmt: skip
def test_an_address_on_another_host_gets_nothing(url: object) -> None:
    index = Index.parse("https://packages.example.org/")
    with pytest.raises(Refused):
        index.checked(url, "place")
    assert index.checked("https://PACKAGES.example.org:443/x", "place") == "https://PACKAGES.example.org:443/x"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0), ("17", 17), ("99999999999", 300), ("-1", None), ("soon", None), ("", None), ("٣", None)],
)
def test_an_index_says_when_to_come_back(text: str, seconds: float | None) -> None:
    assert retry_after({"retry-after": text}) == seconds


def test_a_date_says_it_too() -> None:
    said = {"date": formatdate(1_000_000)}
    assert retry_after({**said, "retry-after": formatdate(1_000_000 - 60)}) == 0
    assert retry_after({**said, "retry-after": formatdate(1_000_000 + 60)}) == 60
    assert retry_after({"retry-after": formatdate(1_000_000 + 60)}) is None, "nobody says what time it is"


def test_each_attempt_waits_longer_up_to_half_a_minute() -> None:
    assert 0.25 <= seconds_before(1) <= 0.5
    assert 1.0 <= seconds_before(3) <= 2.0
    assert seconds_before(50) <= 30.0


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (0, "0 B"),
        (951, "951 B"),
        (1000, "1.0 kB"),
        (99_949, "99.9 kB"),
        (99_960, "100 kB"),
        (5_242_880, "5.2 MB"),
        (10**15, "1000 TB"),
    ],
)
def test_sizes_are_read_aloud(size: int, words: str) -> None:
    assert size_words(size) == words


@pytest.mark.parametrize(
    ("text", "shown"),
    [("plain\nlines", "plain lines"), ("\x1b[31mred", "U+001B[31mred"), ("a\u202eb", "aU+202Eb"), ("x" * 700, "x" * 599 + "…")],
)  # fmt: skip
def test_no_text_of_an_index_rules_the_terminal(text: str, shown: str) -> None:
    assert plain(text) == shown


@pytest.mark.parametrize(
    ("status", "content_type", "body", "told"),
    [
        (400, "application/problem+json", b'{"title":"T","details":"D","errors":[{"source":"S","message":"M"}]}', "D S: M"),
        (400, "application/problem+json", b'{"title":"T"}', "T"),
        (400, "text/plain", b"name: is bad\n", "name: is bad"),
        (502, "text/html", b"<html>\x1b[2J", "It answers 502 Bad Gateway."),
        (599, "text/html", b"", "It answers 599."),
        (400, "application/json", b"[" * 100_000, "It answers 400 Bad Request."),
        (400, "application/json", b'{"errors": [7, {}, {"code": "c"}], "detail": 5}', "It answers 400 Bad Request. c"),
    ],
)  # fmt: skip
def test_every_no_becomes_a_sentence(status: int, content_type: str, body: bytes, told: str) -> None:
    assert str(Declined(status, {"content-type": content_type}, body)) == told


SENTENCES = [
    (Opened("demo", "1.0", "u", None, "2030-08-01T12:00:00Z", joined=True), "Going on with the session of demo 1.0; it is kept until 2030-08-01T12:00:00Z."),
    (FileState("a.whl", "failed", "It lies."), "a.whl was not taken: It lies."),
    (FileState("a.whl", "checking"), "a.whl is being checked."),
    (Waiting("demo", "1.0", ("It needs approval.",), None, 1, ("bob",), "2030-01-01T00:00:00Z", None), "demo 1.0 waits for people: It needs approval.\nStill wanted: 1 approval.\nMay approve: bob.\nNot before 2030-01-01T00:00:00Z, however many approve."),
    (Ended("demo", "1.0", "waiting", None, "https://x/;$(touch x)/", None), "demo 1.0 is staged and waits.\nTry it, as anybody can who has this address:\n  pip install --extra-index-url 'https://x/;$(touch x)/' demo==1.0\n  uv pip install --index 'https://x/;$(touch x)/' demo==1.0"),
    (Ended("demo", "1.0", "published", "https://x/", None, None), "Published demo 1.0: https://x/"),
    (Ended("demo", "1.0", "failed", None, None, None), "demo 1.0 is not published."),
    (Ended("demo", "1.0", "failed", None, None, "s"), "demo 1.0 is not published.\nWhat has arrived is kept: run it again to go on."),
]  # fmt: skip


@pytest.mark.parametrize(("news", "told"), SENTENCES, ids=[told.split(".")[0] for _, told in SENTENCES])
def test_news_are_sentences(news: Opened | FileState | Waiting | Ended, told: str) -> None:
    assert sentence(news) == told


def test_the_closing_table_fits_eighty_columns_and_keeps_the_ends_of_names() -> None:
    long = "a_project_with_a_long_name-2026.11.27rc1-cp312-cp312-manylinux_2_28_x86_64.manylinux2014_x86_64.whl"
    lines = table_lines([(long, "5.2 MB", "already published"), ("demo-1.0.tar.gz", "12 B", "staged")])
    assert max(map(len, lines)) <= 80
    assert lines[1].startswith("a_project_with_")
    assert "manylinux2014_x86_64.whl  5.2 MB  already published" in lines[1]
    assert not any(line.endswith(" ") for line in lines)

"""Long answers of other servers: kept connections, a least pace, the same rules about where we connect to (A37)."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator

import pytest

from customhouse.infra.fetch import Order, Outbound
from customhouse.infra.reach import Reach
from customhouse.infra.stream import KEPT_OF_ONE_ORIGIN, Pace, Streams
from customhouse.infra.targets import Target
from customhouse.terms.errors import Refused, Rejected, Unavailable
from upstream_world import Said, UpstreamWorld, redirects, says, upstream_world

QUICK = Pace(connect_seconds=2, answer_seconds=1, silence_seconds=1, least_bytes_per_second=64 * 1024)
BODY = hashlib.sha256(b"a body").digest() * 20_000


@pytest.fixture
def upstream() -> Iterator[UpstreamWorld]:
    with upstream_world() as running:
        running.instead["/body"] = says(BODY, "application/zip")
        yield running


@pytest.fixture
def streams() -> Iterator[Streams]:
    opened = Streams(Outbound(Reach.parse(["127.0.0.0/8"])))
    yield opened
    opened.close()


def order(upstream: UpstreamWorld, path: str, **headers: str) -> Order:
    return Order(Target.parse(upstream.url + path), headers=headers)


def read_all(streams: Streams, asked: Order, **more: object) -> bytes:
    with streams.open(asked, pace=QUICK, **more) as incoming:  # type: ignore[arg-type]
        return b"".join(iter(incoming.read, b""))


def test_thirty_answers_come_over_one_connection(streams: Streams, upstream: UpstreamWorld) -> None:
    for _ in range(30):
        assert read_all(streams, order(upstream, "/body")) == BODY
    assert streams.connections_made == 1
    assert streams.fetch(order(upstream, "/missing")).status == 404
    assert streams.connections_made == 1


def test_a_body_that_nobody_reads_to_the_end_ends_its_connection(streams: Streams, upstream: UpstreamWorld) -> None:
    with streams.open(order(upstream, "/body"), pace=QUICK) as incoming:
        assert incoming.read(10) == BODY[:10]
    assert read_all(streams, order(upstream, "/body")) == BODY
    assert streams.connections_made == 2


def test_a_kept_connection_that_the_other_side_has_ended_is_replaced(streams: Streams) -> None:
    with upstream_world() as first:
        first.instead["/body"] = says(BODY, "application/zip")
        assert read_all(streams, order(first, "/body")) == BODY
        port = first.port
    with upstream_world(port=port) as second:
        second.instead["/body"] = says(BODY, "application/zip")
        assert read_all(streams, order(second, "/body")) == BODY


def test_no_more_connections_are_kept_than_are_useful(streams: Streams, upstream: UpstreamWorld) -> None:
    opened = [streams.open(order(upstream, "/body"), pace=QUICK) for _ in range(KEPT_OF_ONE_ORIGIN + 4)]
    for one in opened:
        incoming = one.__enter__()
        incoming.whole(len(BODY))
    for one in opened:
        one.__exit__(None, None, None)
    assert len(streams._kept[upstream.url]) == KEPT_OF_ONE_ORIGIN


def test_nothing_is_unpacked(streams: Streams, upstream: UpstreamWorld) -> None:
    upstream.instead["/packed"] = says(b"\x1f\x8bpacked", "text/plain", content_encoding="gzip")
    assert read_all(streams, order(upstream, "/packed")) == b"\x1f\x8bpacked"
    assert upstream.asked[-1].headers["accept-encoding"] == "identity"


@pytest.mark.parametrize("trick", ["drip", "hang", "stall"])
def test_who_is_too_slow_is_given_up(streams: Streams, upstream: UpstreamWorld, trick: str) -> None:
    def stall() -> Iterator[bytes]:
        yield b"beginning"
        upstream.over.wait(30)

    upstream.instead["/slow"] = {
        "drip": upstream.drip(), "hang": upstream.hang(), "stall": lambda _asked: Said(200, stall),
    }[trick]  # fmt: skip
    begun = time.monotonic()
    with pytest.raises(Unavailable, match="in time"):
        read_all(streams, order(upstream, "/slow"))
    assert time.monotonic() - begun < 4


def test_a_body_that_breaks_off_is_told_from_a_whole_one(streams: Streams, upstream: UpstreamWorld) -> None:
    upstream.instead["/half"] = lambda _asked: Said(200, lambda: iter([b"half"]), {"content-length": "100"})
    with pytest.raises(Unavailable, match="broke off"):
        read_all(streams, order(upstream, "/half"))


def test_an_answer_over_the_limit_is_an_error(streams: Streams, upstream: UpstreamWorld) -> None:
    with pytest.raises(Unavailable, match="longer than"):
        streams.fetch(order(upstream, "/body"), limit_bytes=100)


def test_redirects_are_judged_anew_and_secrets_stay_behind(streams: Streams, upstream: UpstreamWorld) -> None:
    upstream.instead["/out"] = redirects(f"{upstream.url}/body")
    assert read_all(streams, order(upstream, "/out", Authorization="Basic x"), follow=3) == BODY
    assert streams.connections_made == 1
    with upstream_world() as elsewhere:
        elsewhere.instead["/body"] = says(BODY, "application/zip")
        upstream.instead["/out"] = redirects(f"{elsewhere.url}/body")
        assert read_all(streams, order(upstream, "/out", Authorization="Basic x"), follow=3) == BODY
        assert "authorization" not in elsewhere.asked[-1].headers
    for place, error in (
        ("http://169.254.169.254/", Refused), ("http://[::1]/", Refused), ("file:///etc/passwd", Rejected),
        ("/out", Unavailable),
    ):  # fmt: skip
        upstream.instead["/out"] = redirects(place)
        with pytest.raises(error):
            read_all(streams, order(upstream, "/out"), follow=3)


def test_a_private_address_is_not_asked_unless_it_was_opened(upstream: UpstreamWorld) -> None:
    closed = Streams(Outbound())
    with pytest.raises(Refused, match="not one of the public internet"):
        read_all(closed, order(upstream, "/body"))
    assert not upstream.asked


def test_a_header_cannot_be_smuggled(streams: Streams, upstream: UpstreamWorld) -> None:
    with pytest.raises((ValueError, Unavailable)):
        read_all(streams, order(upstream, "/body", Accept="a\r\nX-Evil: 1"))

"""Parts of a file that lies at an upstream, read by range requests as one consistent file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from http import HTTPStatus

from customhouse.infra.fetch import Order
from customhouse.infra.stream import Pace, Streams
from customhouse.infra.targets import Target
from customhouse.mirror.download import REDIRECTS

MOST_REQUESTS = 8
MOST_BYTES = 16 * 2**20
_RANGE = re.compile(r"bytes (\d{1,19})-(\d{1,19})/(\d{1,19})", re.ASCII)


class NoRanges(Exception):
    """The upstream does not answer in parts, or not in those that were asked for: all of it must be fetched."""


class RemoteFile:
    """A file by ranges. Every answer must be of the same size and have the same ETag as the first."""

    def __init__(self, streams: Streams, url: str, headers: Mapping[str, str], pace: Pace) -> None:
        self._streams = streams
        self._target = Target.parse(url)
        self._headers = dict(headers)
        self._pace = pace
        self._etag: str | None = None
        self._requests = 0
        self._bytes = 0
        self.size_bytes: int | None = None

    def find_size(self) -> int:
        """How large it is, by asking for its first byte."""
        self._ask(0, 1)
        if self.size_bytes is None:
            raise NoRanges
        return self.size_bytes

    def read(self, first: int, stop: int) -> bytes:
        """The bytes from ``first`` to before ``stop``; raises `NoRanges`, and what `Streams.open` raises."""
        return self._ask(first, stop)

    def _ask(self, first: int, stop: int) -> bytes:
        self._requests += 1
        self._bytes += stop - first
        if self._requests > MOST_REQUESTS or self._bytes > MOST_BYTES:
            raise NoRanges
        headers = {"Accept": "*/*", **self._headers, "Range": f"bytes={first}-{stop - 1}"}
        if self._etag and self._etag.startswith('"'):
            headers["If-Range"] = self._etag
        with self._streams.open(Order(self._target, "GET", headers), follow=REDIRECTS, pace=self._pace) as incoming:
            match = _RANGE.fullmatch(incoming.headers.get("content-range", ""))
            if incoming.status != HTTPStatus.PARTIAL_CONTENT or match is None:
                raise NoRanges
            if incoming.headers.get("content-encoding", "identity").lower() != "identity":
                raise NoRanges
            etag, total = incoming.headers.get("etag", ""), int(match[3])
            known = self.size_bytes if self.size_bytes is not None else total
            if (int(match[1]), int(match[2])) != (first, stop - 1) or total != known:
                raise NoRanges
            if self._etag is not None and etag != self._etag:
                raise NoRanges
            self._etag, self.size_bytes = etag, total
            body = incoming.whole(stop - first)
        if len(body) != stop - first:
            raise NoRanges
        return body

"""A client of the reference server that waits for nothing, and files for it to send."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from reference_server import ReferenceServer

from customhouse.client.address import Index
from customhouse.client.credentials import Fixed
from customhouse.client.dists import find_files, read_releases
from customhouse.client.news import News
from customhouse.client.patience import Patience
from customhouse.client.releasing import Plan, Result, publish_releases
from customhouse.client.wire import Wire
from packages import Dist, wheel

AT_ONCE = Plan()


class Sender:
    """Publishes what lies in a folder, on the reference index."""

    def __init__(self, folder: Path, index: ReferenceServer) -> None:
        self.folder = folder
        self.index = index
        self.news: list[News] = []
        self.waits: list[float] = []

    def put(self, *dists: Dist) -> None:
        for dist in dists:
            (self.folder / dist.filename).write_bytes(dist.body)

    def wire(self, token: str = "good") -> Wire:
        return Wire(Index.parse(self.index.url), Patience(sleep=self.waits.append), Fixed(token, "a test"))

    def publish(
        self, plan: Plan = AT_ONCE, *, token: str = "good", hear: Callable[[News], None] | None = None
    ) -> list[Result]:
        wire = self.wire(token)
        releases = read_releases(find_files([str(self.folder)]))
        try:
            return publish_releases(wire, releases, plan, hear or self.news.append)
        finally:
            wire.close()


def large_wheel(size_bytes: int) -> Dist:
    """A wheel of a little more than that size, whose bytes cannot be packed; each time the same."""
    return wheel("demo", tag="cp312-cp312-win_amd64", files={"demo/data": hashlib.shake_128(b"sea").digest(size_bytes)})

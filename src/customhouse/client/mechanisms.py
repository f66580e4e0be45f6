"""How the bytes of a file travel: in one request as every index takes them, or in parts that can be sent again."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, wait
from dataclasses import dataclass
from threading import Lock

from customhouse.client.dists import Dist
from customhouse.client.patience import Patience
from customhouse.client.session import FileSession
from customhouse.client.wire import Wire
from customhouse.terms.errors import Rejected, Unavailable

POST_BYTES, PARTS = "http-post-bytes", "vnd-customhouse-parts"
BATCH_BYTES = 256 * 2**10
LARGEST_PART, SMALLEST_PART = 256 * 2**20, 2**16

Sent = Callable[[int], None]
"""Called with the number of bytes of the file that are on their way or there."""


def choose(offered: Sequence[str], size_bytes: int, part_bytes: int) -> str:
    """The mechanism for a file of that size: parts where they spare anything, else one request (PEP 694)."""
    if PARTS in offered and size_bytes > part_bytes:
        return PARTS
    if POST_BYTES in offered or PARTS not in offered:
        return POST_BYTES
    return PARTS


def post_bytes(wire: Wire, file: FileSession, dist: Dist, sent: Sent) -> None:
    """Send a whole file in one request (``http-post-bytes``)."""
    headers = {"Content-Type": "application/octet-stream"}

    def body() -> Iterator[bytes]:
        return _stretch(dist, 0, dist.size_bytes, wire.patience, sent)

    wire.ask(
        "POST", wire.index.checked(file.details.get("file_url"), "place for bytes"), headers=headers, body=body,
        size_bytes=dist.size_bytes,
    )  # fmt: skip


@dataclass
class _Progress:
    """The bytes of one file that are there or on their way, over all its parts."""

    sent: Sent
    there: dict[int, int]
    lock: Lock

    def part(self, offset: int) -> Sent:
        def moved(size_bytes: int) -> None:
            with self.lock:
                self.there[offset] = size_bytes
                self.sent(sum(self.there.values()))

        return moved


def send_parts(wire: Wire, file: FileSession, dist: Dist, sent: Sent, lanes: Executor) -> None:
    """Send what the index does not have yet, part by part, several at once (``vnd-customhouse-parts``)."""
    url = wire.index.checked(file.details.get("parts_url"), "place for parts")
    size = _part_bytes(file, wire)
    there = _parts_there(wire, url)
    progress = _Progress(sent, {}, Lock())
    missing = []
    for offset in range(0, dist.size_bytes, size):
        length = min(size, dist.size_bytes - offset)
        digest = _digest(dist, offset, length) if offset in there else None
        if digest is not None and there[offset] == (length, digest):
            progress.part(offset)(length)
        else:
            missing.append((offset, length))
    jobs = [lanes.submit(_send_part, wire, url, dist, *place, progress.part(place[0])) for place in missing]
    try:
        for job in jobs:
            job.result()
    finally:
        for job in jobs:
            job.cancel()
        wait(jobs)


def _send_part(wire: Wire, url: str, dist: Dist, offset: int, length: int, sent: Sent) -> None:
    digest = base64.b64encode(bytes.fromhex(_digest(dist, offset, length))).decode()
    headers = {"Content-Type": "application/octet-stream", "Content-Digest": f"sha-256=:{digest}:"}

    def body() -> Iterator[bytes]:
        return _stretch(dist, offset, length, wire.patience, sent)

    wire.ask("PUT", f"{url}?offset={offset}", headers=headers, body=body, size_bytes=length, what="place for parts")


def _parts_there(wire: Wire, url: str) -> dict[int, tuple[int, str]]:
    """Length and SHA-256 of the parts that have arrived, by their offset."""
    answer = wire.ask("GET", url, headers={"Accept": "application/json"}, what="place for parts").json(wire.index.host)
    try:
        return {int(one["offset"]): (int(one["size"]), str(one["sha256"]).lower()) for one in answer["parts"]}
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise Unavailable(wire.index.host, "its list of parts cannot be read") from error


def _part_bytes(file: FileSession, wire: Wire) -> int:
    size = file.details.get("part_bytes")
    if not isinstance(size, int) or not SMALLEST_PART <= size <= LARGEST_PART:
        raise Unavailable(wire.index.host, "it does not say how large parts are")
    return size


def _digest(dist: Dist, offset: int, length: int) -> str:
    """SHA-256 of a stretch of the file, in hexadecimal."""
    whole = hashlib.sha256()
    for batch in _read(dist, offset, length):
        whole.update(batch)
    return whole.hexdigest()


def _stretch(dist: Dist, offset: int, length: int, patience: Patience, sent: Sent) -> Iterator[bytes]:
    """The bytes of a stretch, counted as they go; ends at once if we are to stop."""
    done = 0
    sent(0)
    for batch in _read(dist, offset, length):
        patience.check()
        yield batch
        done += len(batch)
        sent(done)


def _read(dist: Dist, offset: int, length: int) -> Iterator[bytes]:
    with dist.path.open("rb") as file:
        file.seek(offset)
        while length > 0:
            batch = file.read(min(BATCH_BYTES, length))
            if not batch:
                raise Rejected("changing", str(dist.path), "the file has become shorter", "a file that stays")
            length -= len(batch)
            yield batch

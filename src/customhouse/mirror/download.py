"""One file from an upstream into an open descriptor: checked while it comes, resumed where it broke off.

Nothing is believed: not the length, not the encoding, not the range. Memory holds one piece. What comes after a break
must be the same file: by its ETag, by the bytes that are here already, and in the end by its digest.
"""

from __future__ import annotations

import errno
import hashlib
import hmac
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from customhouse.infra.fetch import Order
from customhouse.infra.stream import Incoming, Pace, Streams
from customhouse.infra.targets import Target
from customhouse.terms.errors import Refused, Unavailable

READ_BYTES = 2**20
RESUMES = 4
"""How often a body that breaks off is gone on with, as long as something comes each time."""
REDIRECTS = 3
SPARE_BYTES = 64 * 2**20
"""What stays free on the disk."""
_COMPARED = ("sha512", "sha384", "sha224", "blake2b", "sha3_256", "sha1", "md5")
"""If there is no SHA-256, the strongest of these that an upstream says is compared."""
_RANGE = re.compile(r"bytes (\d{1,19})-(\d{1,19})/(\d{1,19})", re.ASCII)


class Abandoned(Exception):
    """Nobody wants the file any more."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to fetch, and what is known of it."""

    filename: str
    url: str
    sha256: str = ""
    size_bytes: int | None = None
    other_digests: Mapping[str, str] = field(default_factory=dict)
    most_bytes: int = 2**32
    headers: Mapping[str, str] = field(default_factory=dict)
    """Credentials, for the file's own origin alone: see `infra.fetch.redirected`."""


@dataclass(frozen=True, slots=True)
class Received:
    """A file that is whole, and by what we know that it is the one that was meant."""

    sha256: str
    size_bytes: int
    pinned_by: str
    """sha256 | other-digest | first-use"""


@dataclass(slots=True)
class Progress:
    """How far it is. ``told`` hears of every change; ``wanted`` says whether anybody still waits."""

    told: Callable[[int, int | None, str], None]
    """With the bytes that are here, the bytes that there will be, and the validator."""
    wanted: Callable[[], bool]


class _Hashes:
    """What has come so far, hashed once."""

    def __init__(self, wanted: Wanted) -> None:
        self.sha256 = hashlib.sha256()
        self.other = "" if wanted.sha256 else next((one for one in _COMPARED if one in wanted.other_digests), "")
        self._second: Any = hashlib.new(self.other, usedforsecurity=False) if self.other else None

    def update(self, piece: bytes) -> None:
        self.sha256.update(piece)
        if self._second is not None:
            self._second.update(piece)

    def second(self) -> str:
        return "" if self._second is None else str(self._second.hexdigest())


def download(streams: Streams, wanted: Wanted, descriptor: int, progress: Progress, pace: Pace) -> Received:
    """Fetch the file; what the descriptor holds already is its beginning, left by somebody who died.

    Raises `Refused` (502) for bytes that are not the ones that were listed, `Refused` (404) if upstream does not have
    it, `Unavailable` for what may be otherwise later, and `Abandoned`.
    """
    hashes = _Hashes(wanted)
    here = _hash_what_is_here(descriptor, hashes)
    state = _Transfer(streams, wanted, descriptor, hashes, progress, pace, here)
    attempts = 0
    while True:
        before = state.here
        try:
            state.go_on()
            break
        except Unavailable:
            attempts += 1
            if attempts > RESUMES or state.here == before or not progress.wanted():
                raise
    return _judge(wanted, hashes, state.here)


@dataclass(slots=True)
class _Transfer:
    """One file over as many connections as it takes."""

    streams: Streams
    wanted: Wanted
    descriptor: int
    hashes: _Hashes
    progress: Progress
    pace: Pace
    here: int
    total: int | None = None
    validator: str = ""

    def go_on(self) -> None:
        """One request, and its body to the end."""
        target = Target.parse(self.wanted.url)
        headers = {"Accept": "*/*", **self.wanted.headers}
        # Without its digest or an ETag it might be another file by now: then all of it comes again, and is compared.
        if self.here and (self.wanted.sha256 or self.validator):
            headers["Range"] = f"bytes={self.here}-"
            if self.validator:
                headers["If-Range"] = self.validator
        with self.streams.open(Order(target, "GET", headers), follow=REDIRECTS, pace=self.pace) as incoming:
            if self._is_already_whole(incoming):
                return
            at = self._check_head(incoming)
            self._take(incoming, at)

    def _is_already_whole(self, incoming: Incoming) -> bool:
        """Somebody died just before he could say that all was there."""
        return (
            incoming.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
            and self.here > 0
            and self.here == self.wanted.size_bytes
        )

    def _check_head(self, incoming: Incoming) -> int:
        """Refuse what is not the file, before a byte is read; returns where in the file the body begins."""
        origin, status = incoming.target.origin, incoming.status
        if status in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE):
            raise Refused("not-upstream", f"{self.wanted.filename} is listed by {origin}, which does not have it.",
                          "Choose another version, or try again later.", status=404)  # fmt: skip
        at, total = 0, incoming.length
        if status == HTTPStatus.PARTIAL_CONTENT and self.here:
            at, total = self._range_of(incoming)
        elif status != HTTPStatus.OK:
            raise Unavailable(origin, f"it answers {status} for {self.wanted.filename}", retry_after_seconds=10)
        if incoming.headers.get("content-encoding", "identity").lower() not in self._encodings():
            raise bad_bytes(self.wanted.filename, origin, "comes packed, although it was asked for as it is")
        self._check_total(origin, total)
        self.validator = _strong(incoming.headers.get("etag", ""))
        self.progress.told(self.here, self.total, self.validator)
        return at

    def _encodings(self) -> tuple[str, ...]:
        """Some servers call a .tar.gz a packed .tar; the bytes are the same. A wheel is never packed."""
        packed = ("gzip", "x-gzip") if self.wanted.filename.endswith((".tar.gz", ".tgz")) else ()
        return ("identity", *packed)

    def _range_of(self, incoming: Incoming) -> tuple[int, int | None]:
        match = _RANGE.fullmatch(incoming.headers.get("content-range", ""))
        if match is None or int(match[1]) != self.here or int(match[2]) + 1 != int(match[3]):
            raise bad_bytes(self.wanted.filename, incoming.target.origin, "comes in another part than was asked for")
        return self.here, int(match[3])

    def _check_total(self, origin: str, total: int | None) -> None:
        known = self.wanted.size_bytes if self.total is None else self.total
        if total is not None and known is not None and total != known:
            raise bad_bytes(self.wanted.filename, origin, f"is said to have {known} bytes, and {total} are announced")
        self.total = known if total is None else total
        if self.total is not None and self.total > self.wanted.most_bytes:
            raise Refused("file-too-large", f"{self.wanted.filename} has {self.total} bytes, and this index takes "
                          f"files of at most {self.wanted.most_bytes} from upstreams.",
                          "An operator can raise the setting mirror_file_bytes.", status=403)  # fmt: skip
        if self.total is not None:
            left = os.fstatvfs(self.descriptor)
            if left.f_bavail * left.f_frsize < self.total - self.here + SPARE_BYTES:
                raise disk_full()

    def _take(self, incoming: Incoming, at: int) -> None:
        """Write what comes; what is here already must come again as it was."""
        most = self.wanted.most_bytes if self.total is None else self.total
        origin = incoming.target.origin
        while piece := incoming.read(READ_BYTES):
            if not self.progress.wanted():
                raise Abandoned
            if at + len(piece) > most:
                raise bad_bytes(self.wanted.filename, origin, f"goes on after {most} bytes, which is all there may be")
            if at < self.here:
                again = piece[: self.here - at]
                if os.pread(self.descriptor, len(again), at) != again:
                    raise bad_bytes(self.wanted.filename, origin, "has changed while it was fetched")
                at += len(again)
                piece = piece[len(again) :]
            if piece:
                _write(self.descriptor, piece)
                self.hashes.update(piece)
                at += len(piece)
                self.here = at
                self.progress.told(self.here, self.total, self.validator)
        if self.total is not None and at != self.total:
            raise Unavailable(origin, f"{self.wanted.filename} broke off after {at} of {self.total} bytes")


def _judge(wanted: Wanted, hashes: _Hashes, size_bytes: int) -> Received:
    """Whether what has come is what was listed."""
    found = hashes.sha256.hexdigest()
    origin = Target.parse(wanted.url).origin
    if wanted.size_bytes is not None and size_bytes != wanted.size_bytes:
        raise bad_bytes(
            wanted.filename, origin, f"is said to have {wanted.size_bytes} bytes, and {size_bytes} have come"
        )
    if wanted.sha256:
        if not hmac.compare_digest(found, wanted.sha256):
            raise bad_bytes(wanted.filename, origin, f"has the SHA-256 {found} and not {wanted.sha256}")
        return Received(found, size_bytes, "sha256")
    if hashes.other:
        said = wanted.other_digests[hashes.other].lower()
        if not hmac.compare_digest(hashes.second(), said):
            raise bad_bytes(wanted.filename, origin, f"has the {hashes.other} {hashes.second()} and not {said}")
        return Received(found, size_bytes, "other-digest")
    return Received(found, size_bytes, "first-use")


def _hash_what_is_here(descriptor: int, hashes: _Hashes) -> int:
    """Read the beginning that somebody has left; returns how long it is."""
    position = 0
    while piece := os.pread(descriptor, READ_BYTES, position):
        hashes.update(piece)
        position += len(piece)
    os.lseek(descriptor, position, os.SEEK_SET)
    return position


def _write(descriptor: int, piece: bytes) -> None:
    view = memoryview(piece)
    try:
        while view:
            view = view[os.write(descriptor, view) :]
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise disk_full() from error
        raise Unavailable("The disk", error.strerror or "it could not be written to") from error


def _strong(etag: str) -> str:
    """An ETag that promises the same bytes; a weak one promises less (RFC 9110, section 8.8.1)."""
    return etag if etag.startswith('"') and etag.endswith('"') and len(etag) > 1 else ""


def disk_full() -> Unavailable:
    """There is no room for another file."""
    return Unavailable("The disk", "it has no room for another file of an upstream", retry_after_seconds=60)


def bad_bytes(filename: str, origin: str, why: str) -> Refused:
    """Upstream does not give what it lists; nothing of it is kept."""
    return Refused("upstream-wrong-bytes", f"{filename} of {origin} {why}. Nothing of it was kept.",
                   "Choose another version, and tell the operator of this index.", status=502)  # fmt: skip

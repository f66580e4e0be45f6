"""Comparing two releases of a project.

Nothing is stored: the strict reader reads both files again in a killable child, and each process remembers its last few
answers under the two digests, which never change their meaning.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.engine import Connection

from customhouse.catalog import queries
from customhouse.catalog.model import File, Project, offered
from customhouse.formats.closest_file import Pair, pair_files
from customhouse.formats.filenames import parse_filename
from customhouse.formats.release_diff import ReleaseDiff
from customhouse.infra.blob_files import local_file
from customhouse.infra.blobs import Blobs
from customhouse.infra.walkers import ReadFile, Walkers
from customhouse.terms.digest import Digest
from customhouse.terms.errors import Refused, Unavailable

SECONDS = 30
"""The longest comparison: less than an upload has, because anybody may ask for one."""
WAITING_SECONDS = 10
WAITING = 8
"""Comparisons that may wait for their turn; whoever comes then is asked to come again."""
REMEMBERED = 16


@dataclass(frozen=True, slots=True)
class Comparable:
    """What there is to compare between two releases."""

    versions: tuple[str, ...]
    """Every version of the project with a file to compare, as stored."""
    old: tuple[File, ...]
    new: tuple[File, ...]
    pairs: tuple[Pair, ...]

    def files_of(self, pair: Pair) -> tuple[File, File]:
        """The rows of a pair's two files."""
        by_name = {file.filename: file for file in (*self.old, *self.new)}
        return by_name[pair.old.filename], by_name[pair.new.filename]

    def pair_of(self, filename: str) -> Pair | None:
        """The pair whose new file has that name, or the first; None if there is none at all.

        Raises `Refused` for a name that is not among them.
        """
        found = [pair for pair in self.pairs if filename in ("", pair.new.filename)]
        if not found and filename:
            raise Refused("unknown-file", f"{filename[:200]!r} has no counterpart in the older version.", status=404)
        return found[0] if found else None


def comparable(sql: Connection, project: Project, old: str, new: str, *, allow_hidden: bool) -> Comparable:
    """The files of two versions that somebody may compare.

    The public sees listed files only. Support and operators (``allow_hidden``) see the deleted and the quarantined
    ones too, because those are what a report is about. Erased files are gone for everybody. Raises `Refused` for a
    version without such a file.
    """
    files = queries.files_of(sql, project.id)
    seen = [file for file in files if file.erased_at is None] if allow_hidden else offered(project, files)
    sides = []
    for version in (old, new):
        found = tuple(file for file in seen if file.version == version)
        if not found:
            raise Refused(
                "unknown-version", f"{project.display!r} has no version {version[:100]!r} with files to compare.",
                status=404,
            )  # fmt: skip
        sides.append(found)
    pairs = pair_files(*([parse_filename(file.filename) for file in side] for side in sides))
    return Comparable(tuple(dict.fromkeys(file.version for file in seen)), sides[0], sides[1], tuple(pairs))


class Comparisons:
    """Compares files on behalf of whoever asks, a few at a time, so that uploads always find a reader."""

    def __init__(self, blobs: Blobs, walkers: Walkers, spool: Path, *, at_once: int) -> None:
        self._blobs = blobs
        self._walkers = walkers
        self._spool = spool
        self._turns = threading.Semaphore(at_once)
        self._places = threading.Semaphore(at_once + WAITING)
        self._guard = threading.Lock()
        self._remembered: OrderedDict[tuple[str, str, str], ReleaseDiff] = OrderedDict()

    def compare(self, old: File, new: File, *, only: str = "") -> ReleaseDiff:
        """What changed from one file to the other; ``only`` gives one member all the room.

        Raises `Rejected` in the strict reader's words, `Unavailable` when too many are asking.
        """
        key = (old.digest, new.digest, only)
        found = self._recall(key)
        if found is None:
            with self._turn():
                # Whoever waited may find that the one before him has asked the same.
                found = self._recall(key) or self._compare(old, new, only)
                self._remember(key, found)
        return found

    def _compare(self, old: File, new: File, only: str) -> ReleaseDiff:
        with (
            local_file(self._blobs, Digest(old.digest), self._spool) as old_path,
            local_file(self._blobs, Digest(new.digest), self._spool) as new_path,
        ):
            return self._walkers.compare(
                ReadFile(old_path, old.filename), ReadFile(new_path, new.filename), only=only, seconds=SECONDS
            )

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._places.acquire(blocking=False):
            raise _busy()
        try:
            if not self._turns.acquire(timeout=WAITING_SECONDS):
                raise _busy()
            try:
                yield
            finally:
                self._turns.release()
        finally:
            self._places.release()

    def _recall(self, key: tuple[str, str, str]) -> ReleaseDiff | None:
        with self._guard:
            found = self._remembered.get(key)
            if found is not None:
                self._remembered.move_to_end(key)
            return found

    def _remember(self, key: tuple[str, str, str], diff: ReleaseDiff) -> None:
        with self._guard:
            self._remembered[key] = diff
            self._remembered.move_to_end(key)
            while len(self._remembered) > REMEMBERED:
                self._remembered.popitem(last=False)


def _busy() -> Unavailable:
    return Unavailable("The comparison of releases", "others are being compared", retry_after_seconds=10)

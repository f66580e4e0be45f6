"""Advisories at an address: a ZIP, a file, or the layout of OSV.dev, which says what has changed since.

OSV.dev keeps ``all.zip``, every record as ``ID.json``, and ``modified_id.csv``: a line for each record, the newest
first, with the time of its change. A source whose address ends in ``.csv`` is read in that way: all once, then what has
changed or is not known here, by one request each.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus

from customhouse.advisories.sources.model import Mark, Reading, Source
from customhouse.formats.osv.documents import MAX_BYTES, Damaged
from customhouse.formats.osv.times import read_time, write_time
from customhouse.formats.osv.zipped import files_in, names_in, open_zip
from customhouse.infra.fetch import Answer, Order, Outbound
from customhouse.infra.targets import Target
from customhouse.terms.errors import Rejected, Unavailable

MAX_DOWNLOAD_BYTES = 512 * 2**20
DOWNLOAD_SECONDS = 240.0
RECORD_SECONDS = 30.0
MOST_RECORDS = 2_000
"""So many are asked for one by one in a run; the rest comes with the next."""
MOST_AGAIN = 500
"""So many that could not be read before, or are not known, are asked for in a run."""
MARGIN = timedelta(days=1)
REDIRECTS = 3
_ZIP = b"PK\x03\x04"
_RECORD_NAME = re.compile(r"(?:[^/]{1,100}/)?[A-Za-z0-9][A-Za-z0-9._:-]{0,127}", re.ASCII)
_COLUMNS = 2


Known = Callable[[], Collection[str]]
"""The ids of all records that are here, whoever they are from."""


@contextmanager
def open_address(source: Source, outbound: Outbound, known: Known, *, again: bool) -> Iterator[Reading | None]:
    """What has changed there since the mark, or all; None if nothing has."""
    target = Target.parse(source.place, where="place")
    is_listing = target.path.partition("?")[0].lower().endswith(".csv")
    # What could not be read from a list of changes is asked for again, even if the list is the same.
    conditional = not again and not (is_listing and source.problems)
    answer = fetch(outbound, target, source.mark if conditional else Mark())
    if answer.status == HTTPStatus.NOT_MODIFIED:
        yield None
        return
    mark = Mark(answer.headers.get("etag", "")[:1000], answer.headers.get("last-modified", "")[:200])
    with ExitStack() as stack:
        if is_listing:
            yield _Listing(source, outbound, known, target, mark, again=again).read(answer.body, stack)
        elif answer.body.startswith(_ZIP):
            yield _zipped(answer.body, str(target), mark, stack)
        else:
            name = target.path.partition("?")[0].rsplit("/", 1)[-1] or "answer"
            yield Reading(iter([(name, answer.body)]), mark, 1)


def _zipped(body: bytes, where: str, mark: Mark, stack: ExitStack) -> Reading:
    archive = stack.enter_context(open_zip(io.BytesIO(body), where))
    names = names_in(archive)
    return Reading(files_in(archive, names, where), mark, len(names))


@dataclass(frozen=True, slots=True)
class _Listing:
    """A list of changes, and the records beside it."""

    source: Source
    outbound: Outbound
    known: Known
    target: Target
    mark: Mark
    again: bool

    def read(self, listing: bytes, stack: ExitStack) -> Reading:
        """All records the first time, then those that are named since."""
        changes = read_changes(listing, str(self.target))
        newest = max((at for at, _ in changes), default=None)
        since = None if self.again or not self.source.mark.revision else _time(self.source.mark.revision)
        if since is None:
            everything = self.target.joined("all.zip")
            archive = fetch(self.outbound, everything, Mark(), needed=False)
            if archive.fine:
                return _zipped(archive.body, str(everything), _mark_of(archive, newest), stack)
        odd = {place.removesuffix(".json") for place in self.source.problems[:MOST_AGAIN]}
        again = [name for _, name in changes if name in odd]
        if since is not None:
            # A list may name late what has changed long ago, as ours does when it has read a new source.
            known = self.known()
            missing = [name for at, name in changes if at < since and name.rpartition("/")[2] not in known]
            again = list(dict.fromkeys([*again, *missing[:MOST_AGAIN]]))
        new = sorted((at, name) for at, name in changes if since is None or at >= since)
        mark = self.mark if newest is None else Mark(self.mark.etag, self.mark.last_modified, write_time(newest))
        beyond = [at for at, _ in new if since is None or at > since]
        if len(beyond) > MOST_RECORDS:
            # All of one time together, or there would be no going on behind it.
            until = beyond[MOST_RECORDS - 1]
            new = [one for one in new if one[0] <= until]
            mark = Mark(revision=write_time(until))
        names = list(dict.fromkeys([*again, *(name for _, name in new)]))
        gone = frozenset(f"{name}.json" for name in odd - {name for _, name in changes})
        return Reading(self._each(names), mark, len(names), whole=False, gone=gone)

    def _each(self, names: list[str]) -> Iterator[tuple[str, bytes] | Damaged]:
        for name in names:
            place = f"{name}.json"
            try:
                answer = self.outbound.fetch(
                    Order(self.target.joined(place)), follow=REDIRECTS, seconds=RECORD_SECONDS, limit_bytes=MAX_BYTES
                )
            except (Rejected, Unavailable) as error:
                yield Damaged(place, f"{place}: {error}")
                continue
            if answer.fine:
                yield place, answer.body
            else:
                yield Damaged(place, f"{place}: the server answers {answer.status}")


def _mark_of(archive: Answer, newest: datetime | None) -> Mark:
    """Up to where an archive of everything surely goes: it is made now and then, and the list of changes at once."""
    try:
        made: datetime | None = parsedate_to_datetime(archive.headers.get("last-modified", ""))
    except (ValueError, TypeError):
        made = newest
    if made is None:
        return Mark()
    return Mark(revision=write_time((made if made.tzinfo else made.replace(tzinfo=UTC)) - MARGIN))


def read_changes(listing: bytes, where: str) -> list[tuple[datetime, str]]:
    """The lines of a ``modified_id.csv``: when, and the record's name; raises `Rejected` for what is no such list."""
    try:
        rows = list(csv.reader(io.StringIO(listing.decode()), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise Rejected("bad-listing", where, f"it cannot be read: {error}", "lines of TIME,ID") from error
    found = []
    for number, row in enumerate(rows, 1):
        if not row:
            continue
        place = f"{where}, line {number}"
        if len(row) != _COLUMNS or not _RECORD_NAME.fullmatch(row[1]) or ".." in row[1]:
            raise Rejected("bad-listing", place, f"{','.join(row)[:80]!r} is no change", "TIME,ID")
        found.append((read_time(row[0], place), row[1]))
    return found


def _time(text: str) -> datetime | None:
    try:
        return read_time(text, "mark")
    except Rejected:
        return None


def fetch(outbound: Outbound, target: Target, mark: Mark, *, needed: bool = True) -> Answer:
    """What is there now, or 304 if it is what the mark says; raises `Unavailable` for any other status if needed."""
    headers = {"Accept": "*/*"}
    if mark.etag:
        headers["If-None-Match"] = mark.etag
    if mark.last_modified:
        headers["If-Modified-Since"] = mark.last_modified
    answer = outbound.fetch(
        Order(target, headers=headers), follow=REDIRECTS, seconds=DOWNLOAD_SECONDS, limit_bytes=MAX_DOWNLOAD_BYTES
    )
    if needed and not answer.fine and answer.status != HTTPStatus.NOT_MODIFIED:
        raise Unavailable(target.origin, f"it answers {answer.status} to {target.path[:200]}", retry_after_seconds=3600)
    return answer

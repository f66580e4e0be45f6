"""Brings a snapshot up to date: from an address only what has changed, from a file or folder everything.

An address is that of a Customhouse, or of a store with OSV.dev's layout: ``PyPI/modified_id.csv`` (the newest first),
``PyPI/all.zip`` and ``PyPI/ID.json``. The list is asked for only if it has changed (ETag). If few records have, each is
asked for; else the whole archive. A list that was cut off takes nothing away: what it does not name any more is asked
for too, and goes only where it is gone. Whatever fails, the snapshot that was there stays as it was.
"""

from __future__ import annotations

import csv
import io
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from customhouse.consume.snapshot.build import Builder, one_at_a_time, write_snapshot
from customhouse.consume.snapshot.exploitation import OFFERED, kind_and_place, take
from customhouse.consume.snapshot.layout import Unread
from customhouse.consume.snapshot.read import Snapshot
from customhouse.consume.snapshot.sources import read_bytes, read_source
from customhouse.formats.osv.model import Record
from customhouse.formats.osv.times import read_time, write_time
from customhouse.terms.errors import Rejected, Unavailable

if TYPE_CHECKING:
    # httpx2 is slow to load, and sources on this machine need none.
    from customhouse.consume.wire import Wire

FEW = 400
"""Up to so many changed records are asked for one by one."""
AT_ONCE = 8
Listener = Callable[[str, int, int], None]
"""Told what is done, how much of it, of how much (0: unknown)."""


@dataclass(frozen=True, slots=True)
class Changed:
    """What an update has done."""

    whole: bool
    """Whether everything was read again."""
    records: int
    """How many records were written."""
    removed: int = 0


def is_address(source: str) -> bool:
    """Whether a source is asked over the network."""
    return source.startswith(("https://", "http://"))


def update(
    path: Path,
    sources: Sequence[str],
    wire: Callable[[], Wire],
    listener: Listener = lambda _what, _done, _of: None,
) -> Changed | None:
    """Bring the snapshot at ``path`` up to date; None if nothing has changed. Raises `Unavailable` or `Rejected`.

    ``wire`` is called if an address has to be asked. A damaged snapshot, or one of other sources, is built anew.
    """
    with one_at_a_time(path):
        old = _usable(path, sources)
        work = _Update(wire, listener, grows=old)
        write_snapshot_if(path, work, sources, old=old)
        return work.done


def write_snapshot_if(path: Path, work: _Update, sources: Sequence[str], *, old: bool) -> None:
    """Write a new file unless nothing has changed; then the old one is only touched."""
    try:
        write_snapshot(path, lambda builder: work.fill(builder, sources), grow_from=path if old else None)
    except _NothingNewError:
        os.utime(path)


class _NothingNewError(Exception):
    """Nothing has changed at any source, so the draft is thrown away."""


def _usable(path: Path, sources: Sequence[str]) -> bool:
    try:
        snapshot = Snapshot(path)
    except Rejected:
        return False
    snapshot.close()
    return snapshot.sources == tuple(sources)


class _Update:
    """One update, from several sources into one file."""

    def __init__(self, wire: Callable[[], Wire], listener: Listener, *, grows: bool) -> None:
        self._wire = wire
        self._listener = listener
        self._grows = grows
        self._fresh = False
        """Whether lists are asked for even if they are those that we know."""
        self.done: Changed | None = None

    def fill(self, builder: Builder, sources: Sequence[str]) -> None:
        """Put what has changed into the draft; raises `_NothingNewError` if nothing has."""
        before = builder.ids() if self._grows and len(sources) > 1 else frozenset()
        done = [one for source in sources if (one := self._one(builder, source)) is not None]
        if not done and self._grows:
            raise _NothingNewError
        if before - builder.ids():
            # What one source has given up another may still have, and has been asked before.
            self._fresh = True
            again = [self._one(builder, one) for one in sources if is_address(one)]
            done += [one for one in again if one is not None]
        builder.note({"sources": json.dumps(list(sources))})
        self.done = Changed(
            any(one.whole for one in done), sum(one.records for one in done), sum(one.removed for one in done)
        )

    def _one(self, builder: Builder, source: str) -> Changed | None:
        kind, place = kind_and_place(source)
        if kind:
            return self._list(builder, kind, place)
        if not is_address(place):
            return self._from_file(builder, Path(place))
        done = self._from_address(builder, place)
        offered = [self._offered(builder, place, kind, name) for kind, name in OFFERED]
        return done or next((one for one in offered if one is not None), None)

    def _list(self, builder: Builder, kind: str, place: str) -> Changed | None:
        """KEV or EPSS from a file or an address; None if the address has nothing new."""
        if not is_address(place):
            try:
                return Changed(whole=False, records=take(builder, kind, Path(place).read_bytes(), place))
            except OSError as error:
                raise Rejected("bad-list", place, error.strerror or "it cannot be read", "a file") from error
        found = self._asked(builder, place)
        if found is None:
            raise Unavailable(place, "it answers 404")
        return Changed(whole=False, records=_taken(builder, kind, found, place)) if found else None

    def _offered(self, builder: Builder, source: str, kind: str, name: str) -> Changed | None:
        """What a Customhouse offers beside its records; other stores do not."""
        base = builder.meta(f"base:{source}")
        found = self._asked(builder, f"{base}/{name}") if base.endswith("/osv") else None
        return Changed(whole=False, records=_taken(builder, kind, found, source)) if found else None

    def _asked(self, builder: Builder, url: str) -> bytes | None:
        """A list; empty if it is the one we know, None if there is none."""
        etag = builder.meta(f"etag:{url}") if self._grows else ""
        answer = self._wire().get(url, headers={"If-None-Match": etag} if etag else {})
        if answer.status == 404:  # noqa: PLR2004 - not found, in HTTP
            return None
        builder.note({f"etag:{url}": answer.headers.get("etag", etag)})
        return answer.body if answer.status == 200 else b""  # noqa: PLR2004 - OK, in HTTP

    def _from_file(self, builder: Builder, path: Path) -> Changed:
        builder.clear(str(path))
        return Changed(whole=True, records=self._put_all(builder, read_source(path), str(path)))

    def _put_all(self, builder: Builder, records: Iterable[Record | Unread], origin: str) -> int:
        count = 0
        for record in records:
            builder.put(record, origin)
            count += 1
            if count % 100 == 0:
                self._listener("advisories", count, 0)
        if not count:
            raise Rejected(
                "no-advisories", origin, "it holds no OSV record", "a zip, a folder or an address of OSV records"
            )
        return count

    def _from_address(self, builder: Builder, source: str) -> Changed | None:
        etag = builder.meta(f"etag:{source}") if self._grows and not self._fresh else ""
        base, listing, etag = self._listing(source, etag)
        if listing is None:
            return None
        builder.note({f"etag:{source}": etag, f"base:{source}": base})
        known = builder.known(source)
        stale = [one for one, modified in listing.items() if known.get(one) != modified]
        gone = [one for one in (*known, *builder.unread_ids(source)) if one not in listing]
        if not known or len(stale) + len(gone) > FEW:
            return self._whole(builder, source, base, listing)
        removed = self._ask_each(builder, source, base, [*stale, *gone], listing)
        return Changed(whole=False, records=len(stale), removed=removed) if stale or removed else None

    def _ask_each(
        self, builder: Builder, source: str, base: str, ids: Sequence[str], listing: Mapping[str, str]
    ) -> int:
        """Take these one by one; returns how many are gone."""
        removed = 0
        for count, (one, record) in enumerate(zip(ids, self._each(base, ids), strict=True), 1):
            if record is not None:
                builder.put(record, source)
            elif one in listing:
                builder.put(Unread(f"{one}.json", "it is listed, and there is no such file"), source)
            else:
                builder.remove(one)
                removed += 1
            self._listener("changed advisories", count, len(ids))
        return removed

    def _listing(self, source: str, etag: str) -> tuple[str, dict[str, str] | None, str]:
        """Where the records are, when each was modified, and the list's ETag; no list if it is the one we know."""
        wire = self._wire()
        bare = source.rstrip("/").removesuffix("/PyPI/all.zip")
        for base in dict.fromkeys((bare if bare.endswith("/osv") else f"{bare}/osv", bare)):
            answer = wire.get(f"{base}/PyPI/modified_id.csv", headers={"If-None-Match": etag} if etag else {})
            if answer.status == 304:  # noqa: PLR2004 - not modified, in HTTP
                return base, None, etag
            if answer.status != 404:  # noqa: PLR2004 - not found, in HTTP
                return base, _read_listing(answer.body, source), answer.headers.get("etag", "")
        raise Unavailable(source, "it offers neither osv/PyPI/modified_id.csv nor PyPI/modified_id.csv")

    def _whole(self, builder: Builder, source: str, base: str, listing: Mapping[str, str]) -> Changed:
        with tempfile.TemporaryDirectory(prefix="customhouse-advisories-") as folder:
            archive = Path(folder) / "all.zip"
            answer = self._wire().get(f"{base}/PyPI/all.zip", into=archive)
            if answer.status != 200:  # noqa: PLR2004 - OK, in HTTP
                raise Unavailable(source, f"it answers {answer.status} for PyPI/all.zip")
            try:
                builder.clear(source)
                count = self._put_all(builder, read_source(archive), source)
            except Rejected as error:
                raise Unavailable(source, f"its all.zip cannot be used: {error.why}") from error
        known, unread = builder.known(source), builder.unread_ids(source)
        lacking = [one for one in listing if one not in known and one not in unread]
        if len(lacking) > FEW:
            raise Unavailable(source, f"its all.zip lacks {len(lacking)} of {len(listing)} records that it lists")
        # The archive may be older than the list.
        older = [one for one, modified in listing.items() if one in known and known[one] < modified]
        self._ask_each(builder, source, base, [*lacking, *(older if len(older) <= FEW else ())], listing)
        return Changed(whole=True, records=count + len(lacking))

    def _each(self, base: str, ids: Sequence[str]) -> Iterator[Record | Unread | None]:
        """The records, in the order of their ids; None for one that is not there."""
        wire = self._wire()

        def one(record_id: str) -> Record | Unread | None:
            answer = wire.get(f"{base}/PyPI/{quote(record_id, safe='')}.json")
            if answer.status == 404:  # noqa: PLR2004 - not found, in HTTP
                return None
            if answer.status != 200:  # noqa: PLR2004 - OK, in HTTP
                raise Unavailable(base, f"it lists {record_id} and answers {answer.status} for it")
            found = next(read_bytes(answer.body, f"{record_id}.json"))
            if isinstance(found, Record) and found.id != record_id:
                return Unread(f"{record_id}.json", f"it holds {found.id} instead")
            return found

        with ThreadPoolExecutor(AT_ONCE) as pool:
            yield from pool.map(one, ids)


def _taken(builder: Builder, kind: str, content: bytes, who: str) -> int:
    try:
        return take(builder, kind, content, who)
    except Rejected as error:
        raise Unavailable(who, f"what it offers is no list: {error.why}") from error


def _read_listing(body: bytes, source: str) -> dict[str, str]:
    """When each record was modified: lines of time and id; raises `Unavailable`."""
    found: dict[str, str] = {}
    try:
        for at, row in enumerate(csv.reader(io.StringIO(body.decode("utf-8"))), 1):
            if not row:
                continue
            moment, name = row
            found[name.rpartition("/")[2]] = write_time(read_time(moment, f"line {at}"))
    except (ValueError, csv.Error, Rejected) as error:
        raise Unavailable(source, f"its list of records cannot be read: {error}") from error
    return found

"""A log in the database: rows of leaves, and their tiles. Appending and proving touch O(log n) rows.

A leaf is hashed before the transaction; inside it the log's one row is locked, one tile grows, and that is all. Roots
and proofs are computed afterwards from tiles, for any size that the log has had. What is committed is what is signed:
a checkpoint is made for a size that was read from the database, never for one that may still be rolled back.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.infra.db import put_rows
from customhouse.terms.errors import Broken
from customhouse.trust.private_sigstore.merkle import leaf_hash
from customhouse.trust.private_sigstore.tables import sigstore_leaf, sigstore_log, sigstore_tile
from customhouse.trust.private_sigstore.tiles import HASH_BYTES, WIDTH, Tiles, subtree_root

LogName = Literal["entries", "certificates"]
ENTRIES: LogName = "entries"
CERTIFICATES: LogName = "certificates"
LOGS: tuple[LogName, ...] = (ENTRIES, CERTIFICATES)
MOST_KEPT_TILES = 256
"""Full tiles that a process remembers: 2 MiB. They never change."""
LONGEST_BODY = 2**16 - 1
"""In bytes: tiles of entries say the length in two (C2SP tlog-tiles)."""

_SIZE = sa.select(sigstore_log.c.size).where(sigstore_log.c.name == sa.bindparam("log"))
_SIZE_LOCKED = _SIZE.with_for_update()
_GROW = (
    sigstore_log.update()
    .where(sigstore_log.c.name == sa.bindparam("log"))
    .values(size=sa.bindparam("new_size"))
)  # fmt: skip
_TILE = sa.select(sigstore_tile.c.hashes).where(
    sigstore_tile.c.log == sa.bindparam("log"),
    sigstore_tile.c.level == sa.bindparam("level"),
    sigstore_tile.c.number == sa.bindparam("number"),
)
_BY_HASH = sa.select(sigstore_leaf).where(
    sigstore_leaf.c.log == sa.bindparam("log"), sigstore_leaf.c.leaf_hash == sa.bindparam("leaf_hash")
)
_BY_PLACE = sa.select(sigstore_leaf).where(
    sigstore_leaf.c.log == sa.bindparam("log"), sigstore_leaf.c.place == sa.bindparam("place")
)
_INSERT = sigstore_leaf.insert()


@dataclass(frozen=True, slots=True)
class Leaf:
    """What goes into a log."""

    body: bytes
    kind: str
    """With its version, such as ``hashedrekord 0.0.2``."""
    name: str
    """Who has signed, as the certificate says it."""
    issuer: str


@dataclass(frozen=True, slots=True)
class Logged:
    """What is in a log, and where."""

    place: int
    body: bytes
    kind: str
    name: str
    issuer: str
    at: datetime

    @property
    def leaf_hash(self) -> bytes:
        """The hash by which it stands in the tree."""
        return leaf_hash(self.body)


@dataclass(frozen=True, slots=True)
class Appended:
    """What became of leaves that were to be appended."""

    entries: tuple[Logged, ...]
    """One for each, in their order."""
    fresh: int
    """How many of them the log did not have."""


def append(sql: Connection, log: LogName, leaves: Sequence[tuple[bytes, Leaf]], now: datetime) -> Appended:
    """Put leaves, each with its hash, at the end of a log, in one transaction of the caller's.

    One that is in the log already is not added again: its first place is what is returned for it.
    """
    size = _locked_size(sql, log)
    answers: list[Logged] = []
    fresh: dict[bytes, Logged] = {}
    for digest, leaf in leaves:
        known = fresh.get(digest) or find_leaf(sql, log, digest)
        if known is None:
            known = Logged(size + len(fresh), leaf.body, leaf.kind, leaf.name[:1000], leaf.issuer[:300], now)
            fresh[digest] = known
        answers.append(known)
    if fresh:
        rows = [
            {
                "log": log, "place": one.place, "leaf_hash": digest, "body": one.body, "kind": one.kind,
                "name": one.name, "issuer": one.issuer, "logged_at": one.at,
            }
            for digest, one in fresh.items()
        ]  # fmt: skip
        sql.execute(_INSERT, rows)
        put_rows(sql, sigstore_tile, grown_tiles(sql, log, size, list(fresh)))
        sql.execute(_GROW, {"log": log, "new_size": size + len(fresh)})
    return Appended(tuple(answers), len(fresh))


def grown_tiles(sql: Connection, log: LogName, size: int, hashes: list[bytes]) -> list[dict[str, Any]]:
    """The tiles that a log of ``size`` leaves must write when it gets these: the last of each level that changes."""
    changed: list[dict[str, Any]] = []
    level = 0
    while hashes:
        number, width = divmod(size, WIDTH)
        body = bytearray(_read_tile(sql, log, level, number) if width else b"")
        if len(body) != width * HASH_BYTES:
            raise Broken(f"Tile {number} of level {level} of the log {log!r} has another size than the log says.")
        above: list[bytes] = []
        for digest in hashes:
            body += digest
            if len(body) == WIDTH * HASH_BYTES:
                changed.append({"log": log, "level": level, "number": number, "hashes": bytes(body)})
                above.append(subtree_root(bytes(body)))
                number, body = number + 1, bytearray()
        if body:
            changed.append({"log": log, "level": level, "number": number, "hashes": bytes(body)})
        hashes, size, level = above, size // WIDTH, level + 1
    return changed


def size_of(sql: Connection, log: LogName) -> int:
    """How many leaves the log has."""
    found: int = sql.execute(_SIZE, {"log": log}).scalar_one()
    return found


def find_leaf(sql: Connection, log: LogName, digest: bytes) -> Logged | None:
    """The leaf with this hash."""
    row = sql.execute(_BY_HASH, {"log": log, "leaf_hash": digest}).one_or_none()
    return None if row is None else _logged(row)


def leaf_at(sql: Connection, log: LogName, place: int) -> Logged | None:
    """The leaf at a place."""
    row = sql.execute(_BY_PLACE, {"log": log, "place": place}).one_or_none()
    return None if row is None else _logged(row)


def bodies(sql: Connection, log: LogName, start: int, end: int) -> list[bytes]:
    """The leaves from one place to before another."""
    chosen = sigstore_leaf.c.log == log, sigstore_leaf.c.place >= start, sigstore_leaf.c.place < end
    return list(sql.execute(sa.select(sigstore_leaf.c.body).where(*chosen).order_by(sigstore_leaf.c.place)).scalars())


def latest(sql: Connection, log: LogName, most: int, *, name: str = "", before: int | None = None) -> list[Logged]:
    """The newest leaves, the newest first; only those of one signer if a name is given."""
    chosen = sa.select(sigstore_leaf).where(sigstore_leaf.c.log == log)
    if name:
        chosen = chosen.where(sigstore_leaf.c.name == name)
    if before is not None:
        chosen = chosen.where(sigstore_leaf.c.place < before)
    return [_logged(row) for row in sql.execute(chosen.order_by(sigstore_leaf.c.place.desc()).limit(most))]


class TileCache:
    """Full tiles that this process has read: they never change."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, int, int], bytes] = {}
        self._lock = threading.Lock()

    def tiles(self, sql: Connection, log: LogName) -> Tiles:
        """The tiles of a log, through one connection."""

        def tile(level: int, number: int) -> bytes:
            found = self._kept.get((log, level, number))
            if found is None:
                found = _read_tile(sql, log, level, number)
                if not found:
                    raise Broken(f"Tile {number} of level {level} of the log {log!r} is missing. Restore the database.")
                if len(found) == WIDTH * HASH_BYTES:
                    self._keep((log, level, number), found)
            return found

        return tile

    def forget(self) -> None:
        """Read all of it again: the database may be another one."""
        with self._lock:
            self._kept.clear()

    def _keep(self, key: tuple[str, int, int], tile: bytes) -> None:
        with self._lock:
            while len(self._kept) >= MOST_KEPT_TILES:
                del self._kept[next(iter(self._kept))]
            self._kept[key] = tile


def _locked_size(sql: Connection, log: LogName) -> int:
    found: int | None = sql.execute(_SIZE_LOCKED, {"log": log}).scalar_one_or_none()
    if found is None:
        raise Broken(f"The log {log!r} has no row. Restore the database from a backup.")
    return found


def _read_tile(sql: Connection, log: LogName, level: int, number: int) -> bytes:
    found: bytes | None = sql.execute(_TILE, {"log": log, "level": level, "number": number}).scalar_one_or_none()
    return b"" if found is None else found


def _logged(row: sa.Row[Any]) -> Logged:
    return Logged(row.place, row.body, row.kind, row.name, row.issuer, row.logged_at)

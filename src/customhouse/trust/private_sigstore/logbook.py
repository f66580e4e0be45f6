"""The log of signatures as both versions of Rekor show it, and the log of certificates: appending, proofs, checkpoints.

There is one tree of signatures with two faces. Its entries carry the version in which they came; its checkpoint is
signed by both keys, so that either client finds the one it knows; and one monitor, one witness see all of it
(`docs/decisions/0038-private-sigstore.md`).
"""

from __future__ import annotations

import base64
import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import rfc8785
import sqlalchemy as sa
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from customhouse.infra import jobs
from customhouse.infra.db import Database
from customhouse.infra.sigstore_heads import Head, HeadFile
from customhouse.ledger.tx import Deeds, Tx
from customhouse.terms.errors import Refused
from customhouse.terms.identity import ANONYMOUS
from customhouse.trust.private_sigstore.entries import Proposed
from customhouse.trust.private_sigstore.events import SignatureLogged
from customhouse.trust.private_sigstore.heads import LogRolledBack, Told, fault_of
from customhouse.trust.private_sigstore.keyring import Keyring, Role
from customhouse.trust.private_sigstore.note import (
    ED25519,
    HINT_BYTES,
    Checkpoint,
    NoteKey,
    NoteSignature,
    SignedCheckpoint,
    read_checkpoint,
)
from customhouse.trust.private_sigstore.tables import sigstore_cosignature
from customhouse.trust.private_sigstore.tiles import (
    HASH_BYTES,
    WIDTH,
    Tiles,
    prove_consistency,
    prove_inclusion,
    remembering,
    root_of,
    width_of,
)
from customhouse.trust.private_sigstore.tree import (
    ENTRIES,
    Logged,
    LogName,
    TileCache,
    append,
    bodies,
    find_leaf,
    leaf_at,
    size_of,
)
from customhouse.trust.private_sigstore.trust_config import note_key

COSIGN_JOB = "sigstore-cosign"
MOST_LEVELS = 6
"""Of tiles (C2SP): the log may have 2**48 entries."""
MOST_KEPT_CHECKPOINTS = 64


@dataclass(frozen=True, slots=True)
class Proof:
    """That an entry is in the log as it was at one moment."""

    entry: Logged
    size: int
    root: bytes
    path: tuple[bytes, ...]
    checkpoint: str


@dataclass(frozen=True, slots=True)
class View:
    """A log at one moment, which continues what was said of it last."""

    sql: sa.Connection
    said: Head | None
    size: int
    tiles: Tiles


@dataclass(frozen=True)
class Logbook:
    """The logs of one Customhouse."""

    deeds: Deeds
    keys: Callable[[], Keyring]
    heads: HeadFile
    has_witnesses: bool = False
    _tiles: TileCache = field(default_factory=TileCache)
    _signed: dict[tuple[str, int, bytes, bytes], SignedCheckpoint] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _told: Told = field(default_factory=Told)

    @property
    def database(self) -> Database:
        """Where it is kept."""
        return self.deeds.database

    def add(self, proposed: Proposed) -> Proof:
        """Append an entry, or find it where it is already; what is proved of it is committed.

        Raises `LogRolledBack`, before anything is appended, if the database does not continue what was said.
        """
        with self.view(ENTRIES) as now:
            known = find_leaf(now.sql, ENTRIES, proposed.digest)
        entry = known or self.deeds.do(self._append, proposed)
        return self.proof(entry)

    def proof(self, entry: Logged) -> Proof:
        """That an entry is in the log as it is now."""
        with self.view(ENTRIES) as now:
            root, path = root_of(now.tiles, now.size), prove_inclusion(now.tiles, entry.place, now.size)
        note = self._sign(ENTRIES, now.size, root, now.said).note()
        return Proof(entry, now.size, root, tuple(path), note)

    def at(self, place: int) -> Logged:
        """The entry at a place; raises `Refused` (404)."""
        with self.database.read() as sql:
            found = leaf_at(sql, ENTRIES, place) if 0 <= place < 2**62 else None
        if found is None:
            raise _not_there("There is no entry at this place.")
        return found

    def called(self, digest: bytes) -> Logged:
        """The entry with this hash; raises `Refused` (404)."""
        with self.database.read() as sql:
            found = find_leaf(sql, ENTRIES, digest)
        if found is None:
            raise _not_there("There is no entry with this hash.")
        return found

    def checkpoint(self, log: LogName) -> SignedCheckpoint:
        """What the log says of itself now, with the signatures of witnesses that have seen just this."""
        with self.view(log) as now:
            root = root_of(now.tiles, now.size)
            witnessed = _cosignatures(now.sql, log, now.size)
        own = self._sign(log, now.size, root, now.said)
        lines = (line for note in witnessed if note.text == own.text for line in note.signatures)
        return SignedCheckpoint(own.checkpoint, own.text, (*own.signatures, *lines))

    def checkpoint_at(self, log: LogName, size: int) -> SignedCheckpoint:
        """The same of an earlier size, without witnesses; raises `Refused` (404) for one that it has not had."""
        with self.view(log) as now:
            if not 0 <= size <= now.size:
                raise _not_there("The log has never had this size.")
            root = root_of(now.tiles, size)
        return self._sign(log, size, root, now.said)

    @contextmanager
    def view(self, log: LogName) -> Iterator[View]:
        """The log as the database has it; raises `LogRolledBack` if that does not continue what was said of it."""
        said = self.said(log)
        with self.database.read(snapshot=True) as sql:
            size, tiles = size_of(sql, log), remembering(self._tiles.tiles(sql, log))
            fault = fault_of(said, size, lambda old: root_of(tiles, old))
            self._told.tell(log, fault)
            if fault:
                # What was read before may be of the other tree.
                self._tiles.forget()
                raise LogRolledBack(log, fault)
            yield View(sql, said, size, tiles)

    def origin(self, log: LogName) -> str:
        """How its checkpoints begin."""
        return self.keys().record(log_key(log)).origin

    def said(self, log: LogName) -> Head | None:
        """What was said last of a log. Ask before the database is read: what stands here was committed then."""
        return self.heads.newest(self.origin(log))

    def head_now(self, log: LogName) -> Head:
        """The head of a log as the database has it, whatever was said before."""
        with self.database.read(snapshot=True) as sql:
            size = size_of(sql, log)
            return Head(self.origin(log), size, root_of(TileCache().tiles(sql, log), size))

    def note(self, log: LogName) -> None:
        """Remember the log as it is now, because somebody is about to hear of its newest entry."""
        with self.view(log) as now:
            root = root_of(now.tiles, now.size)
        self._remember(log, now.size, root, now.said)

    def consistency(self, log: LogName, old: int, size: int | None = None) -> tuple[int, bytes, list[bytes]]:
        """Size, root, and the hashes that show that it begins with the tree of ``old`` leaves; raises `Refused`."""
        with self.database.read(snapshot=True) as sql:
            now = size_of(sql, log)
            size = now if size is None else size
            if not 0 <= old <= size <= now:
                raise Refused(
                    "bad-size", f"The log has {now} entries.", "Two sizes in their order, neither larger.", status=400
                )
            tiles = self._tiles.tiles(sql, log)
            return size, root_of(tiles, size), prove_consistency(tiles, old, size)

    def tile(self, log: LogName, level: int, number: int, width: int = WIDTH) -> bytes:
        """The first ``width`` hashes of a tile; raises `Refused` (404) for more than there are."""
        with self.database.read(snapshot=True) as sql:
            if level >= MOST_LEVELS or not 0 < width <= width_of(level, number, size_of(sql, log)):
                raise _not_there("The log has no such tile.")
            return self._tiles.tiles(sql, log)(level, number)[: width * HASH_BYTES]

    def entries_tile(self, log: LogName, number: int, width: int = WIDTH) -> bytes:
        """The first ``width`` entries of a tile of level 0, each after its length in two bytes (C2SP tlog-tiles)."""
        with self.database.read(snapshot=True) as sql:
            if not 0 < width <= width_of(0, number, size_of(sql, log)):
                raise _not_there("The log has no such tile.")
            found = bodies(sql, log, number * WIDTH, number * WIDTH + width)
        return b"".join(len(one).to_bytes(2) + one for one in found)

    def size(self, log: LogName) -> int:
        """How many entries it has."""
        with self.database.read() as sql:
            return size_of(sql, log)

    def _append(self, proposed: Proposed, tx: Tx) -> Logged:
        done = append(tx.sql, ENTRIES, [(proposed.digest, proposed.leaf)], tx.now())
        (logged,) = done.entries
        if done.fresh:
            event = SignatureLogged(
                ANONYMOUS, None, place=logged.place, entry_kind=logged.kind, leaf=proposed.digest.hex()
            )
            tx.record(event)
            if self.has_witnesses:
                jobs.add(tx.sql, COSIGN_JOB, {}, due_at=tx.now(), key=COSIGN_JOB)
        return logged

    def _remember(self, log: LogName, size: int, root: bytes, said: Head | None) -> None:
        """Write down what is about to be said, unless more was said before: ``said``, which was looked at."""
        while said is None or size > said.size:
            head = Head(self.origin(log), size, root)
            if self.heads.advance(head, said):
                return
            # Another process has said something meanwhile. Both must be the beginning of what is there now.
            with self.view(log) as now:
                said = now.said
                if fault := fault_of(head, now.size, lambda old: root_of(now.tiles, old)):
                    raise LogRolledBack(log, fault)

    def _sign(self, log: LogName, size: int, root: bytes, said: Head | None) -> SignedCheckpoint:
        """Sign what was committed. The same is signed once for each process, because some signatures are random."""
        self._remember(log, size, root, said)
        keys = self.keys()
        roles: tuple[Role, ...] = ("entries-v2", "entries-v1" if log == ENTRIES else "certificates")
        current = b"".join(keys.record(role).public_der for role in roles)
        kept = log, size, root, hashlib.sha256(current).digest()
        found = self._signed.get(kept)
        if found is None:
            found = _signed(keys, log, size, root)
            with self._lock:
                while len(self._signed) >= MOST_KEPT_CHECKPOINTS:
                    del self._signed[next(iter(self._signed))]
                self._signed[kept] = found
        return found


def spelled_v2(proof: Proof, keys: Keyring) -> dict[str, Any]:
    """The entry as Rekor's second version answers (TransparencyLogEntry; numbers are texts)."""
    kind, _, version = proof.entry.kind.partition(" ")
    return {
        "logIndex": str(proof.entry.place),
        "logId": {"keyId": _base64(note_key(keys.record("entries-v2")).id)},
        "kindVersion": {"kind": kind, "version": version},
        "inclusionProof": {
            "logIndex": str(proof.entry.place),
            "rootHash": _base64(proof.root),
            "treeSize": str(proof.size),
            "hashes": [_base64(one) for one in proof.path],
            "checkpoint": {"envelope": proof.checkpoint},
        },
        "canonicalizedBody": _base64(proof.entry.body),
    }


def spelled_v1(proof: Proof, keys: Keyring) -> dict[str, Any]:
    """The entry as Rekor's first version answers, under its name, with the signed promise of its time."""
    promise: dict[str, Any] = {
        "body": _base64(proof.entry.body),
        "integratedTime": int(proof.entry.at.timestamp()),
        "logID": hashlib.sha256(keys.record("entries-v1").public_der).hexdigest(),
        "logIndex": proof.entry.place,
    }
    signature = keys.ecdsa("entries-v1").sign(rfc8785.dumps(promise), ec.ECDSA(hashes.SHA256()))
    verification = {
        "signedEntryTimestamp": _base64(signature),
        "inclusionProof": {
            "logIndex": proof.entry.place,
            "rootHash": proof.root.hex(),
            "treeSize": proof.size,
            "hashes": [one.hex() for one in proof.path],
            "checkpoint": proof.checkpoint,
        },
    }
    return {proof.entry.leaf_hash.hex(): {**promise, "verification": verification}}


def log_key(log: LogName) -> Role:
    """The role whose key says how the checkpoints of a log begin."""
    return "entries-v2" if log == ENTRIES else "certificates"


def _signed(keys: Keyring, log: LogName, size: int, root: bytes) -> SignedCheckpoint:
    record = keys.record(log_key(log))
    checkpoint = Checkpoint(record.origin, size, root)
    signatures = []
    if log == ENTRIES:
        signatures.append(note_key(record).sign(keys.ed25519("entries-v2"), checkpoint.text))
        signatures.append(_ecdsa(keys, "entries-v1", record.origin, checkpoint.text))
    else:
        # With the key of the other log, too: that is what witnesses know.
        key = NoteKey(record.origin, ED25519, note_key(keys.record("entries-v2")).raw)
        signatures.append(key.sign(keys.ed25519("entries-v2"), checkpoint.text))
        signatures.append(_ecdsa(keys, "certificates", record.origin, checkpoint.text))
    return SignedCheckpoint(checkpoint, checkpoint.text, tuple(signatures))


def _ecdsa(keys: Keyring, role: Role, name: str, text: str) -> NoteSignature:
    hint = hashlib.sha256(keys.record(role).public_der).digest()[:HINT_BYTES]
    return NoteSignature(name, hint, keys.ecdsa(role).sign(text.encode(), ec.ECDSA(hashes.SHA256())))


def _cosignatures(sql: sa.Connection, log: LogName, size: int) -> list[SignedCheckpoint]:
    """What witnesses have said of the log at this size, or of one that had its place before."""
    chosen = sa.select(sigstore_cosignature.c.note).where(
        sigstore_cosignature.c.log == log, sigstore_cosignature.c.size == size
    )
    texts = sql.execute(chosen.order_by(sigstore_cosignature.c.witness)).scalars()
    return [read_checkpoint(text) for text in texts if text]


def _not_there(sentence: str) -> Refused:
    return Refused("not-found", sentence, status=404)


def _base64(body: bytes) -> str:
    return base64.b64encode(body).decode()

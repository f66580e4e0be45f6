"""Following a log from outside: has it only grown since we looked last, and who has signed meanwhile?

Nothing that the log says is believed but what its own hashes prove. What was seen last is kept by the caller, and must
never be lost: it is all by which a log that shows different people different things is caught.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from cryptography import x509

from customhouse.terms.errors import CustomhouseError, Rejected
from customhouse.trust.certificate import signer_of
from customhouse.trust.private_sigstore.ct import precertificate_of
from customhouse.trust.private_sigstore.entries import certificate_in
from customhouse.trust.private_sigstore.merkle import leaf_hash
from customhouse.trust.private_sigstore.note import ED25519, Checkpoint, NoteKey, raw_ed25519, read_checkpoint
from customhouse.trust.private_sigstore.tiles import (
    WIDTH,
    Tiles,
    address_of,
    includes,
    is_consistent,
    prove_consistency,
    prove_inclusion,
    root_of,
    width_of,
)
from customhouse.trust.private_sigstore.tree import ENTRIES, LogName

Fetch = Callable[[str], bytes]
"""``fetch(path)``: what is at a path below the Sigstore's address; raises one of our errors."""
PATHS = {"entries": "/api/v2", "certificates": "/certificates"}
_SEQUENCE = 0x30


class Alarm(CustomhouseError):
    """The log has shown something that an honest one cannot show. Keep both checkpoints: they are the proof."""

    def __init__(self, code: str, sentence: str) -> None:
        self.code = code
        super().__init__(sentence)


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry that is new."""

    place: int
    names: tuple[str, ...]
    issuer: str


@dataclass(frozen=True, slots=True)
class Followed:
    """What there was to see."""

    checkpoint: Checkpoint
    note: str
    """The checkpoint as the log has signed it: evidence."""
    before: int
    """How many entries were seen before."""


def follow(fetch: Fetch, log: LogName, key: NoteKey, last: Checkpoint | None) -> Followed:
    """Look at a log once. Raises `Alarm` if it does not continue what was seen last."""
    note = read_checkpoint(fetch(f"{PATHS[log]}/checkpoint").decode("utf-8", "replace"))
    now = note.checkpoint
    if now.origin != key.name or key.signed(note) is None:
        raise Alarm("unsigned", f"The checkpoint of {now.origin} is not signed by {key.spelled}.")
    if last is not None and now.size < last.size:
        raise Alarm("rolled-back", f"{now.origin} had {last.size} entries, and now says that it has {now.size}.")
    tiles = tiles_of(fetch, log, now.size)
    try:
        if last is None or not last.size:
            holds = root_of(tiles, now.size) == now.root
        else:
            proof = prove_consistency(tiles, last.size, now.size)
            holds = is_consistent(last.size, last.root, now.size, now.root, proof)
    except ValueError as error:
        raise Alarm("false-tiles", f"{now.origin} does not show what it has signed: {error}.") from error
    if not holds:
        what = "what it has signed" if last is None else f"that its first {last.size} entries are those of before"
        raise Alarm("split", f"{now.origin} cannot prove {what}: it shows different people different logs.")
    return Followed(now, note.note(), 0 if last is None else last.size)


def entries_since(fetch: Fetch, log: LogName, seen: Followed) -> Iterator[Entry]:
    """What is new, each proved to be in the log. Raises `Alarm` for an entry that is not."""
    size, root = seen.checkpoint.size, seen.checkpoint.root
    tiles = tiles_of(fetch, log, size)
    for number in range(seen.before // WIDTH, -(-size // WIDTH)):
        width = width_of(0, number, size)
        found = list(_bodies(fetch(f"{PATHS[log]}/{address_of('entries', number, width)}")))
        if len(found) < width:
            raise Alarm("false-tiles", f"{seen.checkpoint.origin} hides entries of tile {number}.")
        for place, body in enumerate(found[:width], number * WIDTH):
            if place < seen.before:
                continue
            if not includes(leaf_hash(body), place, size, prove_inclusion(tiles, place, size), root):
                raise Alarm("false-entry", f"Entry {place} of {seen.checkpoint.origin} is not the one in its tree.")
            yield _entry(log, place, body)


def tiles_of(fetch: Fetch, log: LogName, size: int) -> Tiles:
    """The tiles of a log of this size, each fetched once."""
    known: dict[tuple[int, int], bytes] = {}

    def tile(level: int, number: int) -> bytes:
        if (level, number) not in known:
            width = width_of(level, number, size)
            known[level, number] = fetch(f"{PATHS[log]}/{address_of(level, number, width)}")
        return known[level, number]

    return tile


def key_in(trusted_root: str, log: LogName = ENTRIES) -> NoteKey:
    """The key that signs checkpoints now, from a ``trusted_root.json``; raises `Rejected`."""
    try:
        listed = json.loads(trusted_root)["tlogs"]
        (now,) = [
            one
            for one in listed
            if one["publicKey"]["keyDetails"] == "PKIX_ED25519" and "end" not in one["publicKey"]["validFor"]
        ]
        raw = raw_ed25519(base64.b64decode(now["publicKey"]["rawBytes"], validate=True))
        name = str(now["baseUrl"]).partition("://")[2]
    except (ValueError, KeyError, TypeError) as error:
        raise Rejected(
            "bad-root", "trusted_root.json", "names no log of Ed25519 that signs now", "another root"
        ) from error
    key = NoteKey(name, ED25519, raw)
    return key if log == ENTRIES else key.of_certificates


def _entry(log: LogName, place: int, body: bytes) -> Entry:
    certificate = certificate_in(body) if log == ENTRIES else _certificate_of(body)
    if certificate is None:
        return Entry(place, (), "")
    try:
        signer = signer_of(certificate)
    except ValueError:
        return Entry(place, (), "")
    return Entry(place, tuple(sorted(signer.names)), signer.issuer)


def _certificate_of(leaf: bytes) -> x509.Certificate | None:
    """A certificate around what the log keeps of one, with a signature that nobody has made: only for reading."""
    try:
        tbs = precertificate_of(leaf)
        # SEQUENCE { tbs, ecdsa-with-SHA256, an empty signature }
        algorithm = bytes.fromhex("300a06082a8648ce3d040302")
        return x509.load_der_x509_certificate(_sequence(tbs + algorithm + bytes.fromhex("03020000")))
    except ValueError:
        return None


def _sequence(body: bytes) -> bytes:
    # Certificates have more than 255 bytes, and leaves fewer than 65,536.
    return bytes([_SEQUENCE, 0x82]) + len(body).to_bytes(2) + body


def _bodies(bundle: bytes) -> Iterator[bytes]:
    while bundle:
        length = int.from_bytes(bundle[:2])
        body, bundle = bundle[2 : 2 + length], bundle[2 + length :]
        if len(body) != length:
            return
        yield body

"""The log in the database, on SQLite and PostgreSQL: appending, finding again, proofs, what is committed and what is not."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key

from clock import TurnableClock
from customhouse.infra.db import Database, database_url
from customhouse.infra.issuer import Issuers
from customhouse.infra.settings import Settings
from customhouse.ledger.tables import ledger_event
from customhouse.ledger.tx import Deeds, Tx
from customhouse.terms.errors import Refused
from customhouse.trust.private_sigstore.entries import Proposed
from customhouse.trust.private_sigstore.logbook import Logbook
from customhouse.trust.private_sigstore.merkle import leaf_hash
from customhouse.trust.private_sigstore.note import HINT_BYTES, Checkpoint, SignedCheckpoint, read_checkpoint
from customhouse.trust.private_sigstore.service import Sigstore, make_ready
from customhouse.trust.private_sigstore.tables import sigstore_leaf, sigstore_tile
from customhouse.trust.private_sigstore.tiles import includes, is_consistent
from customhouse.trust.private_sigstore.tree import CERTIFICATES, ENTRIES, Leaf, append, size_of
from customhouse.trust.private_sigstore.trust_config import note_key
from memory_sigstore import tree_hash


@pytest.fixture
def sigstore(database_settings: Settings, clock: TurnableClock) -> Iterator[Sigstore]:
    settings = database_settings.model_copy(update={"sigstore": True, "url": "https://index.test"})
    database = Database(database_url(settings))
    deeds = Deeds(database, clock)
    make_ready(settings, deeds)
    yield Sigstore.open(settings, deeds, Issuers(outbound=None, clock=clock))  # type: ignore[arg-type] # asks nobody
    database.close()


def proposed(text: str) -> Proposed:
    body = text.encode()
    return Proposed(Leaf(body, "hashedrekord 0.0.2", "alice@example.org", "https://issuer.test"), leaf_hash(body))


def fill(book: Logbook, count: int, start: int = 0) -> None:
    """Append so many at once."""
    leaves = [proposed(f"entry {number}") for number in range(start, start + count)]
    with book.database.write() as sql:
        append(sql, ENTRIES, [(one.digest, one.leaf) for one in leaves], book.deeds.clock.now())


def ecdsa_signed(public_der: bytes, note: SignedCheckpoint) -> bool:
    """Whether a key of ECDSA has signed it, as logs of Rekor's first version do (its hint is of the key alone)."""
    key = load_der_public_key(public_der)
    hint = hashlib.sha256(public_der).digest()[:HINT_BYTES]
    for one in note.signatures:
        if one.hint == hint and isinstance(key, ec.EllipticCurvePublicKey):
            try:
                key.verify(one.body, note.text.encode(), ec.ECDSA(hashes.SHA256()))
            except InvalidSignature:
                continue
            return True
    return False


def test_every_entry_gets_the_next_place_and_a_proof_that_holds(sigstore: Sigstore) -> None:
    book = sigstore.logbook
    for number in range(20):
        proof = book.add(proposed(f"entry {number}"))
        assert (proof.entry.place, proof.size) == (number, number + 1)
        assert includes(proof.entry.leaf_hash, number, proof.size, proof.path, proof.root)
        note = read_checkpoint(proof.checkpoint)
        assert note.checkpoint == Checkpoint("index.test/sigstore", number + 1, proof.root)
        assert note_key(sigstore.keys.now().record("entries-v2")).signed(note)
        assert ecdsa_signed(sigstore.keys.now().record("entries-v1").public_der, note)


def test_what_is_sent_again_stays_where_it_is(sigstore: Sigstore) -> None:
    book = sigstore.logbook
    first = book.add(proposed("one"))
    book.add(proposed("two"))
    again = book.add(proposed("one"))
    assert (again.entry.place, again.size) == (first.entry.place, 2)
    assert again.entry.at == first.entry.at
    with book.database.read() as sql:
        events = sql.execute(sa.select(ledger_event.c.kind).where(ledger_event.c.kind == "signature-logged")).all()
    assert len(events) == 2


def test_a_deed_that_is_rolled_back_leaves_nothing_and_takes_no_place(sigstore: Sigstore) -> None:
    """Killed before the commit, nothing is in the log; killed after it, the same entry is found where it is."""
    book = sigstore.logbook
    book.add(proposed("one"))

    def killed(wish: Proposed, tx: Tx) -> None:
        append(tx.sql, ENTRIES, [(wish.digest, wish.leaf)], tx.now())
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        book.deeds.do(killed, proposed("two"))
    assert book.checkpoint(ENTRIES).checkpoint.size == 1
    # Committed, and the answer never came: the client asks again.
    lost = book.deeds.do(book._append, proposed("two"))
    found = book.add(proposed("two"))
    assert (lost.place, found.entry.place, found.size) == (1, 1, 2)


def test_the_log_is_the_tree_of_all_its_leaves_across_full_tiles(sigstore: Sigstore) -> None:
    book = sigstore.logbook
    for count in (255, 1, 1, 300, 200):
        start = book.size(ENTRIES)
        fill(book, count, start)
        leaves = [leaf_hash(b"entry %d" % number) for number in range(start + count)]
        assert book.checkpoint(ENTRIES).checkpoint.root == tree_hash(leaves)
        old, root, proof = start, book.checkpoint_at(ENTRIES, start).checkpoint.root, ()
        size, now, proof = book.consistency(ENTRIES, old)  # type: ignore[assignment] # a list
        assert is_consistent(old, root, size, now, proof)
    with book.database.read() as sql:
        tiles = sql.execute(
            sa.select(sigstore_tile.c.level, sigstore_tile.c.number).order_by(*sigstore_tile.primary_key)
        )
        assert [tuple(row) for row in tiles] == [(0, 0), (0, 1), (0, 2), (1, 0)]


def test_tiles_are_handed_out_as_far_as_they_go(sigstore: Sigstore) -> None:
    book = sigstore.logbook
    fill(book, 300)
    assert len(book.tile(ENTRIES, 0, 0)) == 256 * 32
    assert len(book.tile(ENTRIES, 0, 1, 44)) == 44 * 32
    assert len(book.tile(ENTRIES, 1, 0, 1)) == 32
    assert book.entries_tile(ENTRIES, 0, 2) == b"\0\7entry 0\0\7entry 1"
    for level, number, width in ((0, 1, 45), (0, 1, 256), (0, 2, 1), (1, 0, 2), (2, 0, 1), (9, 0, 1), (0, 0, 0)):
        with pytest.raises(Refused, match="no such tile"):
            book.tile(ENTRIES, level, number, width)


def test_there_is_no_entry_where_none_is(sigstore: Sigstore) -> None:
    for place in (0, 5, -1, 2**70):
        with pytest.raises(Refused, match="no entry"):
            sigstore.logbook.at(place)
    with pytest.raises(Refused, match="no entry"):
        sigstore.logbook.called(b"\0" * 32)
    for old, size in ((1, 0), (0, 1), (-1, 0)):
        with pytest.raises(Refused, match="The log has 0 entries"):
            sigstore.logbook.consistency(ENTRIES, old, size)


def test_both_logs_count_for_themselves(sigstore: Sigstore) -> None:
    fill(sigstore.logbook, 3)
    assert sigstore.logbook.size(CERTIFICATES) == 0
    certified = sigstore.logbook.checkpoint(CERTIFICATES)
    assert certified.checkpoint.origin == "index.test/sigstore/certificates"
    assert ecdsa_signed(sigstore.keys.now().record("certificates").public_der, certified)


@pytest.mark.prove
def test_a_million_entries_cost_no_more_than_a_few(sigstore: Sigstore) -> None:
    """Appending and proving touch O(log n) rows and hashes: measured at a million, and at a thousand beside it."""
    book = sigstore.logbook
    took: dict[int, float] = {}
    start = 0
    for size in (1_000, 1_000_000):
        while start < size:
            fill(book, min(20_000, size - start), start)
            start = book.size(ENTRIES)
        statements: list[str] = []

        def hear(
            _connection: object, _cursor: object, statement: str, *_more: object, into: list[str] = statements
        ) -> None:
            into.append(statement)

        sa.event.listen(book.database.engine, "before_cursor_execute", hear)
        began, hashes = time.process_time(), 50
        for number in range(hashes):
            proof = book.add(proposed(f"at {size}: {number}"))
            assert includes(proof.entry.leaf_hash, proof.entry.place, proof.size, proof.path, proof.root)
            book.proof(book.at(number * size // hashes))
            book.consistency(ENTRIES, 1 + number * size // hashes)
        took[size] = (time.process_time() - began) / hashes
        sa.event.remove(book.database.engine, "before_cursor_execute", hear)
        assert len(statements) / hashes < 80
        assert len(proof.path) <= 20
        start = book.size(ENTRIES)
    assert took[1_000_000] < 10 * took[1_000], took
    with book.database.read() as sql:
        assert size_of(sql, ENTRIES) == sql.execute(sa.select(sa.func.count()).select_from(sigstore_leaf)).scalar()

"""The database comes back from an older backup: the logs have said more of themselves than it knows, and say so."""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Callable, Iterator

import pytest
import sqlalchemy as sa

from clock import TurnableClock
from customhouse.infra.db import METADATA, Database, database_url
from customhouse.infra.issuer import Issuers
from customhouse.infra.settings import Settings
from customhouse.ledger.tables import ledger_event
from customhouse.ledger.tx import Deeds
from customhouse.terms.errors import Refused, Unavailable
from customhouse.trust.private_sigstore.entries import Proposed
from customhouse.trust.private_sigstore.heads import LogRolledBack
from customhouse.trust.private_sigstore.merkle import leaf_hash
from customhouse.trust.private_sigstore.restored import keep_log, standings, start_log
from customhouse.trust.private_sigstore.service import Sigstore, make_ready
from customhouse.trust.private_sigstore.tiles import includes, root_of
from customhouse.trust.private_sigstore.tree import CERTIFICATES, ENTRIES, Leaf, append
from customhouse.trust.private_sigstore.trust_config import note_key, trusted_root_of

Restore = Callable[[], None]
TABLES = ("sigstore_log", "sigstore_leaf", "sigstore_tile")


class Installation:
    """One installation, opened again as after a restart."""

    def __init__(self, settings: Settings, clock: TurnableClock) -> None:
        self.settings, self.clock = settings, clock
        self.open()

    def open(self) -> None:
        self.database = Database(database_url(self.settings))
        self.deeds = Deeds(self.database, self.clock)
        make_ready(self.settings, self.deeds)
        self.sigstore = Sigstore.open(self.settings, self.deeds, Issuers(outbound=None, clock=self.clock))  # type: ignore[arg-type] # asks nobody

    def sign(self, *texts: str) -> None:
        """Have entries logged, one after the other, each with its proof."""
        for text in texts:
            proof = self.sigstore.logbook.add(proposed(text))
            assert includes(proof.entry.leaf_hash, proof.entry.place, proof.size, proof.path, proof.root)

    def certify(self, *texts: str) -> None:
        """Have certificates logged, and show the log."""
        with self.database.write() as sql:
            append(sql, CERTIFICATES, [(one.digest, one.leaf) for one in map(proposed, texts)], self.clock.now())
        self.sigstore.logbook.note(CERTIFICATES)

    def backup(self) -> Restore:
        """The database as it is now; what is returned brings it back, whole, and opens it again."""
        path = self.settings.data / "customhouse.sqlite3"
        if self.database.dialect == "sqlite":
            kept = sqlite3.connect(":memory:", check_same_thread=False)
            with sqlite3.connect(path) as live:
                live.backup(kept)

            def restore() -> None:
                self.database.close()
                for leftover in path.parent.glob("customhouse.sqlite3*"):
                    leftover.unlink()
                with sqlite3.connect(path) as fresh:
                    kept.backup(fresh)
                fresh.close()
                self.open()
        else:
            with self.database.read() as sql:
                rows = {
                    name: [dict(row._mapping) for row in sql.execute(sa.select(METADATA.tables[name]))]
                    for name in TABLES
                }

            def restore() -> None:
                with self.database.write() as sql:
                    for name, kept_rows in rows.items():
                        sql.execute(METADATA.tables[name].delete())
                        if kept_rows:
                            sql.execute(METADATA.tables[name].insert(), kept_rows)

        return restore


@pytest.fixture
def installation(database_settings: Settings, clock: TurnableClock) -> Iterator[Installation]:
    made = Installation(database_settings.model_copy(update={"sigstore": True, "url": "https://index.test"}), clock)
    yield made
    made.database.close()


def proposed(text: str) -> Proposed:
    body = text.encode()
    return Proposed(Leaf(body, "hashedrekord 0.0.2", "alice@example.org", "https://issuer.test"), leaf_hash(body))


def test_a_log_that_was_put_back_signs_nothing_and_takes_nothing(
    installation: Installation, caplog: pytest.LogCaptureFixture
) -> None:
    installation.sign("one", "two")
    restore = installation.backup()
    installation.sign("three", "four")
    restore()
    book = installation.sigstore.logbook
    with caplog.at_level(logging.ERROR):
        for ask in (
            lambda: installation.sign("other three"),
            lambda: book.checkpoint(ENTRIES),
            lambda: book.checkpoint_at(ENTRIES, 1),
            lambda: book.proof(book.at(0)),
        ):
            with pytest.raises(LogRolledBack, match="has 2 entries, and its checkpoint of 4 was given out") as refused:
                ask()
            assert isinstance(refused.value, Unavailable)
            assert "customhouse sigstore restored" in str(refused.value)
    assert book.size(ENTRIES) == 2, "the refused entry took no place"
    assert len([one for one in caplog.records if "was given out" in one.getMessage()]) == 1, "said once, not each time"
    # The other log has lost nothing.
    assert book.checkpoint(CERTIFICATES).checkpoint.size == 0


def test_a_log_that_went_on_from_a_backup_elsewhere_is_seen_although_it_is_long_enough(
    installation: Installation
) -> None:  # fmt: skip
    installation.sign("one")
    restore = installation.backup()
    installation.sign("two", "three")
    restore()
    # A program that does not look: an older one, or one whose memory was thrown away.
    with installation.database.write() as sql:
        leaves = [(one.digest, one.leaf) for one in map(proposed, ("other two", "other three", "other four"))]
        append(sql, ENTRIES, leaves, installation.clock.now())
    with pytest.raises(LogRolledBack, match="has 4 entries, and its first 3 are not those whose checkpoint was given"):
        installation.sigstore.logbook.checkpoint(ENTRIES)


def test_a_newer_backup_ends_it(installation: Installation) -> None:
    installation.sign("one")
    older = installation.backup()
    installation.sign("two")
    newer = installation.backup()
    older()
    with pytest.raises(LogRolledBack):
        installation.sign("three")
    newer()
    installation.sign("three")
    assert installation.sigstore.logbook.checkpoint(ENTRIES).checkpoint.size == 3


def test_several_processes_on_one_folder_know_what_each_has_said(installation: Installation) -> None:
    """The second has given out nothing itself; it knows what the first has."""
    second = Sigstore.open(installation.settings, installation.deeds, Issuers(outbound=None, clock=installation.clock))  # type: ignore[arg-type] # asks nobody
    installation.sign("one")
    restore = installation.backup()
    installation.sign("two")
    assert second.logbook.add(proposed("three")).size == 3
    installation.sign("four")
    assert second.logbook.checkpoint(ENTRIES).checkpoint.size == 4
    restore()
    second = Sigstore.open(installation.settings, installation.deeds, Issuers(outbound=None, clock=installation.clock))  # type: ignore[arg-type] # asks nobody
    with pytest.raises(LogRolledBack):
        second.logbook.add(proposed("other two"))


def test_a_process_that_was_slow_signs_what_is_still_true_and_takes_nothing_back(installation: Installation) -> None:
    """It has looked at the log; before it signs, another signs more."""
    installation.sign("one")
    slow = Sigstore.open(installation.settings, installation.deeds, Issuers(outbound=None, clock=installation.clock))  # type: ignore[arg-type] # asks nobody
    with installation.database.write() as sql:
        append(sql, ENTRIES, [(proposed("two").digest, proposed("two").leaf)], installation.clock.now())
    with slow.logbook.view(ENTRIES) as seen:
        root = root_of(seen.tiles, seen.size)
    installation.sign("three")
    with pytest.raises(LogRolledBack, match="its first 2 are not those"):
        slow.logbook._sign(ENTRIES, seen.size, b"\0" * 32, seen.said)
    assert slow.logbook._sign(ENTRIES, seen.size, root, seen.said).checkpoint.size == 2
    said = slow.logbook.said(ENTRIES)
    assert said is not None
    assert said.size == 3


def test_a_new_log_has_other_keys_and_another_name_and_the_old_one_stays_trusted(installation: Installation) -> None:
    installation.sign("one")
    restore = installation.backup()
    installation.sign("two")
    before = installation.sigstore.keys.now()
    old = installation.sigstore.logbook.checkpoint(ENTRIES)
    with pytest.raises(Refused, match="has lost nothing"):
        start_log(installation.settings, installation.deeds, installation.sigstore.logbook)
    restore()
    start_log(installation.settings, installation.deeds, installation.sigstore.logbook)
    book, after = installation.sigstore.logbook, installation.sigstore.keys.now()
    installation.sign("other two")
    note = book.checkpoint(ENTRIES)
    assert note.checkpoint.origin == "index.test/sigstore/log-2"
    assert book.checkpoint(CERTIFICATES).checkpoint.origin == "index.test/sigstore/log-2/certificates"
    assert note_key(after.record("entries-v2")).signed(note)
    for key in (note_key(one) for one in before.all("entries-v2")):
        assert key.signed(note) is None, "nobody takes it for the old log"
        assert key.signed(old), "and the old one's checkpoints hold"
    root = trusted_root_of(after)
    listed = [(one["baseUrl"], "end" in one["publicKey"]["validFor"]) for one in (*root["tlogs"], *root["ctlogs"])]
    first, second = "https://index.test/sigstore", "https://index.test/sigstore/log-2"
    assert listed == [(first, True), (second, False)] * 3
    with installation.database.read() as sql:
        said = sql.execute(sa.text("SELECT COUNT(*) FROM ledger_event WHERE kind = 'sigstore-log-started'")).scalar()
    assert said == 1
    assert [one.fault for one in standings(book)] == ["", ""]


def test_where_the_certificates_alone_were_put_back_the_event_tells_of_their_log(installation: Installation) -> None:
    installation.certify("one", "two", "three")
    restore = installation.backup()
    installation.certify("four")
    restore()
    assert start_log(installation.settings, installation.deeds, installation.sigstore.logbook) == (
        "index.test/sigstore/log-2"
    )
    with installation.database.read() as sql:
        chosen = sa.select(ledger_event.c.body).where(ledger_event.c.kind == "sigstore-log-started")
        (told,) = map(json.loads, sql.execute(chosen).scalars())
    assert (told["before"], told["said"]) == ("index.test/sigstore/certificates", 4)
    assert (told["origin"], told["size"]) == ("index.test/sigstore/log-2/certificates", 3)


def test_a_deliberate_restore_is_confirmed_and_the_log_goes_on(installation: Installation) -> None:
    installation.sign("one", "two")
    restore = installation.backup()
    installation.sign("three")
    restore()
    book = installation.sigstore.logbook
    faults = [one.fault for one in standings(book)]
    assert "has 2 entries" in faults[0]
    assert faults[1] == ""
    with pytest.raises(Refused, match="are lost: 1, and not 2"):
        keep_log(installation.deeds, book, lost=2)
    keep_log(installation.deeds, book, lost=1)
    installation.sign("other three")
    assert book.checkpoint(ENTRIES).checkpoint.size == 3
    with pytest.raises(Refused, match="has lost nothing"):
        keep_log(installation.deeds, book, lost=0)


def test_a_memory_that_cannot_be_read_stops_signing_and_says_where_it_lies(
    installation: Installation,
) -> None:  # fmt: skip
    installation.sign("one")
    path = installation.settings.data / "sigstore-heads.json"
    assert path.stat().st_mode & 0o777 == 0o600
    path.write_text("[]")
    with pytest.raises(Unavailable, match=r"sigstore-heads\.json cannot be read"):
        installation.sign("two")

"""The Sigstore in memory that tests sign with: its log against the published vectors and the library, its keys."""

from __future__ import annotations

import hashlib
import threading
from datetime import UTC, datetime, timedelta

import pytest
from sigstore._internal.merkle import verify_merkle_inclusion
from sigstore.errors import VerificationError
from sigstore.models import TransparencyLogEntry
from sigstore_models.rekor.v1 import TransparencyLogEntry as Message

from attesting import LONG_AGO, RELEASE
from clock import TurnableClock
from customhouse.formats.attestations import statement_bytes
from customhouse.formats.dsse import IN_TOTO, pae
from customhouse.trust.private_sigstore.merkle import leaf_hash
from memory_sigstore import PrivateSigstore, inclusion_proof, new_key, seeded_key, tree_hash

# The leaves and roots with which Certificate Transparency's implementations test their trees (RFC 6962).
LEAVES = [bytes.fromhex(text) for text in (
    "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
)]  # fmt: skip
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def test_the_tree_is_that_of_rfc_6962() -> None:
    leaves = [leaf_hash(one) for one in LEAVES]
    assert [tree_hash(leaves[: size + 1]).hex() for size in range(len(leaves))] == ROOTS
    assert tree_hash([]) == hashlib.sha256().digest()
    assert inclusion_proof(0, leaves)[0] == leaves[1]


def test_every_entry_of_logs_of_every_size_is_proved(clock: TurnableClock) -> None:
    sigstore = PrivateSigstore.open(clock, b"log")
    key, statement = new_key(), statement_bytes("demo-1.0.tar.gz", "0" * 64)
    certificate = sigstore.certificate(RELEASE.identity, key.private.public_key())
    for size in range(1, 40):
        entry = sigstore.log.add(statement, key.sign(pae(IN_TOTO, statement) + bytes([size])), certificate)
        assert entry["inclusionProof"]["treeSize"] == str(size)
        verify_merkle_inclusion(TransparencyLogEntry(Message.from_dict(entry)))
        if size > 1:
            wrong = {**entry, "inclusionProof": {**entry["inclusionProof"], "logIndex": "0"}}
            with pytest.raises(VerificationError):
                verify_merkle_inclusion(TransparencyLogEntry(Message.from_dict(wrong)))


def test_many_signers_at_once_get_a_place_each(clock: TurnableClock) -> None:
    sigstore = PrivateSigstore.open(clock, b"log")
    places: list[str] = []

    def sign() -> None:
        for _ in range(10):
            made = sigstore.sign(statement_bytes("demo-1.0.tar.gz", "0" * 64), RELEASE.identity)
            (entry,) = made["verification_material"]["transparency_entries"]
            verify_merkle_inclusion(TransparencyLogEntry(Message.from_dict(entry)))
            places.append(entry["logIndex"])

    signers = [threading.Thread(target=sign) for _ in range(8)]
    for one in signers:
        one.start()
    for one in signers:
        one.join()
    assert sorted(places, key=int) == [str(place) for place in range(80)]


def test_a_seed_gives_the_same_keys_and_none_gives_new_ones(clock: TurnableClock) -> None:
    assert seeded_key(b"x").public_der == seeded_key(b"x").public_der
    assert seeded_key(b"x").public_der != seeded_key(b"y").public_der
    made = {PrivateSigstore.open(clock).log.key.public_der for _ in range(2)}
    assert len(made) == 2
    one = PrivateSigstore.open(clock, b"x")
    assert len({one.log.key.id, one.timestamps.key.id, seeded_key(b"x").id}) == 3


def test_a_certificate_lives_for_ten_minutes_by_the_given_clock(clock: TurnableClock) -> None:
    sigstore = PrivateSigstore.open(clock, b"x")
    clock.turn(timedelta(days=100))
    certificate = sigstore.certificate(RELEASE.identity, new_key().private.public_key())
    assert certificate.not_valid_before_utc == clock.now().replace(microsecond=0)
    assert certificate.not_valid_after_utc - certificate.not_valid_before_utc == timedelta(minutes=10)


def test_its_root_holds_nothing_secret_and_says_since_when_it_is_good(clock: TurnableClock) -> None:
    sigstore = PrivateSigstore.open(clock, b"x")
    assert "2020-01-01T00:00:00Z" in sigstore.trusted_root(since=LONG_AGO)
    assert f"{datetime(2026, 11, 24, 11, 55, tzinfo=UTC):%Y-%m-%dT%H:%M:%SZ}" in sigstore.trusted_root()
    assert "PRIVATE" not in sigstore.trusted_root()

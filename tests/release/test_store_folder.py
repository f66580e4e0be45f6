"""Files by their digest: what comes out is what went in, or nothing."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from customhouse.release.actions import Tampered
from customhouse.release.machine_key import MachineKey, open_key
from customhouse.release.store_folder import FolderStore
from customhouse.release.things import Thing
from customhouse.terms.errors import Rejected


def stored(tmp_path: Path) -> tuple[FolderStore, Thing, Path]:
    store, file = FolderStore(tmp_path / "objects"), tmp_path / "toy.whl"
    file.write_bytes(b"wheel" * 1000)
    thing = store.put(file)
    return store, thing, store.path / "sha256" / thing.digest[:2] / thing.digest[2:]


def test_a_file_comes_out_as_it_went_in(tmp_path: Path) -> None:
    store, thing, _ = stored(tmp_path)
    assert thing == Thing("toy.whl", "sha256", hashlib.sha256(b"wheel" * 1000).hexdigest(), 5000)
    assert store.fetch(thing, tmp_path / "out").read_bytes() == b"wheel" * 1000
    assert store.has(thing.digest)
    assert not store.has("0" * 64)


def test_twice_is_harmless_and_mends_what_was_damaged(tmp_path: Path) -> None:
    store, thing, where = stored(tmp_path)
    where.chmod(0o600)
    where.write_bytes(b"damaged")
    assert store.put(tmp_path / "toy.whl", "other") == Thing("other", "sha256", thing.digest, 5000)
    assert store.fetch(thing, tmp_path / "out").read_bytes() == b"wheel" * 1000
    assert [one.name for one in store.path.iterdir()] == ["sha256"]


@pytest.mark.parametrize("place", [0, 2500, 4999])
def test_a_byte_that_was_flipped_in_the_store_is_seen(tmp_path: Path, place: int) -> None:
    store, thing, where = stored(tmp_path)
    body = bytearray(where.read_bytes())
    body[place] ^= 1
    where.chmod(0o600)
    where.write_bytes(body)
    with pytest.raises(Tampered) as tampered:
        store.fetch(thing, tmp_path / "out")
    assert tampered.value.place == "toy.whl"
    assert thing.digest in tampered.value.expected
    assert not (tmp_path / "out" / "toy.whl").exists()


def test_a_file_that_is_gone_is_told(tmp_path: Path) -> None:
    store, thing, where = stored(tmp_path)
    where.unlink()
    with pytest.raises(Tampered, match="not in the store"):
        store.fetch(thing, tmp_path / "out")


@pytest.mark.parametrize("name", ["../toy.whl", "/etc/passwd", "a/../../toy.whl"])
def test_no_name_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    store, thing, _ = stored(tmp_path)
    with pytest.raises(Tampered):
        store.fetch(Thing(name, "sha256", thing.digest, 5000), tmp_path / "out")
    assert not (tmp_path / "outside").exists()


def test_a_key_file_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "machine.key"
    made = open_key(path)
    assert open_key(path).public == made.public
    assert oct(path.stat().st_mode & 0o777) == "0o600"
    assert made.seed().hex() not in repr(made)
    path.chmod(0o640)
    with pytest.raises(Rejected, match="chmod 600"):
        open_key(path)


@pytest.mark.parametrize("text", ["", "x" * 64, "ab" * 31, "ab" * 40])
def test_what_is_no_key_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "machine.key"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(Rejected):
        open_key(path)


def test_a_key_that_is_missing_is_not_made_where_it_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(Rejected):
        open_key(tmp_path / "engine.key", make=False)
    assert list(tmp_path.iterdir()) == []
    assert MachineKey.new().public != MachineKey.new().public

"""An object as a local file: its own, or a copy that does not stay."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from customhouse.infra.blob_files import local_file
from customhouse.infra.blobs import Blobs, Stored
from customhouse.infra.blobs_local import LocalBlobs
from customhouse.infra.blobs_s3 import S3Blobs
from customhouse.infra.spool import open_spool
from customhouse.terms.digest import Digest
from customhouse.terms.errors import Broken, Unavailable
from servers import ObjectStore, free_port


class Moved:
    """A store whose links lead to where nobody listens."""

    remote = True

    def __init__(self, port: int) -> None:
        self._port = port

    def put(self, digest: Digest, source: Path) -> None:
        raise NotImplementedError

    def locate(self, digest: Digest) -> str:
        return f"http://127.0.0.1:{self._port}/{digest}"

    def delete(self, digest: Digest) -> None:
        raise NotImplementedError

    def list(self) -> Iterator[Stored]:
        return iter(())


@pytest.fixture(params=["local", "s3"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> Blobs:
    if request.param == "local":
        return LocalBlobs(tmp_path / "blobs")
    store: ObjectStore = request.getfixturevalue("object_store")
    return S3Blobs(store.store(store.new_bucket()))


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    return open_spool(tmp_path)


def put(blobs: Blobs, folder: Path, digest: Digest, body: bytes) -> None:
    source = folder / "source"
    source.write_bytes(body)
    blobs.put(digest, source)
    source.unlink()


def test_an_object_is_read_as_a_file_and_no_copy_stays(blobs: Blobs, spool: Path, tmp_path: Path) -> None:
    body = b"some bytes" * 200_000
    put(blobs, tmp_path, Digest.of(body), body)
    with local_file(blobs, Digest.of(body), spool) as path:
        assert path.read_bytes() == body
        assert len(list(spool.iterdir())) == (1 if blobs.remote else 0)
    assert list(spool.iterdir()) == []
    with pytest.raises(KeyError), local_file(blobs, Digest.of(body), spool):
        raise KeyError
    assert list(spool.iterdir()) == []
    with local_file(blobs, Digest.of(body), spool) as path:
        assert path.read_bytes() == body


def test_an_object_that_is_lost_is_our_fault(blobs: Blobs, spool: Path) -> None:
    with pytest.raises(Broken, match="is not in the store"), local_file(blobs, Digest.of(b"lost"), spool):
        pass


def test_other_bytes_under_the_name_are_our_fault(object_store: ObjectStore, spool: Path, tmp_path: Path) -> None:
    blobs = S3Blobs(object_store.store(object_store.new_bucket()))
    put(blobs, tmp_path, Digest.of(b"one"), b"another")
    with pytest.raises(Broken, match="other bytes"), local_file(blobs, Digest.of(b"one"), spool):
        pass
    assert list(spool.iterdir()) == []


def test_a_store_that_is_away_is_unavailable(spool: Path) -> None:
    away: Blobs = Moved(free_port())
    with pytest.raises(Unavailable, match="The object store"), local_file(away, Digest.of(b"x"), spool):
        pass
    assert list(spool.iterdir()) == []

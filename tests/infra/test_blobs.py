"""One contract for every store of objects, and what the local one promises of the disk."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2 as httpx
import pytest

from customhouse.infra.blobs import Blobs
from customhouse.infra.blobs_local import LocalBlobs
from customhouse.infra.blobs_s3 import S3Blobs, open_s3
from customhouse.infra.settings import Settings
from customhouse.terms.digest import Digest
from customhouse.terms.errors import Broken, Unavailable
from servers import ObjectStore, free_port


@pytest.fixture(params=["local", "s3"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Blobs]:
    if request.param == "local":
        yield LocalBlobs(tmp_path / "blobs")
    else:
        store: ObjectStore = request.getfixturevalue("object_store")
        yield S3Blobs(store.store(store.new_bucket()), "some/prefix")


def put(blobs: Blobs, folder: Path, body: bytes) -> Digest:
    source = folder / f"source-{threading.get_ident()}"
    source.write_bytes(body)
    digest = Digest.of(body)
    blobs.put(digest, source)
    source.unlink()
    return digest


def read(blobs: Blobs, digest: Digest) -> bytes:
    place = blobs.locate(digest)
    assert place is not None
    return place.read_bytes() if isinstance(place, Path) else httpx.get(place).content


def test_what_was_put_is_found_under_its_digest(blobs: Blobs, tmp_path: Path) -> None:
    digest = put(blobs, tmp_path, b"some bytes")
    assert read(blobs, digest) == b"some bytes"
    (stored,) = blobs.list()
    assert (stored.digest, stored.size_bytes) == (digest, 10)


def test_putting_a_present_object_again_is_harmless(blobs: Blobs, tmp_path: Path) -> None:
    digest = put(blobs, tmp_path, b"twice")
    assert put(blobs, tmp_path, b"twice") == digest
    assert read(blobs, digest) == b"twice"


def test_an_absent_object_is_none_and_may_be_deleted(blobs: Blobs) -> None:
    absent = Digest.of(b"never put")
    assert blobs.locate(absent) is None
    blobs.delete(absent)
    assert list(blobs.list()) == []


def test_a_deleted_object_is_gone(blobs: Blobs, tmp_path: Path) -> None:
    digest = put(blobs, tmp_path, b"short life")
    blobs.delete(digest)
    assert blobs.locate(digest) is None


@pytest.mark.slow
def test_many_may_put_the_same_object_at_once(blobs: Blobs, tmp_path: Path) -> None:
    threads = [threading.Thread(target=put, args=(blobs, tmp_path, b"shared" * 1000)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert read(blobs, Digest.of(b"shared" * 1000)) == b"shared" * 1000


def test_what_killed_processes_had_begun_is_removed_when_it_is_old(tmp_path: Path) -> None:
    store, begun = LocalBlobs(tmp_path), tmp_path / "tmp" / "begun"
    begun.write_bytes(b"half of it")
    os.utime(begun, (1000, 1000))
    written = datetime.fromtimestamp(1000, UTC)
    assert store.sweep_temporaries(written) == 0
    assert begun.exists()
    assert store.sweep_temporaries(written + timedelta(seconds=1)) == 1
    assert not begun.exists()


@pytest.mark.slow
def test_a_large_object_needs_little_memory(object_store: ObjectStore, tmp_path: Path) -> None:
    source, block = tmp_path / "large", os.urandom(2**20)
    digest = hashlib.sha256()
    with source.open("wb") as file:
        for _ in range(200):
            file.write(block)
            digest.update(block)
    program = (
        "import sys, resource; from pathlib import Path; from customhouse.infra.blobs_s3 import open_s3;"
        "from customhouse.infra.settings import Settings; from customhouse.terms.digest import Digest;"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss;"
        "open_s3(Settings()).put(Digest(sys.argv[1]), Path(sys.argv[2]));"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    environment = os.environ | {
        "CUSTOMHOUSE_BLOBS": f"s3://{object_store.new_bucket()}",
        "CUSTOMHOUSE_S3_ENDPOINT": object_store.endpoint,
        "CUSTOMHOUSE_S3_ACCESS_KEY": object_store.access_key,
        "CUSTOMHOUSE_S3_SECRET_KEY": object_store.secret_key,
    }
    done = subprocess.run(
        [sys.executable, "-c", program, digest.hexdigest(), str(source)],
        env=environment, check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert int(done.stdout) * 1024 < 64 * 2**20


def test_a_store_that_is_away_is_unavailable(tmp_path: Path) -> None:
    settings = Settings.model_validate(
        {"blobs": "s3://nobody", "s3_endpoint": f"http://127.0.0.1:{free_port()}", "s3_access_key": "a"}
    )
    with pytest.raises(Unavailable, match="object store"):
        put(open_s3(settings), tmp_path, b"nowhere to go")


def test_a_symbolic_link_in_the_local_store_is_not_followed(tmp_path: Path) -> None:
    """A43: whoever can write into the folder still cannot make it serve another file."""
    blobs, digest = LocalBlobs(tmp_path / "blobs"), Digest.of(b"planted")
    place = tmp_path / "blobs" / digest.hex[:2] / digest.hex
    place.symlink_to("/etc/passwd")
    assert blobs.locate(digest) is None
    with pytest.raises(Broken):
        put(blobs, tmp_path, b"planted")


STORE_ONE = (
    "import sys; from pathlib import Path; from customhouse.infra.blobs_local import LocalBlobs;"
    "from customhouse.terms.digest import Digest; folder = Path(sys.argv[1]);"
    "blobs = LocalBlobs(folder / 'blobs'); print('ready', flush=True);"
    "blobs.put(Digest.of((folder / 'source').read_bytes()), folder / 'source')"
)


def strace(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    (folder / "source").write_bytes(b"to be synced")
    return subprocess.run(
        ["strace", "-f", "-o", str(folder / "trace"), *options, sys.executable, "-c", STORE_ONE, str(folder)],
        check=False, capture_output=True, text=True,
    )  # fmt: skip


def test_p4_the_bytes_are_synced_before_their_name_and_the_name_after(tmp_path: Path) -> None:
    assert strace(tmp_path, "-e", "trace=fsync,link,linkat").returncode == 0
    calls = [line.split(None, 1)[1].partition("(")[0] for line in (tmp_path / "trace").read_text().splitlines()
             if "(" in line]  # fmt: skip
    # The store's folders when it is opened; then the bytes, the name, the folder that holds it.
    assert calls == ["fsync", "fsync", "link", "fsync"]


@pytest.mark.parametrize("when", [2, 3])
def test_p4_a_failed_sync_is_never_acknowledged(tmp_path: Path, when: int) -> None:
    done = strace(tmp_path, "-e", "trace=fsync", "-e", f"inject=fsync:error=EIO:when={when}")
    assert done.returncode != 0
    assert "Unavailable" in done.stderr

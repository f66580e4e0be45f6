"""Readers of archives that hang, eat memory or crash harm nobody but themselves."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from customhouse.formats.examination import Examination
from customhouse.infra.walkers import ReadFile, Walkers
from customhouse.terms.errors import Broken, Rejected
from packages import wheel

MIB = 2**20


@pytest.fixture(autouse=True)
def _odd_readers_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent.parent))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    dist = wheel()
    (tmp_path / dist.filename).write_bytes(dist.body)
    return tmp_path


def walkers(function: str = "", seconds: float = 20) -> Walkers:
    keywords = {"function": f"odd_readers:{function}"} if function else {}
    return Walkers(2, seconds, 1024 * MIB, **keywords)


def examine(pool: Walkers, folder: Path) -> Examination:
    return pool.examine(folder / wheel().filename, wheel().filename)


def test_a_wheel_is_read_in_another_process(folder: Path) -> None:
    pool = walkers()
    found = examine(pool, folder)
    pool.close()
    assert (found.kind, found.metadata.name, found.metadata_served) == ("bdist_wheel", "demo", True)


def test_a_fault_comes_back_with_its_place(folder: Path) -> None:
    (folder / wheel().filename).write_bytes(wheel().body + b"x")
    pool = walkers()
    with pytest.raises(Rejected) as fault:
        examine(pool, folder)
    pool.close()
    assert fault.value.offset is not None


def test_eight_threads_share_two_readers(folder: Path) -> None:
    pool = walkers()
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda _: examine(pool, folder), range(40)))
    pool.close()
    assert {one.metadata.name for one in found} == {"demo"}


@pytest.mark.slow
def test_a_reader_that_hangs_is_killed_and_replaced(folder: Path) -> None:
    pool = walkers("hang_once", seconds=1)
    with pytest.raises(Rejected, match="within 1 s"):
        examine(pool, folder)
    assert examine(pool, folder).metadata.name == "demo"
    pool.close()


@pytest.mark.slow
def test_a_reader_that_wants_too_much_memory_says_so(folder: Path) -> None:
    pool = walkers("eat_memory")
    with pytest.raises(Rejected, match="bytes of memory"):
        examine(pool, folder)
    pool.close()


def test_a_reader_that_crashes_is_our_fault_and_replaced(folder: Path) -> None:
    pool = walkers("crash")
    for _ in range(3):
        with pytest.raises(Broken, match="last words"):
            examine(pool, folder)
    pool.close()


def test_a_reader_writes_no_file_and_knows_no_secret(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUSTOMHOUSE_S3_SECRET_KEY", "a secret")
    pool = walkers("spy")
    with pytest.raises(Rejected) as told:
        examine(pool, folder)
    pool.close()
    assert told.value.why == "environment clean, writing failed"


def test_two_files_are_compared_in_another_process(folder: Path) -> None:
    newer = wheel(version="2.0")
    (folder / newer.filename).write_bytes(newer.body)
    pool = walkers()
    old, new = (ReadFile(folder / name, name) for name in (wheel().filename, newer.filename))
    found = pool.compare(old, new)
    alone = pool.compare(old, new, only="demo/__init__.py")
    assert examine(pool, folder).metadata.name == "demo"
    pool.close()
    assert found.counts == {"added": 0, "removed": 0, "changed": 2, "renamed": 0, "unchanged": 1}
    assert [change.name for change in alone.changes] == ["demo/__init__.py"]


def test_a_comparison_of_a_damaged_file_names_it(folder: Path) -> None:
    (folder / "damaged").write_bytes(wheel().body + b"x")
    whole = ReadFile(folder / wheel().filename, wheel().filename)
    pool = walkers()
    with pytest.raises(Rejected) as fault:
        pool.compare(whole, ReadFile(folder / "damaged", wheel().filename))
    pool.close()
    assert fault.value.where.startswith(wheel().filename)
    assert fault.value.offset is not None


@pytest.mark.slow
def test_a_comparison_has_its_own_time_and_its_reader_is_replaced(folder: Path) -> None:
    pool = walkers()
    never = folder / "never"
    os.mkfifo(never)
    whole = ReadFile(folder / wheel().filename, wheel().filename)
    with pytest.raises(Rejected, match="within 1 s"):
        pool.compare(whole, ReadFile(never, wheel().filename), seconds=1)
    assert examine(pool, folder).metadata.name == "demo"
    pool.close()

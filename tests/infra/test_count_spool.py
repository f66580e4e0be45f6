"""The spool of counts: what the read path notes, what the thread writes, what a dead process leaves."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from clock import TurnableClock
from customhouse.formats.count_line import Noted, decode_count, encode_count
from customhouse.infra import spool_file
from customhouse.infra.client_address import parse_networks
from customhouse.infra.client_hash import ClientHashes
from customhouse.infra.count_spool import CountSpool, counts_folder
from customhouse.infra.spool_file import open_spool_file
from customhouse.terms.errors import Rejected

SECRET = b"k" * 32
WHEEL = "demo-1.0-py3-none-any.whl"


def asked_by(peer: str | None, *forwarded_for: str) -> dict[str, object]:
    headers = [(b"x-forwarded-for", value.encode()) for value in forwarded_for]
    return {"client": (peer, 1234) if peer else None, "headers": [(b"host", b"index.test"), *headers]}


@contextmanager
def spool(data: Path, clock: TurnableClock, *trusted: str) -> Iterator[CountSpool]:
    with closing(CountSpool(data, clock, ClientHashes(SECRET), parse_networks(trusted))) as made:
        yield made


def written(data: Path) -> list[Noted]:
    """Every line of every spool file, file by file."""
    files = sorted(counts_folder(data).iterdir(), key=lambda path: path.stat().st_mtime_ns)
    return [decode_count(line) for path in files for line in path.read_bytes().splitlines()]


def sums(noted: Sequence[Noted]) -> dict[tuple[date, str], list[int]]:
    found: dict[tuple[date, str], list[int]] = {}
    for one in noted:
        found.setdefault((one.day, one.filename), []).append(one.times)
    return found


def test_a_client_that_comes_a_thousand_times_is_one_line(tmp_path: Path, clock: TurnableClock) -> None:
    with spool(tmp_path, clock) as counts:
        for _ in range(1000):
            counts.count(WHEEL, asked_by("203.0.113.7"))
        counts.count(WHEEL, asked_by("203.0.113.8"))
        counts.count(WHEEL, asked_by("198.51.100.1"))
    assert sums(written(tmp_path)) == {(date(2026, 11, 24), WHEEL): [1001, 1]}


def test_nothing_is_kept_of_an_address(tmp_path: Path, clock: TurnableClock) -> None:
    with spool(tmp_path, clock) as counts:
        counts.count(WHEEL, asked_by("203.0.113.7"))
    (path,) = counts_folder(tmp_path).iterdir()
    assert b"203" not in path.read_bytes()
    assert path.stat().st_mode & 0o77 == 0


def test_midnight_in_utc_begins_a_new_day(tmp_path: Path) -> None:
    clock = TurnableClock(datetime(2026, 11, 24, 23, 59, 59, 900_000, tzinfo=UTC))
    with spool(tmp_path, clock) as counts:
        counts.count(WHEEL, asked_by("203.0.113.7"))
        clock.turn(timedelta(seconds=1))
        counts.count(WHEEL, asked_by("203.0.113.7"))
    before, after = written(tmp_path)
    assert (before.day, after.day) == (date(2026, 11, 24), date(2026, 11, 25))
    assert before.client != after.client, "the hashes of two days cannot be linked"


def test_the_client_behind_a_trusted_proxy_is_counted(tmp_path: Path, clock: TurnableClock) -> None:
    with spool(tmp_path, clock, "10.0.0.0/8") as counts:
        counts.count(WHEEL, asked_by("10.0.0.1", "203.0.113.7"))
        counts.count(WHEEL, asked_by("10.0.0.1", "198.51.100.1", "203.0.113.9, 10.0.0.2"))
        counts.count(WHEEL, asked_by("192.0.2.1", "203.0.113.7"))
        counts.count(WHEEL, asked_by(None, "203.0.113.7"))
    assert sorted(one.times for one in written(tmp_path)) == [1, 1, 2]


def test_spoofed_forwarded_for_makes_no_new_client(tmp_path: Path, clock: TurnableClock) -> None:
    with spool(tmp_path, clock) as counts:
        for number in range(200):
            counts.count(WHEEL, asked_by("203.0.113.7", f"198.51.{number}.1"))
    assert [one.times for one in written(tmp_path)] == [200]


def test_an_idle_process_makes_no_file(tmp_path: Path, clock: TurnableClock) -> None:
    with spool(tmp_path, clock) as counts:
        counts.flush()
    assert not counts_folder(tmp_path).exists()


def test_the_thread_writes_by_itself(tmp_path: Path, clock: TurnableClock) -> None:
    with spool(tmp_path, clock) as counts:
        counts.start()
        counts.count(WHEEL, asked_by("203.0.113.7"))
    assert [one.times for one in written(tmp_path)] == [1]


def test_a_file_that_is_large_enough_is_left_to_the_worker(tmp_path: Path, clock: TurnableClock) -> None:
    with spool(tmp_path, clock) as counts:
        for number in range(1 + spool_file.ROTATE_BYTES // 60):
            counts.count(f"demo-{number}-py3-none-any.whl", asked_by("203.0.113.7"))
        counts.flush()
        (first,) = counts_folder(tmp_path).iterdir()
        with open_spool_file(first) as file:
            assert not file.finished
        counts.count(WHEEL, asked_by("203.0.113.7"))
        counts.flush()
        with open_spool_file(first) as file:
            assert file.finished
        assert len(list(counts_folder(tmp_path).iterdir())) == 2


def test_a_file_is_finished_when_its_process_is_gone(tmp_path: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from customhouse.infra.count_spool import CountSpool;"
        "from customhouse.infra.client_hash import ClientHashes; from customhouse.terms.clock import SystemClock;"
        "spool = CountSpool(Path(sys.argv[1]), SystemClock(), ClientHashes(b'k' * 32), ());"
        "spool.count('demo-1.0.tar.gz', {'client': ('203.0.113.7', 1)}); spool.flush();"
        "spool.count('demo-1.0.tar.gz', {'client': ('203.0.113.7', 1)}); print('ready', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        (path,) = counts_folder(tmp_path).iterdir()
        with open_spool_file(path) as file:
            assert not file.finished
        process.send_signal(signal.SIGKILL)
        process.wait(10)
    with open_spool_file(path) as file:
        assert file.finished
    assert [one.times for one in written(tmp_path)] == [1], "what was flushed is there; the rest of five seconds is not"


def test_a_file_that_the_worker_removes_at_birth_is_made_again(tmp_path: Path) -> None:
    """The worker may find the new file before its writer has locked it: empty, held by nobody, so it goes."""
    program = """
import sys
from pathlib import Path
from customhouse.infra.count_spool import CountSpool, counts_folder
from customhouse.infra.client_hash import ClientHashes
from customhouse.terms.clock import SystemClock

removed = []

def remove_once(event, _arguments):
    if event == "fcntl.flock" and not removed:
        (path,) = counts_folder(Path(sys.argv[1])).iterdir()
        removed.append(path)
        path.unlink()

sys.addaudithook(remove_once)
spool = CountSpool(Path(sys.argv[1]), SystemClock(), ClientHashes(b"k" * 32), ())
spool.count("demo-1.0.tar.gz", {"client": ("203.0.113.7", 1)})
spool.close()
print(len(removed))
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], check=False, capture_output=True, text=True, timeout=60
    )
    assert (done.stdout, done.stderr) == ("1\n", "")
    assert [one.times for one in written(tmp_path)] == [1]


def test_what_a_full_disk_refuses_is_written_later_and_once(tmp_path: Path) -> None:
    """A file size limit stands for the full disk: the write is cut short in the middle of a line, then fails."""
    program = f"""
import resource, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from customhouse.infra.count_spool import CountSpool
from customhouse.infra.client_hash import ClientHashes
from customhouse.terms.clock import SystemClock
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
spool = CountSpool(Path(sys.argv[1]), SystemClock(), ClientHashes(b"k" * 32), ())
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, {resource.RLIM_INFINITY}))
for number in range(100):
    spool.count(f"demo-{{number}}.tar.gz", {{"client": ("203.0.113.7", 1)}})
spool.flush()
spool.flush()
resource.setrlimit(resource.RLIMIT_FSIZE, ({resource.RLIM_INFINITY}, {resource.RLIM_INFINITY}))
spool.close()
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], check=False, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert "download counts wait in memory" in done.stderr
    assert [one.filename for one in written(tmp_path)] == [f"demo-{number}.tar.gz" for number in range(100)]


def test_a_folder_that_cannot_be_written_stops_nobody(tmp_path: Path, clock: TurnableClock) -> None:
    counts_folder(tmp_path).write_text("in the way")
    with spool(tmp_path, clock) as counts:
        counts.count(WHEEL, asked_by("203.0.113.7"))
        counts.flush()
        counts_folder(tmp_path).unlink()
    assert [one.times for one in written(tmp_path)] == [1]


@pytest.mark.parametrize(
    "line",
    [
        b"", b"\n", b"2026-11-24\n", b"2026-11-24\tf\t\t1\n", b"2026-11-24\t\tab\t1\n", b"2026-13-24\tf\tab\t1\n",
        b"2026-11-24\tf\tab\t0\n", b"2026-11-24\tf\tab\t-1\n", b"2026-11-24\tf\tab\t" + b"9" * 40 + b"\n",
        b"2026-11-24\tf\txx\t1\n", b"2026-11-24\tf\tab\t1\t2\n", b"\0" * 40, "2026-11-24\té\tab\t1\n".encode(),
    ],
)  # fmt: skip
def test_a_damaged_line_is_rejected(line: bytes) -> None:
    with pytest.raises(Rejected):
        decode_count(line)


def test_a_line_is_read_as_it_was_written() -> None:
    noted = Noted(date(2026, 11, 24), WHEEL, os.urandom(16), 3)
    assert decode_count(encode_count(noted)) == noted

"""The memory of the logs, as several processes use it, and where the machine does not let them."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path

import pytest

from customhouse.infra.sigstore_heads import Head, HeadFile
from customhouse.terms.errors import Unavailable

ORIGIN = "index.test/sigstore"


def head(size: int, origin: str = ORIGIN) -> Head:
    return Head(origin, size, bytes([size]) * 32)


def test_each_sees_what_another_has_written_and_whoever_looked_before_does_not_overwrite_it(tmp_path: Path) -> None:
    first, second = (HeadFile(tmp_path / "heads.json") for _ in range(2))
    assert first.newest(ORIGIN) is None
    assert first.advance(head(1), None)
    assert second.newest(ORIGIN) == head(1)
    assert first.advance(head(3), head(1))
    assert not second.advance(head(2), head(1))
    assert second.newest(ORIGIN) == head(3)
    assert second.advance(head(4), head(3))
    assert first.newest(ORIGIN) == head(4)


def test_logs_do_not_forget_each_other(tmp_path: Path) -> None:
    heads = HeadFile(tmp_path / "heads.json")
    heads.replace(head(7))
    assert heads.advance(head(2, "another"), None)
    heads.replace(head(5))
    assert (heads.newest(ORIGIN), heads.newest("another")) == (head(5), head(2, "another"))


def test_whoever_lost_a_race_looks_again_although_the_clock_of_the_files_has_not_moved(tmp_path: Path) -> None:
    """Two may write within one tick of that clock, and the second may get the inode that the first had."""
    path = tmp_path / "heads.json"
    slow = HeadFile(path)
    assert slow.advance(head(1), None)
    assert slow.newest(ORIGIN) == head(1)
    seen, other = path.stat(), tmp_path / "other.json"
    HeadFile(other).replace(head(3))
    path.write_text(other.read_text())
    os.utime(path, ns=(seen.st_atime_ns, seen.st_mtime_ns))
    assert not slow.advance(head(2), head(1))
    assert slow.newest(ORIGIN) == head(3)


def test_where_it_cannot_lie_the_setting_is_named(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"cannot be written.*sigstore_heads_file"):
        HeadFile(tmp_path / "none" / "heads.json").advance(head(1), None)


def test_a_file_system_without_locks_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As NFS may be; there is none here."""

    def refuse(_file: int, _how: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(Unavailable, match=r"cannot be written.*sigstore_heads_file"):
        HeadFile(tmp_path / "heads.json").advance(head(1), None)


@pytest.mark.parametrize("text", ["", "[]", '{"heads": [{"origin": "a", "size": -1, "root": ""}]}', '{"heads": [1]}'])
def test_what_is_no_memory_is_refused_and_never_overwritten(tmp_path: Path, text: str) -> None:
    path = tmp_path / "heads.json"
    path.write_text(text)
    heads = HeadFile(path)
    for ask in (lambda: heads.newest(ORIGIN), lambda: heads.advance(head(1), None)):
        with pytest.raises(Unavailable, match=r"heads\.json cannot be read"):
            ask()
    assert path.read_text() == text

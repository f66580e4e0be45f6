"""Where an audit writes to: a file is replaced as a whole, a device or a pipe is written to and stays what it is."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

from customhouse.cli.audit_surroundings import write_whole
from customhouse.terms.errors import Rejected


def test_a_pipe_is_written_to_and_stays_a_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()))
    reader.start()
    write_whole(pipe, "report\n")
    reader.join(20)
    assert read == ["report\n"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert [one.name for one in tmp_path.iterdir()] == ["pipe"]


def test_a_link_stays_a_link_and_what_it_names_is_replaced_with_its_mode(tmp_path: Path) -> None:
    kept, link = tmp_path / "kept.txt", tmp_path / "link.txt"
    kept.write_text("before\n")
    kept.chmod(0o640)
    link.symlink_to(kept)
    write_whole(link, "after\n")
    assert link.is_symlink()
    assert kept.read_text() == "after\n"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o640


def test_a_folder_that_is_not_there_is_said_by_name(tmp_path: Path) -> None:
    with pytest.raises(Rejected, match="nowhere"):
        write_whole(tmp_path / "nowhere" / "report.json", "{}")

"""Files for their owner alone."""

from __future__ import annotations

import stat
from pathlib import Path

from customhouse.infra.private_file import write_private


def test_only_the_owner_reads_it_and_nothing_else_is_left(tmp_path: Path) -> None:
    path = tmp_path / "server.key"
    write_private(path, "secret\n", replaces=False)
    assert path.read_text() == "secret\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_whoever_comes_second_takes_what_the_first_has_written(tmp_path: Path) -> None:
    path = tmp_path / "server.key"
    write_private(path, "first\n", replaces=False)
    write_private(path, "second\n", replaces=False)
    assert path.read_text() == "first\n"
    write_private(path, "third\n", replaces=True)
    assert path.read_text() == "third\n"
    assert list(tmp_path.iterdir()) == [path]

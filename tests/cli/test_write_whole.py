"""Files that are written whole or not at all, and by nobody read on the way who may not read them."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from customhouse.cli.audit_surroundings import write_whole


def test_a_file_that_only_its_owner_reads_is_readable_for_nobody_else_at_any_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Settings of pip and the record of `customhouse use` may hold a password."""
    place = tmp_path / "pip.conf"
    place.write_text("before")
    place.chmod(0o600)
    seen: list[int] = []
    sync = os.fsync

    def watched(number: int) -> None:
        seen.append(stat.S_IMODE(os.fstat(number).st_mode))
        sync(number)

    monkeypatch.setattr(os, "fsync", watched)
    write_whole(place, "index-url = https://alice:secret@example.org/simple")
    assert seen == [0o600]
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    place.chmod(0o640)
    write_whole(place, "more")
    assert stat.S_IMODE(place.stat().st_mode) == 0o640


def test_a_link_that_somebody_has_put_where_the_draft_goes_leads_nowhere(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")
    (tmp_path / f".out.txt.{os.getpid()}.draft").symlink_to(victim)
    write_whole(tmp_path / "out.txt", "new")
    assert (victim.read_text(), (tmp_path / "out.txt").read_text()) == ("mine", "new")
    assert not (tmp_path / "out.txt").is_symlink()
    assert sorted(one.name for one in tmp_path.iterdir()) == ["out.txt", "victim"]

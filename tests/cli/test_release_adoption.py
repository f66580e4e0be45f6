"""What docs/pipeline.md promises: a library is adopted in a few commands, and its release can be rehearsed at once."""

from __future__ import annotations

import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from command_line import customhouse
from sealed_project import write_sealed_project


def _git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True)


@pytest.mark.prove
@pytest.mark.parametrize(("template", "rooms"), [("python-library", "clean"), ("compiled-library", "ci")])
def test_a_new_pipeline_is_rehearsed_to_its_end(template: str, rooms: str) -> None:
    # A short path: an agent of GnuPG listens below it, on a socket whose name has at most 108 bytes.
    with TemporaryDirectory(prefix="adopt-") as folder:
        _adopted(template, rooms, Path(folder))


def _adopted(template: str, rooms: str, tmp_path: Path) -> None:
    made = write_sealed_project(tmp_path / "sealed", tmp_path / "wheels")
    for name in ("upstream", "fork"):
        _git(tmp_path, "init", "-q", "--bare", "-b", "main", f"{name}.git")
        _git(made.folder, "remote", "add", name, str(tmp_path / f"{name}.git"))
    _git(made.folder, "push", "-q", "upstream", "HEAD:main")
    new = customhouse(
        "release", "new", "--template", template, folder=made.folder, environment={"XDG_CONFIG_HOME": str(tmp_path)}
    )
    assert new.returncode == 0, new.stderr
    wheels = [f"--place={room}.wheelhouse={made.wheelhouse}" for room in (rooms, f"{rooms}-b")]
    done = customhouse("release", "run", "--param=version=1.1.0", "--rehearse", *wheels, folder=made.folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "released" in done.stdout
    picture = customhouse("release", "draw", "sealed-1.1.0-rehearsal-1", folder=made.folder)
    assert "released" in picture.stdout
    assert picture.stdout.count('class="done"') >= 13

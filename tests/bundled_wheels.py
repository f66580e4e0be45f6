"""Real wheels whose libraries are known: fetched from PyPI by pip, once, and kept in ``.cache/bundled``.

``python tests/bundled_wheels.py`` brings all of them, checked against their pinned digests.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

LIST = Path(__file__).with_suffix(".txt")
FOLDER = Path(__file__).resolve().parents[1] / ".cache" / "bundled"
PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")


class Pinned(NamedTuple):
    """One line of the list."""

    requirement: str
    filename: str
    sha256: str

    @property
    def stem(self) -> str:
        """Name and version, as the files with the labels have them."""
        return "-".join(self.filename.split("-")[:2])

    @property
    def path(self) -> Path:
        return FOLDER / self.filename


def pinned() -> list[Pinned]:
    lines = LIST.read_text(encoding="ascii").splitlines()
    return [Pinned(*line.split()) for line in lines if line and not line.startswith("#")]


def fetched(*stems: str) -> list[Path]:
    """These wheels on the disk, or all."""
    wanted = [one for one in pinned() if not stems or one.stem in stems]
    for one in wanted:
        if not one.path.is_file():
            _fetch(one)
        found = hashlib.sha256(one.path.read_bytes()).hexdigest()
        assert found == one.sha256, f"{one.filename} has the digest {found}, pinned is {one.sha256}"
    return [one.path for one in wanted]


def _fetch(one: Pinned) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    platforms = [part for platform in PLATFORMS for part in ("--platform", platform)]
    subprocess.run(
        [sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check", "--no-deps", "--only-binary", ":all:",
         *platforms, "--python-version", "3.11", "-d", str(FOLDER), one.requirement],
        check=True,
    )  # fmt: skip


if __name__ == "__main__":
    fetched()

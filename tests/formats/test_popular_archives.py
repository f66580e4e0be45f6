"""No false alarm: what the world installs every day passes the strict reader, and reads as others read it."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from packaging.utils import parse_sdist_filename

from customhouse.formats.filenames import SdistName, WheelName, parse_filename
from customhouse.formats.inspection import Inspection, Limits
from customhouse.formats.sdist import inspect_sdist
from customhouse.formats.wheel import inspect_wheel

TESTS = Path(__file__).resolve().parents[1]
FOLDER = TESTS.parent / ".cache" / "popular"
PINNED = [
    line.split()[1]
    for line in (TESTS / "popular_archives.txt").read_text(encoding="ascii").splitlines()
    if not line.startswith("#")
]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def popular() -> Path:
    """The folder with all pinned archives; fetched once and kept."""
    subprocess.run([sys.executable, TESTS / "popular_archives.py"], check=True)
    return FOLDER


def name_of(filename: str) -> WheelName | SdistName:
    """The parsed name; older sdists do not spell it as PEP 625 asks, which is not what is tested here."""
    if filename.endswith(".whl"):
        return parse_filename(filename)
    name, version = parse_sdist_filename(filename)
    return SdistName(filename, str(name), version, filename.removesuffix(".tar.gz"))


def inspected(path: Path) -> Inspection:
    name = name_of(path.name)
    with path.open("rb") as file:
        if isinstance(name, WheelName):
            return inspect_wheel(file, name, Limits())
        return inspect_sdist(file, name, Limits())


def by_others(path: Path) -> dict[str, tuple[int, str]]:
    """What Python's own readers find."""
    found: dict[str, tuple[int, str]] = {}
    if path.suffix == ".whl":
        with zipfile.ZipFile(path) as wheel:
            for info in wheel.infolist():
                if not info.is_dir():
                    found[info.filename] = (info.file_size, hashlib.sha256(wheel.read(info)).hexdigest())
        return found
    with tarfile.open(path) as sdist:
        for entry in sdist:
            content = sdist.extractfile(entry) if entry.isreg() else None
            if content is not None:
                found[entry.name] = (entry.size, hashlib.sha256(content.read()).hexdigest())
    return found


def test_there_are_more_than_two_hundred_of_both_kinds() -> None:
    wheels = sum(filename.endswith(".whl") for filename in PINNED)
    assert wheels > 100
    assert len(PINNED) - wheels > 100
    assert len(set(PINNED)) == len(PINNED)


@pytest.mark.parametrize("filename", PINNED)
def test_a_popular_archive_passes_and_reads_as_others_read_it(filename: str, popular: Path) -> None:
    inspection = inspected(popular / filename)
    assert inspection.metadata.startswith("Metadata-Version:")
    files = {m.name: (m.size_bytes, m.sha256) for m in inspection.members if m.kind == "file"}
    assert files == by_others(popular / filename)

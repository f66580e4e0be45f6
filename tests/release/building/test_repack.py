"""Archives written anew: the same bytes for the same content, in whatever order it came."""

from __future__ import annotations

import _compression
import bz2
import gzip
import hashlib
import io
import lzma
import tarfile
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from customhouse.release.building.repack import repack_tar

EPOCH = 1_700_000_000
COMPRESSED: dict[str, Callable[[bytes], bytes]] = {".tgz": gzip.compress, ".xz": lzma.compress, ".bz2": bz2.compress}
NAMES = tuple(f"demo-1.0/{number:03}.txt" for number in range(120))


def archive(path: Path, names: Iterable[str]) -> Path:
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as made:
        for name in names:
            body = hashlib.sha256(name.encode()).hexdigest().encode() * 40
            member = tarfile.TarInfo(name)
            member.size = len(body)
            made.addfile(member, io.BytesIO(body))
    path.write_bytes(COMPRESSED[path.suffix](plain.getvalue()))
    return path


@pytest.mark.parametrize("ending", [".tgz", ".tar.xz", ".tar.bz2"])
def test_the_order_of_members_changes_nothing_and_nothing_is_unpacked_twice(
    ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rewound: list[object] = []
    monkeypatch.setattr(_compression.DecompressReader, "_rewind", rewound.append)
    made = []
    for place, names in (("there", NAMES), ("back", reversed(NAMES))):
        (tmp_path / place).mkdir()
        target = tmp_path / place / f"demo-1.0{ending}"
        repack_tar(archive(tmp_path / f"{place}{ending}", names), target, EPOCH)
        made.append(target.read_bytes())
    assert made[0] == made[1]
    assert rewound == []


def test_what_repacking_leaves_behind_is_the_archive_alone(tmp_path: Path) -> None:
    (tmp_path / "dist").mkdir()
    repack_tar(archive(tmp_path / "demo.tar.xz", NAMES), tmp_path / "dist" / "demo-1.0.tar.xz", EPOCH)
    assert [one.name for one in (tmp_path / "dist").iterdir()] == ["demo-1.0.tar.xz"]

"""Whatever we accept, the readers of the world read the same from it.

`zipfile`, `tarfile`, libarchive's bsdtar and uv are asked as witnesses, never for a verdict: they accept far more.
"""

from __future__ import annotations

import hashlib
import io
import os
import random
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from customhouse.formats.inspection import Member
from customhouse.formats.member_names import check_name
from customhouse.terms.errors import Rejected
from formats.archives import (
    WHEEL_NAME,
    ZipMember,
    folder,
    gnu_long,
    inspected_wheel,
    pax,
    tar_file,
    tar_folder,
    tar_gz,
    tar_header,
    tar_link,
    walked_tar,
    walked_zip,
    wheel_bytes,
    wheel_files,
    zip_bytes,
)

SEGMENT = st.text("abcAB01_.- é", min_size=1, max_size=12).filter(lambda text: text not in (".", ".."))
PATHS = st.lists(st.lists(SEGMENT, min_size=1, max_size=4).map("/".join), min_size=1, max_size=8, unique=True)


def without_conflicts(paths: list[str]) -> list[str]:
    """The paths of which none is a folder of another."""
    return [path for path in paths if not any(other.startswith(path + "/") for other in paths)]


def as_files(members: list[Member]) -> dict[str, tuple[int, str]]:
    return {member.name: (member.size_bytes, member.sha256) for member in members if member.kind == "file"}


def by_zipfile(body: bytes) -> dict[str, tuple[int, str]]:
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        return {
            entry.filename: (entry.file_size, hashlib.sha256(archive.read(entry)).hexdigest())
            for entry in archive.infolist()
            if not entry.is_dir()
        }


def by_tarfile(body: bytes) -> dict[str, tuple[int, str]]:
    found = {}
    with tarfile.open(fileobj=io.BytesIO(body), mode="r:gz") as archive:
        for entry in archive:
            if entry.isreg():
                content = archive.extractfile(entry)
                assert content is not None
                found[entry.name] = (entry.size, hashlib.sha256(content.read()).hexdigest())
    return found


def by_bsdtar(body: bytes, folder: Path) -> dict[str, tuple[int, str]]:
    """What libarchive writes to a disk."""
    target = folder / "unpacked"
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    done = subprocess.run(["bsdtar", "-x", "-f", "-", "-C", target], input=body, capture_output=True, check=False,
                          env={**os.environ, "LC_ALL": "C.UTF-8"})  # fmt: skip
    assert done.returncode == 0, done.stderr
    return {
        path.relative_to(target).as_posix(): (path.stat().st_size, hashlib.sha256(path.read_bytes()).hexdigest())
        for path in target.rglob("*")
        if path.is_file() and not path.is_symlink()
    }


@given(PATHS, st.lists(st.binary(max_size=300), min_size=8, max_size=8), st.booleans())
@settings(deadline=None)
def test_any_well_formed_zip_is_read_as_zipfile_reads_it(paths: list[str], bodies: list[bytes], pack: bool) -> None:
    chosen = without_conflicts(paths)
    body = zip_bytes([ZipMember(p.encode(), b, method=8 if pack else 0) for p, b in zip(chosen, bodies, strict=False)])
    found = as_files(walked_zip(body).members)
    assert found == by_zipfile(body)
    assert set(found) == set(chosen)


@given(PATHS, st.lists(st.binary(max_size=1300), min_size=8, max_size=8), st.sampled_from(["ustar", "pax", "gnu"]))
@settings(deadline=None)
def test_any_well_formed_tar_is_read_as_tarfile_reads_it(paths: list[str], bodies: list[bytes], dialect: str) -> None:
    chosen = without_conflicts(paths)
    parts = []
    for path, body in zip(chosen, bodies, strict=False):
        if dialect == "ustar":
            parts.append(tar_file(path.encode(), body))
        else:
            parts += [pax({"path": path}) if dialect == "pax" else gnu_long(path.encode()), tar_file(b"cut", body)]
    whole = tar_gz(*parts)
    found = as_files(walked_tar(whole).members)
    assert found == by_tarfile(whole)
    assert set(found) == set(chosen)


@given(PATHS, st.lists(st.binary(max_size=1300), min_size=8, max_size=8), st.integers(0, 2))
@settings(deadline=None)
def test_whatever_tarfile_writes_is_accepted(paths: list[str], bodies: list[bytes], dialect: int) -> None:
    chosen = without_conflicts(paths)
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w:gz", format=dialect) as archive:
        for path, body in zip(chosen, bodies, strict=False):
            entry = tarfile.TarInfo(path)
            entry.size, entry.mtime = len(body), 1.5
            archive.addfile(entry, io.BytesIO(body))
    assert as_files(walked_tar(whole.getvalue()).members) == by_tarfile(whole.getvalue())


@given(PATHS, st.lists(st.binary(max_size=300), min_size=8, max_size=8))
@settings(deadline=None)
def test_whatever_zipfile_writes_is_accepted(paths: list[str], bodies: list[bytes]) -> None:
    chosen = without_conflicts(paths)
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, body in zip(chosen, bodies, strict=False):
            archive.writestr(path, body)
    assert as_files(walked_zip(whole.getvalue()).members) == by_zipfile(whole.getvalue())


@given(st.text(max_size=40))
def test_a_name_that_passes_stays_below_where_it_is_unpacked(name: str) -> None:
    try:
        path = check_name(name, offset=0, longest_bytes=1024)
    except Rejected as error:
        assert error.code.startswith("name-")  # noqa: PT017  # either answer is right, another exception is not
        return
    assert os.path.normpath(f"/top/{path}") == f"/top/{path}"
    assert not {"..", ".", ""} & set(path.split("/"))


def test_bsdtar_reads_the_same_from_zip_and_tar(tmp_path: Path) -> None:
    files = wheel_files({"demo/é b.py": b"x" * 5000})
    body = zip_bytes([folder(b"demo/"), *(ZipMember(path.encode(), data) for path, data in files.items())])
    assert by_bsdtar(body, tmp_path) == as_files(walked_zip(body).members)
    tar = tar_gz(
        pax({"comment": "x"}, b"g"), tar_folder(b"top/"), pax({"path": "top/" + "é" * 80}), tar_file(b"cut", b"x" * 99),
        gnu_long(b"top/" + b"n" * 150), tar_header(b"cut", magic=b"ustar  \0"), tar_file(b"f", b"2", prefix=b"top/p"),
    )  # fmt: skip
    assert by_bsdtar(tar, tmp_path) == as_files(walked_tar(tar).members) == by_tarfile(tar)


def test_links_that_pass_stay_inside_when_bsdtar_lays_them(tmp_path: Path) -> None:
    tar = tar_gz(
        tar_folder(b"top/sub/"), tar_file(b"top/a", b"x"), tar_link(b"top/one", b"sub"),
        tar_link(b"top/sub/two", b"../a"), tar_link(b"top/three", b"one/two"), tar_link(b"top/h", b"top/a", hard=True),
    )  # fmt: skip
    walked_tar(tar)
    by_bsdtar(tar, tmp_path)
    top = tmp_path / "unpacked" / "top"
    for path in top.rglob("*"):
        assert path.resolve(strict=True).is_relative_to(top)
    assert (top / "three").read_bytes() == b"x"


@pytest.mark.parametrize("seed", range(8))
def test_zips_that_pass_after_a_random_lie_are_read_the_same_by_all(seed: int, tmp_path: Path) -> None:
    """Most lies are refused; what is not must be without consequence."""
    dice = random.Random(seed)  # noqa: S311  # the same lies in every run
    original = wheel_bytes(wheel_files({"demo/more.py": b"x" * 400}))
    passed = 0
    for _ in range(300):
        body = bytearray(original)
        for _ in range(dice.randint(1, 3)):
            body[dice.randrange(len(body))] = dice.randrange(256)
        try:
            found = as_files(list(inspected_wheel(bytes(body)).members))
        except Rejected:
            continue
        passed += 1
        assert found == by_zipfile(bytes(body))
        if passed % 10 == 1:
            assert found == by_bsdtar(bytes(body), tmp_path)
    assert passed > 0


@pytest.mark.slow
def test_uv_installs_the_files_that_we_read(tmp_path: Path) -> None:
    wheel = tmp_path / WHEEL_NAME
    body = wheel_bytes(wheel_files({"demo/é.py": b"x = 1\n", "demo-1.0.data/purelib/demo_x.py": b"y = 2\n"}))
    wheel.write_bytes(body)
    target = tmp_path / "target"
    subprocess.run(
        [
            Path(sys.executable).with_name("uv"), "pip", "install", "--no-deps", "--offline", "--no-cache",
            "--python", sys.executable, "--target", target, wheel,
        ],
        check=True, capture_output=True,
    )  # fmt: skip
    read = {name.removeprefix("demo-1.0.data/purelib/"): pair[1] for name, pair in as_files(list(
        inspected_wheel(body).members)).items()}  # fmt: skip
    installed = {
        path.relative_to(target).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in target.rglob("*")
        if path.is_file()
    }
    # An installer writes its own RECORD and its own remarks beside it; everything else is the wheel's.
    own = {".lock", "RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json", "uv_build.json"}
    assert {path: digest for path, digest in installed.items() if Path(path).name not in own} == {
        path: digest for path, digest in read.items() if Path(path).name not in own
    }

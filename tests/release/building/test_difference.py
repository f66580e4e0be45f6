"""What the sentence says when two builds are not the same."""

from __future__ import annotations

import gzip
import io
import shutil
import subprocess
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from customhouse.release.building.difference import differences
from customhouse.release.children import Children
from customhouse.release.store_folder import FolderStore

Say = Callable[[list[Path], list[Path]], str]


def tar_gz(path: Path, members: Mapping[str, bytes], *, level: int = 9, time: int = 0) -> Path:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, body in members.items():
            member = tarfile.TarInfo(name)
            member.size, member.mtime = len(body), time
            archive.addfile(member, io.BytesIO(body))
    path.write_bytes(gzip.compress(out.getvalue(), level, mtime=0))
    return path


def wheel(path: Path, members: Mapping[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in members.items():
            member = zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0))
            member.external_attr = 0o100644 << 16
            archive.writestr(member, body)
    return path


@pytest.fixture
def said(tmp_path: Path) -> Say:
    store = FolderStore(tmp_path / "store")

    def say(first: list[Path], second: list[Path]) -> str:
        one, other = ({"dists": tuple(store.put(path) for path in paths)} for paths in (first, second))
        return differences(one, other, store, tmp_path / "work", Children())

    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    return say


def two(tmp_path: Path, one: Mapping[str, bytes], other: Mapping[str, bytes]) -> tuple[list[Path], list[Path]]:
    return [tar_gz(tmp_path / "a/p-1.tar.gz", one)], [tar_gz(tmp_path / "b/p-1.tar.gz", other)]


def test_nothing_is_said_of_what_is_the_same(said: Say, tmp_path: Path) -> None:
    assert said(*two(tmp_path, {"p-1/a": b"x"}, {"p-1/a": b"x"})) == ""


def test_a_changed_line_is_shown_from_both_sides(said: Say, tmp_path: Path) -> None:
    assert (
        said(*two(tmp_path, {"p-1/a.py": b"x = 1\ny\n"}, {"p-1/a.py": b"x = 2\ny\n"}))
        == "p-1.tar.gz: p-1/a.py: -x = 1 | +x = 2"
    )


def test_lines_in_another_order_are_called_so(said: Say, tmp_path: Path) -> None:
    assert (
        said(*two(tmp_path, {"p-1/a": b"x\ny\n"}, {"p-1/a": b"y\nx\n"}))
        == "p-1.tar.gz: p-1/a: its lines stand in another order"
    )


def test_members_of_one_side_alone_are_named(said: Say, tmp_path: Path) -> None:
    why = said(*two(tmp_path, {"p-1/a": b"", "p-1/b": b""}, {"p-1/a": b"", "p-1/c": b""}))
    assert why.splitlines() == [
        "p-1.tar.gz: p-1/b: is only in the first build",
        "p-1.tar.gz: p-1/c: is only in the rebuild",
    ]


def test_members_in_another_order_are_called_so(said: Say, tmp_path: Path) -> None:
    why = said(*two(tmp_path, {"p-1/a": b"", "p-1/b": b""}, {"p-1/b": b"", "p-1/a": b""}))
    assert why == "p-1.tar.gz: the members are the same and stand in another order"


def test_times_and_compressors_are_called_so(said: Say, tmp_path: Path) -> None:
    one = tar_gz(tmp_path / "a/p-1.tar.gz", {"p-1/a": b"x"}, time=1)
    other = tar_gz(tmp_path / "b/p-1.tar.gz", {"p-1/a": b"x"}, time=2)
    assert said([one], [other]) == "p-1.tar.gz: every member is the same; times, modes or the compressor differ"


def test_files_that_only_one_made_are_named(said: Say, tmp_path: Path) -> None:
    one = tar_gz(tmp_path / "a/p-1.tar.gz", {"p-1/a": b"x"})
    other = wheel(tmp_path / "b/p-1-py3-none-any.whl", {"p.py": b""})
    assert said([one, other], [one]) == "p-1-py3-none-any.whl: only the first builder made it"


def test_an_archive_that_readers_could_read_differently_is_not_read(said: Say, tmp_path: Path) -> None:
    one = tar_gz(tmp_path / "a/p-1.tar.gz", {"p-1/a": b"x"})
    (tmp_path / "b/p-1.tar.gz").write_bytes(one.read_bytes() + b"more")
    assert said([one], [tmp_path / "b/p-1.tar.gz"]).startswith("p-1.tar.gz: one of the two cannot be read: ")


def test_hostile_words_come_out_as_plain_text(said: Say, tmp_path: Path) -> None:
    why = said(*two(tmp_path, {"p-1/a": b"\x1b[2Jx\n"}, {"p-1/a": b"\x1b[31my\n"}))
    assert "\x1b" not in why


def test_many_differences_are_counted(said: Say, tmp_path: Path) -> None:
    names = [f"p-1/{number}" for number in range(10)]
    why = said(*two(tmp_path, dict.fromkeys(names, b"a"), dict.fromkeys(names, b"b")))
    assert why.splitlines()[-1] == "and 4 more"


WHEEL = "p-1-cp311-cp311-linux_x86_64.whl"
CODE = "int one(void) { return 1; }\nint two(int x) { return x + %s; }\n"


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("gcc") is None or shutil.which("readelf") is None, reason="needs gcc and binutils")
def test_native_code_is_told_by_function(said: Say, tmp_path: Path) -> None:
    bodies = []
    for name, number, more in (("a", "2", ""), ("b", "3", "int three(void) { return 3; }\n")):
        source = tmp_path / f"{name}.c"
        source.write_text(CODE % number + more)
        subprocess.run(["gcc", "-shared", "-fPIC", "-o", tmp_path / f"{name}.so", source], check=True)
        bodies.append((tmp_path / f"{name}.so").read_bytes())
    one, other = (wheel(tmp_path / at / WHEEL, {"p/x.so": body}) for at, body in zip("ab", bodies, strict=True))
    why = said([one], [other])
    assert "p/x.so: the function three() is only in the rebuild; the function two() has other code; sections " in why
    assert "one()" not in why


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("gcc") is None or shutil.which("readelf") is None, reason="needs gcc and binutils")
def test_a_time_inside_native_code_is_told_by_its_words(said: Say, tmp_path: Path) -> None:
    bodies = []
    for name, words in (("a", "built at 12:00:01"), ("b", "built at 13:17:59")):
        source = tmp_path / f"{name}.c"
        source.write_text(f'const char at[] = "{words}";\n')
        subprocess.run(
            ["gcc", "-shared", "-fPIC", "-Wl,--build-id=none", "-o", tmp_path / f"{name}.so", source], check=True
        )
        bodies.append((tmp_path / f"{name}.so").read_bytes())
    one, other = (wheel(tmp_path / at / WHEEL, {"p/x.so": body}) for at, body in zip("ab", bodies, strict=True))
    why = said([one], [other])
    assert "the first says 'built at 12:00:01'" in why
    assert "the rebuild says 'built at 13:17:59'" in why


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("diffoscope") is None, reason="diffoscope is not installed")
def test_diffoscope_says_what_of_another_format_differs(said: Say, tmp_path: Path) -> None:
    for at, body in (("a", b"hello 1\n"), ("b", b"hello 2\n")):
        (tmp_path / at / "p-1.bin.gz").write_bytes(gzip.compress(body, mtime=0))
    why = said([tmp_path / "a/p-1.bin.gz"], [tmp_path / "b/p-1.bin.gz"])
    assert "-hello 1" in why
    assert "+hello 2" in why

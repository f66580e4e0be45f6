"""Whatever is sent, the reader answers with an inspection or with `Rejected`, quickly and in little memory."""

from __future__ import annotations

import base64
import hashlib
import os
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from customhouse.formats.inspect import inspect_archive
from customhouse.formats.inspection import Inspection
from customhouse.terms.errors import Rejected
from formats.archives import (
    INFO,
    SDIST_NAME,
    WHEEL_NAME,
    ZipMember,
    inspected_sdist,
    inspected_wheel,
    sdist_bytes,
    tar_link,
    wheel_bytes,
    wheel_files,
    zip_bytes,
)
from fuzz_archives import fuzz

GOOD_WHEEL = wheel_bytes(wheel_files({f"{INFO}/entry_points.txt": b"[console_scripts]\ndemo = demo:main\n"}))
GOOD_SDIST = sdist_bytes(None, tar_link(b"demo-1.0/link", b"PKG-INFO"))


def wheel_or_nothing(body: bytes) -> Inspection | None:
    try:
        return inspected_wheel(body)
    except Rejected:
        return None


def sdist_or_nothing(body: bytes) -> Inspection | None:
    try:
        return inspected_sdist(body)
    except Rejected:
        return None


def flipped(body: bytes, at: int, bits: int) -> bytes:
    return body[:at] + bytes([body[at] ^ bits]) + body[at + 1 :]


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16, 32, 64, 128, 255])
def test_a_wheel_with_any_one_byte_flipped_is_refused_or_has_the_same_members(bits: int) -> None:
    members = inspected_wheel(GOOD_WHEEL).members
    passed = 0
    for at in range(len(GOOD_WHEEL)):
        found = wheel_or_nothing(flipped(GOOD_WHEEL, at, bits))
        if found is not None:
            passed += 1
            assert found.members == members
    # What may be flipped: who made the archive (two bytes) and the attributes that are not the type, per member.
    assert 0 < passed < 5 * 12


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16, 32, 64, 128, 255])
def test_an_sdist_with_any_one_byte_flipped_is_refused_or_has_the_same_members(bits: int) -> None:
    members = inspected_sdist(GOOD_SDIST).members
    for at in range(len(GOOD_SDIST)):
        found = sdist_or_nothing(flipped(GOOD_SDIST, at, bits))
        assert found is None or found.members == members


@given(st.integers(0, len(GOOD_WHEEL) - 1), st.integers(1, 255))
@example(0, 0xFF)
def test_a_wheel_with_a_byte_changed_at_will_is_refused_or_has_the_same_members(at: int, bits: int) -> None:
    found = wheel_or_nothing(flipped(GOOD_WHEEL, at, bits))
    assert found is None or found.members == inspected_wheel(GOOD_WHEEL).members


@given(st.integers(0, len(GOOD_WHEEL) - 1))
def test_a_wheel_that_is_cut_anywhere_is_refused(size: int) -> None:
    assert wheel_or_nothing(GOOD_WHEEL[:size]) is None


@given(st.integers(0, len(GOOD_SDIST) - 1))
def test_an_sdist_that_is_cut_anywhere_is_refused(size: int) -> None:
    assert sdist_or_nothing(GOOD_SDIST[:size]) is None


@given(st.binary(max_size=600))
@settings(deadline=None)
def test_noise_is_refused(body: bytes) -> None:
    assert wheel_or_nothing(body) is None
    assert sdist_or_nothing(body) is None
    assert wheel_or_nothing(body + GOOD_WHEEL) is None or not body
    assert sdist_or_nothing(GOOD_SDIST + body) is None or not body


@given(st.dictionaries(st.sampled_from(["METADATA", "WHEEL", "RECORD", "entry_points.txt"]), st.binary(max_size=80)))
@settings(deadline=None)
def test_noise_in_the_dist_info_is_refused_or_read_and_never_a_crash(noise: dict[str, bytes]) -> None:
    files = wheel_files({f"{INFO}/{name}": body for name, body in noise.items() if name != "RECORD"})
    if "RECORD" in noise:
        files[f"{INFO}/RECORD"] = noise["RECORD"]
    wheel_or_nothing(wheel_bytes(files))


def test_fuzzed_archives_are_refused_or_read_as_others_read_them() -> None:
    report = fuzz(seed=0, inputs=4000, programs_every=40)
    assert report.accepted > 50
    assert len(report.refused) > 40


def test_the_file_name_chooses_the_reader(tmp_path: Path) -> None:
    for filename, body in ((WHEEL_NAME, GOOD_WHEEL), (SDIST_NAME, GOOD_SDIST)):
        (tmp_path / "spooled").write_bytes(body)
        found = inspect_archive(tmp_path / "spooled", filename)
        assert (found.filename, found.kind) == (filename, "bdist_wheel" if filename == WHEEL_NAME else "sdist")
    with pytest.raises(Rejected, match="no ZIP end record"):
        inspect_archive(tmp_path / "spooled", WHEEL_NAME)
    with pytest.raises(Rejected, match="is not a wheel or sdist"):
        inspect_archive(tmp_path / "spooled", "demo-1.0.exe")


MEASURE = """
import resource, sys
from pathlib import Path
from customhouse.formats.inspect import inspect_archive
inspect_archive(Path(sys.argv[1]), sys.argv[3])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
members = len(inspect_archive(Path(sys.argv[2]), sys.argv[3]).members)
print(members, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def huge_wheel(path: Path, size_bytes: int) -> None:
    """A wheel with one stored member of ``size_bytes``, most of it a hole on the disk."""
    zeros = bytes(2**20)
    crc, digest = 0, hashlib.sha256()
    for _ in range(size_bytes // 2**20):
        crc = zlib.crc32(zeros, crc)
        digest.update(zeros)
    encoded = base64.urlsafe_b64encode(digest.digest()).rstrip(b"=").decode()
    record = wheel_files()[f"{INFO}/RECORD"] + f"demo/huge.bin,sha256={encoded},{size_bytes}\n".encode()
    small = [ZipMember(name.encode(), body) for name, body in wheel_files(record=record).items()]
    fields = {"crc": crc, "packed": size_bytes, "size": size_bytes}
    huge = ZipMember(b"demo/huge.bin", method=0, packed=b"", both=fields)
    front = b"".join(member.local_header() + member.body() for member in small) + huge.local_header()
    offsets, at = [], 0
    for member in small:
        offsets.append(at)
        at += len(member.local_header() + member.body())
    directory = b"".join(m.record(o) for m, o in zip([*small, huge], [*offsets, at], strict=True))
    end = zip_bytes([], end={"here": 5, "members": 5, "size": len(directory), "offset": len(front) + size_bytes})
    with path.open("wb") as file:
        file.write(front)
        file.seek(size_bytes, os.SEEK_CUR)
        file.write(directory + end)


@pytest.mark.slow
def test_a_wheel_of_one_gibibyte_needs_less_than_64_mib_of_memory(tmp_path: Path) -> None:
    huge_wheel(tmp_path / "huge", 2**30)
    (tmp_path / "small").write_bytes(GOOD_WHEEL)
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, tmp_path / "small", tmp_path / "huge", WHEEL_NAME],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    members, kibibytes = map(int, done.stdout.split())
    assert members == 5
    assert kibibytes < 64 * 1024

"""The tar of a bundle is written in one way, and read only if it was: hostile ones get a clear error."""

from __future__ import annotations

import io
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customhouse.release.evidence import archive
from customhouse.release.evidence.archive import BLOCK, RECORD, read_archive, write_archive
from customhouse.terms.errors import Rejected

MEMBERS = {"manifest.json": b"{}", "a/b.txt": b"x" * 700, "z": b""}


def tar_of(*entries: tuple[tarfile.TarInfo, bytes], format: int = tarfile.USTAR_FORMAT) -> bytes:  # noqa: A002 - tarfile's own word
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=format) as tar:
        for info, body in entries:
            info.size = len(body)
            tar.addfile(info, io.BytesIO(body))
    return made.getvalue()


def entry(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


def test_any_tar_program_reads_it() -> None:
    with tarfile.open(fileobj=io.BytesIO(write_archive(MEMBERS))) as tar:
        assert tar.getnames() == ["manifest.json", "a/b.txt", "z"]
        found = {one.name: tar.extractfile(one).read() for one in tar}  # type: ignore[union-attr] # all are files
    assert found == MEMBERS


@given(
    st.dictionaries(
        st.from_regex(r"[a-z0-9]{1,20}(/[a-z0-9][a-z0-9.]{0,10})?", fullmatch=True), st.binary(max_size=1500)
    )
)
def test_what_was_written_is_read(members: dict[str, bytes]) -> None:
    assert read_archive(write_archive(members)) == members


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "bundle-odd"),
        (b"PK\x03\x04" + bytes(RECORD - 4), "bundle-odd"),
        (bytes(BLOCK), "bundle-odd"),
        (tar_of((entry("link", tarfile.SYMTYPE, "/etc/passwd"), b"")), "bundle-member"),
        (tar_of((entry("hard", tarfile.LNKTYPE, "manifest.json"), b"")), "bundle-member"),
        (tar_of((entry("folder", tarfile.DIRTYPE), b"")), "bundle-member"),
        (tar_of((entry("device", tarfile.CHRTYPE), b"")), "bundle-member"),
        (tar_of((entry("../evil"), b"x")), "bundle-name"),
        (tar_of((entry("/etc/cron.d/evil"), b"x")), "bundle-name"),
        (tar_of((entry("a\\b"), b"x")), "bundle-name"),
        (tar_of((entry("n" * 150), b"x"), format=tarfile.GNU_FORMAT), "bundle-member"),
        (tar_of((entry("é"), b"x"), format=tarfile.PAX_FORMAT), "bundle-member"),
        (tar_of((entry("same"), b"x")), "bundle-odd"),
    ],
)
def test_a_hostile_tar_gets_a_clear_error(data: bytes, code: str) -> None:
    with pytest.raises(Rejected) as caught:
        read_archive(data)
    assert caught.value.code == code


def test_one_name_twice_is_refused() -> None:
    one = write_archive({"a": b"1"})[: 2 * BLOCK]
    data = one + one
    with pytest.raises(Rejected, match="stands there twice"):
        read_archive(data + bytes(-len(data) % RECORD + RECORD))


def test_a_size_beyond_the_end_is_refused_before_it_is_read() -> None:
    header = archive._header("big", 8**11 - 1)
    with pytest.raises(Rejected, match="the file ends before"):
        read_archive(header + bytes(RECORD - BLOCK))


def test_members_in_another_order_are_refused() -> None:
    whole = write_archive({"a": b"1", "b": b"2"})
    swapped = whole[2 * BLOCK : 4 * BLOCK] + whole[: 2 * BLOCK] + whole[4 * BLOCK :]
    with pytest.raises(Rejected, match="not in order"):
        read_archive(swapped)


def test_something_behind_the_end_is_refused() -> None:
    whole = write_archive(MEMBERS)
    with pytest.raises(Rejected, match="not as it would be written"):
        read_archive(whole + bytes(RECORD))
    hidden = bytearray(whole)
    hidden[-1] = 1
    with pytest.raises(Rejected, match="not as it would be written"):
        read_archive(bytes(hidden))


def test_too_many_members_and_too_many_bytes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = write_archive(MEMBERS)
    monkeypatch.setattr(archive, "MOST_MEMBERS", 2)
    with pytest.raises(Rejected, match="more than 2 members"):
        read_archive(whole)
    monkeypatch.setattr(archive, "MOST_BYTES", 100)
    with pytest.raises(Rejected, match="bytes"):
        read_archive(whole)

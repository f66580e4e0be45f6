"""Reading one member of an archive that lies elsewhere."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Mapping
from typing import cast

import pytest

from customhouse.formats.remote_zip import AHEAD_BYTES, MOST_DIRECTORY_BYTES, remote_metadata
from customhouse.terms.errors import Rejected
from packages import wheel


class Elsewhere:
    """A body that counts what is read of it."""

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.reads: list[tuple[int, int]] = []

    def read(self, first: int, stop: int) -> bytes:
        assert 0 <= first < stop <= len(self.body)
        self.reads.append((first, stop))
        return self.body[first:stop]

    def metadata(self) -> bytes:
        return remote_metadata(self.read, len(self.body))


def zipped(members: Mapping[str, bytes], *, stored: bool = False, descriptor: bool = False) -> bytes:
    whole = io.BytesIO()
    sink = cast("io.BytesIO", _NoSeek(whole)) if descriptor else whole
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED) as archive:
        for name, body in members.items():
            archive.writestr(name, body)
    return whole.getvalue()


class _NoSeek:
    """A stream: `zipfile` writes sizes behind the members then (data descriptors)."""

    def __init__(self, whole: io.BytesIO) -> None:
        self.write = whole.write
        self.flush = whole.flush


METADATA = b"Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n"
NAME = "demo-1.0.dist-info/METADATA"


@pytest.mark.parametrize("stored", [True, False])
@pytest.mark.parametrize("descriptor", [True, False])
def test_metadata_is_found_whatever_wrote_the_wheel(*, stored: bool, descriptor: bool) -> None:
    body = zipped({"demo/x.bin": bytes(300_000), NAME: METADATA}, stored=stored, descriptor=descriptor)
    assert Elsewhere(body).metadata() == METADATA


def test_little_is_read_of_a_large_wheel_wherever_the_metadata_lies() -> None:
    import os  # noqa: PLC0415

    there = Elsewhere(zipped({NAME: METADATA, "demo/x.bin": os.urandom(5_000_000)}))
    assert there.metadata() == METADATA
    assert len(there.reads) == 2
    assert there.reads[1] == (0, AHEAD_BYTES)


def test_a_wheel_with_many_members_has_its_directory_read_once() -> None:
    many = {f"demo/m{number:05d}.py": b"" for number in range(5000)}
    there = Elsewhere(zipped({**many, NAME: METADATA}))
    assert there.metadata() == METADATA
    assert len(there.reads) <= 3


def changed(where: bytes, to: bytes, *, last: bool = False) -> Callable[[bytes], bytes]:
    def change(body: bytes) -> bytes:
        at = body.rfind(where) if last else body.find(where)
        assert at >= 0
        return body[:at] + to + body[at + len(to) :]

    return change


def _crc_of_directory(body: bytes) -> bytes:
    at = body.rfind(b"PK\x01\x02") + 16
    return body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]


def _huge(body: bytes) -> bytes:
    at = body.rfind(b"PK\x01\x02") + 24
    return body[:at] + (2**31).to_bytes(4, "little") + body[at + 4 :]


def _far_directory(body: bytes) -> bytes:
    return body[:-10] + (MOST_DIRECTORY_BYTES + 1).to_bytes(4, "little") + body[-6:]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda body: body[:-1], "zip-end|not-a-zip|zip-trailing"),
        (lambda body: body + b"\0", "zip-trailing-data"),
        (lambda _body: b"nothing", "not-a-zip"),
        (lambda _body: b"P", "not-a-zip"),
        (changed(NAME.encode(), b"X"), "zip-local-header"),
        (changed(b"PK\x03\x04", b"XX"), "zip-local-header"),
        (_crc_of_directory, "zip-crc"),
        (_huge, "metadata-too-large"),
        (_far_directory, "zip-end"),
        (changed(NAME.encode(), b"X", last=True), "wheel-metadata|zip-local"),
    ],
)
def test_what_cannot_be_trusted_is_refused(change: Callable[[bytes], bytes], code: str) -> None:
    body = zipped({NAME: METADATA})
    with pytest.raises(Rejected) as refused:
        Elsewhere(change(body)).metadata()
    assert any(refused.value.code.startswith(one) for one in code.split("|")), refused.value.code


def test_a_bomb_is_unpacked_no_further_than_its_size() -> None:
    body = zipped({NAME: bytes(100_000)})
    at = body.rfind(b"PK\x01\x02") + 24
    with pytest.raises(Rejected, match=r"not one whole deflate stream|not what the directory says"):
        Elsewhere(body[:at] + (10).to_bytes(4, "little") + body[at + 4 :]).metadata()


def test_two_files_of_that_name_are_none() -> None:
    body = zipped({NAME: METADATA, "other-1.0.dist-info/METADATA": METADATA})
    with pytest.raises(Rejected, match="holds 2 files"):
        Elsewhere(body).metadata()


def test_a_real_wheel_of_ours_says_the_same_as_the_strict_reader() -> None:
    dist = wheel()
    assert Elsewhere(dist.body).metadata() == dist.metadata.encode()

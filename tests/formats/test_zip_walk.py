"""Every way in which two readers could see two contents in one ZIP archive is refused, at its place."""

from __future__ import annotations

import hashlib
import struct
import zlib

import pytest

from customhouse.formats.inspection import Limits
from customhouse.formats.zip_walk import Watch
from customhouse.terms.errors import Rejected
from formats.archives import (
    FOLDER_MODE,
    LINK_MODE,
    ZipMember,
    deflate,
    end64,
    extra,
    folder,
    walked_zip,
    zip_bytes,
)

A = ZipMember(b"a.py", b"first\n" * 9)
B = ZipMember(b"b.py", b"second\n" * 9)
A_BYTES = len(A.local_header() + A.body())
B_BYTES = len(B.local_header() + B.body())
DIRECTORY = A_BYTES + B_BYTES


def refusal(body: bytes, limits: Limits | None = None, watch: Watch | None = None) -> tuple[str, str, int | None]:
    with pytest.raises(Rejected) as caught:
        walked_zip(body, limits, watch)
    return caught.value.code, caught.value.where, caught.value.offset


# --- what is accepted


def test_the_members_of_a_plain_archive_come_out_in_their_order_with_their_digests() -> None:
    walk = walked_zip(zip_bytes([folder(b"pkg/"), A, ZipMember(b"pkg/c", b"stored", method=0)]))
    assert [(m.name, m.kind, m.size_bytes) for m in walk.members] == [
        ("pkg", "directory", 0),
        ("a.py", "file", 54),
        ("pkg/c", "file", 6),
    ]
    assert walk.members[2].sha256 == hashlib.sha256(b"stored").hexdigest()
    assert walk.expanded_bytes == 60


def test_a_directory_in_another_order_than_the_members_is_accepted() -> None:
    walk = walked_zip(zip_bytes([A, B], order=[1, 0]))
    assert [m.name for m in walk.members] == ["a.py", "b.py"]


def test_times_in_extra_fields_are_accepted() -> None:
    timed = ZipMember(b"a", b"x", local={"extra": extra(0x5455, bytes(9))}, central={"extra": extra(0x5455, bytes(5))})
    assert len(walked_zip(zip_bytes([timed])).members) == 1


def test_a_unicode_path_that_says_the_same_name_is_accepted() -> None:
    name = "ä.py".encode()
    field = extra(0x7075, b"\x01" + struct.pack("<L", zlib.crc32(name)) + name)
    assert walked_zip(zip_bytes([ZipMember(name, both={"extra": field})])).members[0].name == "ä.py"


def test_an_archive_without_members_has_none() -> None:
    assert walked_zip(zip_bytes([])).members == []


def test_a_member_of_several_chunks_is_read_whole() -> None:
    data = bytes(range(256)) * 20_000
    walk = walked_zip(zip_bytes([ZipMember(b"big", data), ZipMember(b"stored", data, method=0)]))
    assert walk.members[0].sha256 == walk.members[1].sha256
    assert walk.expanded_bytes == 2 * len(data)


# --- the two lists must say the same


@pytest.mark.parametrize(
    ("field", "lie"),
    [
        ("version", 10),
        ("flags", 0x802),
        ("method", 0),
        ("time", 1),
        ("date", 34),
        ("crc", 1),
        ("size", 53),
        ("name", b"z.py"),
    ],
)
def test_a_field_that_differs_between_local_header_and_directory_is_refused(field: str, lie: object) -> None:
    lying = ZipMember(b"b.py", b"second\n" * 9, local={field: lie})
    assert refusal(zip_bytes([A, lying])) == ("zip-disagreement", "b.py", A_BYTES)


def test_a_compressed_size_that_differs_is_refused() -> None:
    lying = ZipMember(b"b.py", b"second\n" * 9, local={"packed": 1})
    assert refusal(zip_bytes([A, lying])) == ("zip-disagreement", "b.py", A_BYTES)


def test_a_local_header_without_its_signature_is_refused() -> None:
    lying = ZipMember(b"b.py", b"x", local={"signature": b"PK\x03\x05"})
    assert refusal(zip_bytes([A, lying])) == ("zip-local-header", "b.py", A_BYTES)


def test_a_member_that_the_directory_does_not_list_is_refused() -> None:
    assert refusal(zip_bytes([A, B], order=[0])) == ("zip-hidden-data", "archive", A_BYTES)
    assert refusal(zip_bytes([A, B], order=[1])) == ("zip-hidden-data", "b.py", 0)


def test_a_record_without_a_local_header_is_refused() -> None:
    lying = ZipMember(b"b.py", b"second\n" * 9, central={"offset": DIRECTORY})
    assert refusal(zip_bytes([A, lying]))[0] == "zip-hidden-data"


def test_two_records_for_one_local_header_are_refused() -> None:
    assert refusal(zip_bytes([A, B], order=[0, 0, 1])) == ("zip-overlap", "a.py", 0)


# --- every byte belongs to somebody


def test_data_before_the_first_member_is_refused() -> None:
    prefixed = ZipMember(b"a.py", b"x", before=b"#!/bin/sh\n")
    assert refusal(zip_bytes([prefixed])) == ("zip-hidden-data", "a.py", 0)


def test_data_put_before_a_whole_archive_is_refused() -> None:
    body = zip_bytes([A, B])
    assert refusal(b"MZ" + body) == ("zip-end", "archive", len(body) + 2 - 22)


def test_data_between_two_members_is_refused() -> None:
    hidden = ZipMember(b"b.py", b"x", before=b"hidden")
    assert refusal(zip_bytes([A, hidden])) == ("zip-hidden-data", "b.py", A_BYTES)


def test_data_between_the_members_and_the_directory_is_refused() -> None:
    assert refusal(zip_bytes([A, B], before_directory=b"hidden")) == ("zip-hidden-data", "archive", DIRECTORY)


def test_data_between_the_directory_and_its_end_record_is_refused() -> None:
    body = zip_bytes([A, B], after_directory=b"hidden")
    assert refusal(body) == ("zip-end", "archive", len(body) - 22)


def test_data_after_the_end_record_is_refused() -> None:
    body = zip_bytes([A, B])
    assert refusal(body + b"more") == ("zip-trailing-data", "archive", len(body))


def test_a_second_archive_behind_the_first_is_refused() -> None:
    first, second = zip_bytes([A]), zip_bytes([B])
    assert refusal(first + second)[0] == "zip-end"


def test_a_second_archive_before_the_last_directory_is_refused() -> None:
    first = zip_bytes([A])
    second = ZipMember(b"b.py", b"x", before=first)
    assert refusal(zip_bytes([second])) == ("zip-hidden-data", "b.py", 0)


def test_a_second_end_record_that_takes_the_rest_for_its_comment_is_refused() -> None:
    last = ZipMember(b"b.py", b"x", method=0)
    rest = len(A.record(0)) + len(last.record(0)) + 22
    inner = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 0, 0, 0, 0, rest)
    hidden = ZipMember(b"b.py", inner, method=0)
    assert refusal(zip_bytes([A, hidden])) == ("zip-second-end", "archive", A_BYTES + len(hidden.local_header()))


def test_an_archive_inside_an_archive_is_legal() -> None:
    inner = zip_bytes([A])
    assert walked_zip(zip_bytes([ZipMember(b"inner.whl", inner, method=0)])).expanded_bytes == len(inner)


def test_members_that_overlap_are_refused() -> None:
    inner = B.local_header() + B.body()
    outer = ZipMember(b"outer", inner, method=0)
    start = len(outer.local_header())
    quoted = ZipMember(b"b.py", B.data, packed=b"", both={"packed": len(B.body())}, central={"offset": start})
    body = zip_bytes([outer])
    directory = outer.record(0) + quoted.record(start)
    whole = body[: start + len(inner)]
    whole += directory + struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 2, 2, len(directory), len(whole), 0)
    assert refusal(whole) == ("zip-overlap", "b.py", start)


def test_a_member_that_runs_into_the_directory_is_refused() -> None:
    long = ZipMember(b"b.py", b"x" * 9, method=0, both={"packed": 90, "size": 90})
    assert refusal(zip_bytes([A, long])) == ("zip-overlap", "b.py", A_BYTES)


# --- the end of the file


def test_a_file_without_an_end_record_is_no_zip() -> None:
    assert refusal(b"") == ("not-a-zip", "archive", 0)
    assert refusal(b"hello" * 99) == ("not-a-zip", "archive", 0)
    assert refusal(b"PK\x05\x06") == ("not-a-zip", "archive", 0)


def test_a_comment_of_the_archive_is_refused() -> None:
    body = zip_bytes([A, B], comment=b"hello")
    assert refusal(body) == ("zip-comment", "archive", len(body) - 22 - 5)


def test_a_comment_that_is_announced_and_missing_is_refused() -> None:
    body = zip_bytes([A, B], end={"comment_bytes": 4})
    assert refusal(body) == ("zip-end", "archive", len(body) - 22)


@pytest.mark.parametrize("lie", [{"disk": 1}, {"first_disk": 1}, {"here": 1}, {"members": 3}])
def test_an_archive_of_several_disks_is_refused(lie: dict[str, int]) -> None:
    body = zip_bytes([A, B], end=lie)
    assert refusal(body) == ("zip-disks", "archive", len(body) - 22)


@pytest.mark.parametrize("lie", [{"size": 1}, {"offset": 1}, {"offset": DIRECTORY + 1}])
def test_an_end_record_that_misplaces_the_directory_is_refused(lie: dict[str, int]) -> None:
    body = zip_bytes([A, B], end=lie)
    assert refusal(body) == ("zip-end", "archive", len(body) - 22)


def test_an_end_record_that_counts_too_few_members_is_refused() -> None:
    body = zip_bytes([A, B], end={"here": 1, "members": 1})
    assert refusal(body) == ("zip-directory", "archive", DIRECTORY + len(A.record(0)))


def test_an_end_record_that_counts_too_many_members_is_refused() -> None:
    body = zip_bytes([A, B], end={"here": 3, "members": 3})
    assert refusal(body) == ("zip-directory", "archive", len(body) - 22)


def test_more_members_than_the_limit_are_refused() -> None:
    body = zip_bytes([A, B])
    assert refusal(body, Limits(members=1)) == ("too-many-members", "archive", len(body) - 22)


def test_a_directory_larger_than_the_limit_is_refused() -> None:
    assert refusal(zip_bytes([A, B]), Limits(directory_bytes=50)) == ("zip-directory-too-large", "archive", DIRECTORY)


# --- the records of the directory


def test_a_comment_of_a_member_is_refused() -> None:
    noted = ZipMember(b"b.py", b"x", central={"comment": b"hello"})
    body = zip_bytes([A, noted])
    assert refusal(body) == ("zip-member-comment", "b.py", len(body) - 22 - len(noted.record(0)))


def test_a_comment_in_an_info_zip_field_is_refused() -> None:
    noted = ZipMember(b"b.py", b"x", central={"extra": extra(0x6375, b"\x01" + bytes(4) + b"hello")})
    assert refusal(zip_bytes([noted]))[0] == "zip-member-comment"


def test_a_record_that_runs_over_the_end_is_refused() -> None:
    assert refusal(zip_bytes([ZipMember(b"b.py", b"x", central={"comment_bytes": 9})]))[0] == "zip-directory"
    assert refusal(zip_bytes([ZipMember(b"b.py", b"x", central={"extra_bytes": 9})]))[0] == "zip-directory"


def test_a_member_on_another_disk_is_refused() -> None:
    assert refusal(zip_bytes([ZipMember(b"b.py", b"x", central={"disk": 1})]))[:2] == ("zip-disks", "b.py")


@pytest.mark.parametrize(
    ("field", "code"),
    [
        (b"\x01", "zip-extra"),
        (b"\x55\x54\x09\x00\x01", "zip-extra"),
        (extra(0x5455, b"x") + extra(0x5455, b"x"), "zip-extra-twice"),
        (extra(0x9901, bytes(7)), "zip-encrypted"),
        (extra(0x0017, bytes(8)), "zip-encrypted"),
    ],
)
def test_extra_fields_that_are_cut_doubled_or_of_encryption_are_refused(field: bytes, code: str) -> None:
    assert refusal(zip_bytes([ZipMember(b"b.py", b"x", central={"extra": field})]))[:2] == (code, "b.py")
    assert refusal(zip_bytes([ZipMember(b"b.py", b"x", local={"extra": field})]))[:2] == (code, "b.py")


@pytest.mark.parametrize("where", ["local", "central", "both"])
def test_an_info_zip_path_that_renames_the_member_is_refused(where: str) -> None:
    field = extra(0x7075, b"\x01" + struct.pack("<L", zlib.crc32(b"b.py")) + b"evil.py")
    member = ZipMember(b"b.py", b"x", **{where: {"extra": field}})  # type: ignore[arg-type]  # a field by its name
    assert refusal(zip_bytes([member]))[:2] == ("zip-unicode-path", "b.py")


def test_an_info_zip_path_for_another_name_or_version_is_refused() -> None:
    for field in (b"\x01" + bytes(4) + b"b.py", b"\x02" + struct.pack("<L", zlib.crc32(b"b.py")) + b"b.py", b""):
        member = ZipMember(b"b.py", b"x", both={"extra": extra(0x7075, field)})
        assert refusal(zip_bytes([member]))[:2] == ("zip-unicode-path", "b.py")


def test_local_extra_fields_beyond_the_limit_are_refused() -> None:
    member = ZipMember(b"b.py", b"x", local={"extra": extra(0x5455, bytes(500))})
    assert refusal(zip_bytes([member]), Limits(header_bytes=100)) == ("zip-extra", "b.py", 0)


# --- zip64


def test_a_zip64_field_that_nobody_needs_is_refused() -> None:
    wide = extra(1, struct.pack("<2Q", 54, len(A.body())))
    saturated = {"size": 0xFFFFFFFF, "packed": 0xFFFFFFFF, "extra": wide}
    in_directory = ZipMember(b"a.py", A.data, central=saturated)
    assert refusal(zip_bytes([in_directory]))[:2] == ("zip64", "a.py")
    in_local = ZipMember(b"a.py", A.data, local=saturated)
    assert refusal(zip_bytes([in_local])) == ("zip64", "a.py", 0)


def test_a_zip64_field_beside_plain_sizes_is_refused() -> None:
    member = ZipMember(b"a.py", A.data, central={"extra": extra(1, struct.pack("<Q", 54))})
    assert refusal(zip_bytes([member]))[:2] == ("zip64", "a.py")
    member = ZipMember(b"a.py", A.data, local={"extra": extra(1, struct.pack("<2Q", 54, 9))})
    assert refusal(zip_bytes([member])) == ("zip64", "a.py", 0)


def test_a_saturated_size_without_its_zip64_field_is_refused() -> None:
    assert refusal(zip_bytes([ZipMember(b"a.py", A.data, central={"size": 0xFFFFFFFF})]))[:2] == ("zip64", "a.py")
    assert refusal(zip_bytes([ZipMember(b"a.py", A.data, local={"size": 0xFFFFFFFF})])) == ("zip64", "a.py", 0)
    assert refusal(zip_bytes([ZipMember(b"a.py", A.data, central={"disk": 0xFFFF})]))[:2] == ("zip64", "a.py")


def test_a_zip64_field_with_more_than_is_announced_is_refused() -> None:
    member = ZipMember(b"a.py", A.data, central={"size": 0xFFFFFFFF, "extra": extra(1, struct.pack("<2Q", 1, 2))})
    assert refusal(zip_bytes([member]))[:2] == ("zip64", "a.py")


def test_a_zip64_offset_in_a_small_archive_is_refused() -> None:
    member = ZipMember(b"a.py", A.data, central={"offset": 0xFFFFFFFF, "extra": extra(1, struct.pack("<Q", 0))})
    assert refusal(zip_bytes([member]))[:2] == ("zip64", "a.py")


def test_a_zip64_size_that_is_needed_is_read_and_held_against_the_limits() -> None:
    huge = 3 * 2**30
    wide = {"size": 0xFFFFFFFF, "extra": extra(1, struct.pack("<Q", huge))}
    assert refusal(zip_bytes([ZipMember(b"a.py", A.data, central=wide)]))[0] == "bomb"
    wide = {"size": 0xFFFFFFFF, "extra": extra(1, struct.pack("<Q", 2**40))}
    assert refusal(zip_bytes([ZipMember(b"a.py", A.data, central=wide)]))[0] == "too-large"


def test_a_zip64_end_record_that_nobody_needs_is_refused() -> None:
    body = zip_bytes([A, B])
    size = len(body) - 22 - DIRECTORY
    record = end64(len(body) - 22, here=2, members=2, directory_bytes=size, directory_offset=DIRECTORY)
    assert refusal(body[:-22] + record + body[-22:]) == ("zip64", "archive", len(body) - 22)


@pytest.mark.parametrize(
    ("lies", "code"),
    [
        ({"size": 45}, "zip64"),
        ({"points_to": 0}, "zip64"),
        ({"disks": 2}, "zip64"),
        ({"disk": 1}, "zip-disks"),
        ({"here": 1}, "zip-disks"),
        ({"more": b"extensible"}, "zip64"),
        ({"here": 70_000, "members": 70_000}, "zip64"),
    ],
)
def test_a_zip64_end_record_that_lies_is_refused(lies: dict[str, object], code: str) -> None:
    body = zip_bytes([A, B])
    fields = {"here": 2, "members": 2, "directory_bytes": len(body) - 22 - DIRECTORY, "directory_offset": DIRECTORY}
    assert refusal(body[:-22] + end64(len(body) - 22, **{**fields, **lies}) + body[-22:])[:2] == (code, "archive")


@pytest.mark.slow
def test_seventy_thousand_members_need_a_zip64_end_record_and_are_read() -> None:
    members = [ZipMember(b"%d" % number, method=0) for number in range(70_000)]
    parts = [member.local_header() for member in members]
    offsets = [0]
    for part in parts:
        offsets.append(offsets[-1] + len(part))
    directory = b"".join(member.record(at) for member, at in zip(members, offsets, strict=False))
    start = offsets[-1]
    record = end64(
        start + len(directory), here=70_000, members=70_000, directory_bytes=len(directory), directory_offset=start
    )
    last = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, len(directory), start, 0)
    body = b"".join(parts) + directory + record + last
    assert len(walked_zip(body).members) == 70_000


# --- members


@pytest.mark.parametrize(
    ("flags", "code"),
    [
        (0x0001, "zip-encrypted"),
        (0x0040, "zip-encrypted"),
        (0x2000, "zip-encrypted"),
        (0x0008, "zip-data-descriptor"),
        (0x0010, "zip-flags"),
        (0x0020, "zip-flags"),
        (0x8000, "zip-flags"),
    ],
)
def test_encryption_data_descriptors_and_unknown_flags_are_refused(flags: int, code: str) -> None:
    assert refusal(zip_bytes([A, ZipMember(b"b.py", b"x", both={"flags": flags})])) == (
        code,
        "b.py",
        A_BYTES + len(ZipMember(b"b.py", b"x").local_header()) + 3 + len(A.record(0)),
    )


@pytest.mark.parametrize("method", [1, 9, 12, 14, 93, 95, 99])
def test_a_member_packed_otherwise_than_stored_or_deflated_is_refused(method: int) -> None:
    assert refusal(zip_bytes([ZipMember(b"b.py", b"x", both={"method": method})]))[:2] == ("zip-method", "b.py")


def test_a_member_that_needs_a_newer_version_is_refused() -> None:
    assert refusal(zip_bytes([ZipMember(b"b.py", b"x", both={"version": 51})]))[:2] == ("zip-version", "b.py")


def test_a_wrong_crc_is_refused() -> None:
    assert refusal(zip_bytes([A, ZipMember(b"b.py", b"x", both={"crc": 7})])) == ("zip-crc", "b.py", A_BYTES)


def test_a_member_that_is_shorter_or_longer_than_it_says_is_refused() -> None:
    for method in (0, 8):
        for size in (53, 55):
            lying = ZipMember(b"b.py", B.data[:54], method=method, both={"size": size})
            assert refusal(zip_bytes([A, lying])) == ("zip-size", "b.py", A_BYTES)


def test_bytes_behind_the_end_of_the_deflate_stream_are_refused() -> None:
    packed = deflate(b"x") + b"hidden"
    member = ZipMember(b"b.py", b"x", packed=packed)
    at = A_BYTES + len(member.local_header()) + len(packed) - 6
    assert refusal(zip_bytes([A, member])) == ("zip-deflate", "b.py", at)


def test_bytes_behind_a_deflate_stream_of_many_chunks_are_refused() -> None:
    packed = deflate(b"x") + bytes(3 * 2**20)
    member = ZipMember(b"b.py", b"x", packed=packed)
    at = len(member.local_header()) + len(deflate(b"x"))
    assert refusal(zip_bytes([member])) == ("zip-deflate", "b.py", at)


def test_a_deflate_stream_that_does_not_end_is_refused() -> None:
    member = ZipMember(b"b.py", B.data, packed=deflate(B.data)[:-2])
    assert refusal(zip_bytes([A, member])) == ("zip-deflate", "b.py", A_BYTES + len(member.local_header()))


def test_a_damaged_deflate_stream_is_refused() -> None:
    member = ZipMember(b"b.py", B.data, packed=b"\xff" * 9)
    assert refusal(zip_bytes([member])) == ("zip-deflate", "b.py", len(member.local_header()))


def test_a_member_that_unpacks_to_more_than_it_says_is_stopped_at_once() -> None:
    data = bytes(50 * 2**20)
    bomb = ZipMember(b"b.py", b"x", packed=deflate(data), both={"size": 10})
    assert refusal(zip_bytes([bomb])) == ("zip-size", "b.py", 0)


def test_a_bomb_is_refused_before_it_is_unpacked() -> None:
    data = bytes(65 * 2**20)
    assert refusal(zip_bytes([ZipMember(b"b.py", data)])) == ("bomb", "archive", 0)


def test_members_beyond_the_limit_of_all_content_are_refused() -> None:
    assert refusal(zip_bytes([A, B]), Limits(expanded_bytes=100)) == ("too-large", "archive", 0)


def test_a_member_to_be_kept_beyond_its_limit_is_refused() -> None:
    watch = Watch(keep=lambda path: 10 if path == "b.py" else 0)
    assert refusal(zip_bytes([A, B]), None, watch) == ("member-too-large", "b.py", A_BYTES)


def test_a_symbolic_link_is_refused() -> None:
    link = ZipMember(b"b.py", b"/etc/passwd", central={"attributes": LINK_MODE})
    assert refusal(zip_bytes([link]))[:2] == ("link-in-wheel", "b.py")


def test_a_symbolic_link_made_on_another_system_is_refused() -> None:
    link = ZipMember(b"b.py", b"/etc/passwd", central={"attributes": LINK_MODE, "made_by": 20})
    assert refusal(zip_bytes([link]))[:2] == ("link-in-wheel", "b.py")


@pytest.mark.parametrize("mode", [0o010644, 0o020644, 0o060644, 0o140644])
def test_a_device_a_pipe_and_a_socket_are_refused(mode: int) -> None:
    device = ZipMember(b"b.py", central={"attributes": mode << 16})
    assert refusal(zip_bytes([device]))[:2] == ("device", "b.py")


def test_a_name_and_a_mode_that_disagree_about_folders_are_refused() -> None:
    assert refusal(zip_bytes([ZipMember(b"b/")]))[:2] == ("zip-kind", "b/")
    assert refusal(zip_bytes([ZipMember(b"b", central={"attributes": FOLDER_MODE})]))[:2] == ("zip-kind", "b")


def test_a_folder_with_data_is_refused() -> None:
    member = ZipMember(b"b/", b"x", central={"attributes": FOLDER_MODE})
    assert refusal(zip_bytes([member]))[:2] == ("folder-with-data", "b/")


# --- names


@pytest.mark.parametrize(
    ("name", "code"),
    [
        (b"", "name-empty"),
        (b"../b.py", "name-traversal"),
        (b"a/../../b.py", "name-traversal"),
        (b"a/..", "name-traversal"),
        (b"..", "name-traversal"),
        (b"./b.py", "name-traversal"),
        (b"a/./b.py", "name-traversal"),
        (b"/etc/passwd", "name-absolute"),
        (b"/", "name-absolute"),
        (b"C:/windows", "name-drive"),
        (b"c:b.py", "name-drive"),
        (b"//server/share/b.py", "name-unc"),
        (b"\\\\server\\share\\b.py", "name-unc"),
        (b"a\\b.py", "name-backslash"),
        (b"..\\b.py", "name-backslash"),
        (b"b.py\0.txt", "name-control"),
        (b"b\n.py", "name-control"),
        (b"b\x7f.py", "name-control"),
        (b"b\xc2\x9b2J.py", "name-control"),
        (b"a//b.py", "name-empty-segment"),
        (b"b\xff.py", "name-not-utf8"),
        (b"\xed\xa0\x80.py", "name-not-utf8"),
        (b"a" * 1025, "name-too-long"),
    ],
)
def test_a_name_that_readers_take_for_different_things_is_refused(name: bytes, code: str) -> None:
    member = ZipMember(name, b"x")
    at = len(member.local_header() + member.body())
    found = refusal(zip_bytes([member]))
    assert (found[0], found[2]) == (code, at)


def test_a_name_beyond_ascii_without_the_utf8_flag_is_refused() -> None:
    member = ZipMember("ä.py".encode(), b"x", both={"flags": 0})
    assert refusal(zip_bytes([member]))[0] == "name-not-utf8"


def test_ordinary_odd_names_are_accepted() -> None:
    names = ["...", "a..b", "..a/b..", ".hidden", "a b", "ab:c", "-", "ä/日本", "a" * 255]
    walk = walked_zip(zip_bytes([ZipMember(name.encode()) for name in names]))
    assert [member.name for member in walk.members] == names


def test_a_name_that_is_there_twice_is_refused() -> None:
    assert refusal(zip_bytes([A, ZipMember(b"a.py", b"other")])) == ("duplicate-member", "a.py", A_BYTES)


def test_a_folder_and_a_file_of_one_name_are_refused() -> None:
    assert refusal(zip_bytes([ZipMember(b"a"), folder(b"a/")]))[:2] == ("duplicate-member", "a")


def test_a_file_that_is_a_folder_of_others_is_refused_in_either_order() -> None:
    inside, outside = ZipMember(b"a/b/c"), ZipMember(b"a/b")
    assert refusal(zip_bytes([inside, outside]))[:2] == ("file-is-folder", "a/b")
    assert refusal(zip_bytes([outside, inside]))[:2] == ("file-is-folder", "a/b")

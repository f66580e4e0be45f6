"""Every way in which two readers could see two contents in one .tar.gz, or be led out of it, is refused, at its place.

Offsets of tar faults count into the unpacked stream, those of gzip faults into the file.
"""

from __future__ import annotations

import hashlib
import struct
import zlib

import pytest

from customhouse.formats.inspection import Limits
from customhouse.formats.zip_walk import Watch
from customhouse.terms.errors import Rejected
from formats.archives import (
    END_OF_TAR,
    deflate,
    gnu_long,
    gzip_bytes,
    padded,
    pax,
    pax_record,
    tar_file,
    tar_folder,
    tar_gz,
    tar_header,
    tar_link,
    walked_tar,
)

A = tar_file(b"top/a", b"first")
B = tar_file(b"top/b", b"second")
GOOD = A + B + END_OF_TAR


def refusal(body: bytes, limits: Limits | None = None, watch: Watch | None = None) -> tuple[str, str, int | None]:
    with pytest.raises(Rejected) as caught:
        walked_tar(body, limits, watch)
    return caught.value.code, caught.value.where, caught.value.offset


# --- what is accepted


def test_the_members_come_out_in_their_order_with_their_digests() -> None:
    walk = walked_tar(tar_gz(tar_folder(b"top/"), A, tar_link(b"top/c", b"a"), tar_link(b"top/d", b"top/a", hard=True)))
    assert [(m.name, m.kind, m.size_bytes, m.target) for m in walk.members] == [
        ("top", "directory", 0, ""),
        ("top/a", "file", 5, ""),
        ("top/c", "link", 0, "a"),
        ("top/d", "link", 0, "top/a"),
    ]
    assert walk.members[1].sha256 == hashlib.sha256(b"first").hexdigest()
    assert walk.expanded_bytes == 5


def test_pax_ustar_and_gnu_names_are_read() -> None:
    long = "top/" + "n" * 200
    walk = walked_tar(
        tar_gz(
            pax({"path": long + "1", "mtime": "1.5", "SCHILY.xattr.user": b"\xff\0"}),
            tar_file(b"short"),
            gnu_long((long + "2").encode()),
            tar_header(b"short", magic=b"ustar  \0"),
            tar_file(b"file", prefix=b"top/prefix"),
            tar_header(b"top/old", kind=b"\0", magic=b"", devmajor=b"", devminor=b""),
            pax({"comment": "a0b1"}, b"g"),
            tar_file("top/ä".encode()),
        )
    )
    assert [m.name for m in walk.members] == [long + "1", long + "2", "top/prefix/file", "top/old", "top/ä"]


def test_long_targets_of_links_are_read_from_pax_and_gnu_headers() -> None:
    name = b"n" * 120
    walk = walked_tar(
        tar_gz(
            pax({"path": b"top/" + name}), tar_file(b"x"),
            pax({"linkpath": name}), tar_link(b"top/p", b"cut"),
            gnu_long(name, b"K"), tar_link(b"top/g", b"cut"),
            gnu_long(b"top/" + name + b"2"), gnu_long(name, b"K"), tar_link(b"top/g", b"cut"),
        )
    )  # fmt: skip
    assert [m.target for m in walk.members[1:]] == [name.decode()] * 3


def test_a_pax_size_that_equals_the_header_is_accepted() -> None:
    assert walked_tar(tar_gz(pax({"size": "5"}), A)).members[0].size_bytes == 5


def test_owners_in_base_256_are_accepted() -> None:
    large = tar_file(b"top/a", uid=b"\x80\0\0\0\x7f\xff\xff\xff", gid=b"\x80\0\0\0\xff\xff\xff\xff", mtime=b"\xff" * 12)
    assert len(walked_tar(tar_gz(large)).members) == 1


def test_any_number_of_zero_blocks_may_end_the_archive() -> None:
    assert len(walked_tar(gzip_bytes(GOOD + bytes(512 * 40))).members) == 2


def test_a_file_of_many_chunks_is_read_whole() -> None:
    data = bytes(range(256)) * 20_001
    member = walked_tar(tar_gz(tar_file(b"top/big", data), B)).members[0]
    assert (member.size_bytes, member.sha256) == (len(data), hashlib.sha256(data).hexdigest())


# --- gzip


def test_something_that_is_no_gzip_is_refused() -> None:
    assert refusal(b"") == ("not-a-gzip", "archive", 0)
    assert refusal(b"PK\x03\x04" + bytes(99)) == ("not-a-gzip", "archive", 0)
    assert refusal(gzip_bytes(GOOD, magic=b"\x1f\x9d")) == ("not-a-gzip", "archive", 0)


def test_another_compression_than_deflate_is_refused() -> None:
    assert refusal(gzip_bytes(GOOD, method=7)) == ("gzip-method", "archive", 2)


@pytest.mark.parametrize("flag", [0x20, 0x40, 0x80])
def test_reserved_flags_are_refused(flag: int) -> None:
    assert refusal(gzip_bytes(GOOD, flags=flag)) == ("gzip-flags", "archive", 3)


def test_name_comment_extra_and_header_crc_are_read_over() -> None:
    assert len(walked_tar(gzip_bytes(GOOD, flags=8, more_header=b"demo.tar\0")).members) == 2
    assert len(walked_tar(gzip_bytes(GOOD, flags=1 | 16, more_header=b"hello\0")).members) == 2
    assert len(walked_tar(gzip_bytes(GOOD, flags=4, more_header=b"\x03\0abc")).members) == 2
    whole = b"\x1f\x8b\x08\x0a" + bytes(6) + b"demo.tar\0"
    crc = struct.pack("<H", zlib.crc32(whole) & 0xFFFF)
    assert len(walked_tar(gzip_bytes(GOOD, flags=2 | 8, more_header=b"demo.tar\0" + crc)).members) == 2


def test_a_wrong_crc_of_the_gzip_header_is_refused() -> None:
    assert refusal(gzip_bytes(GOOD, flags=2, more_header=b"\0\0")) == ("gzip-header-crc", "archive", 10)


def test_a_name_in_the_gzip_header_without_end_is_refused() -> None:
    assert refusal(gzip_bytes(GOOD, flags=8, more_header=b"n" * 2000)) == ("gzip-header", "archive", 10)


def test_a_gzip_header_that_is_cut_is_refused() -> None:
    assert refusal(b"\x1f\x8b\x08\x04" + bytes(6) + b"\xff\xff") == ("gzip-truncated", "archive", 12)
    assert refusal(b"\x1f\x8b\x08\x02" + bytes(6) + b"\xff") == ("gzip-truncated", "archive", 11)


def test_a_wrong_crc_or_size_in_the_gzip_trailer_is_refused() -> None:
    body = gzip_bytes(GOOD)
    assert refusal(gzip_bytes(GOOD, crc=1)) == ("gzip-crc", "archive", len(body) - 8)
    assert refusal(gzip_bytes(GOOD, size=1)) == ("gzip-size", "archive", len(body) - 4)


def test_a_second_gzip_member_is_refused() -> None:
    body = gzip_bytes(GOOD)
    assert refusal(body + body) == ("gzip-second-member", "archive", len(body))


def test_a_tar_archive_spread_over_two_gzip_members_is_refused() -> None:
    first = gzip_bytes(A)
    assert refusal(first + gzip_bytes(B + END_OF_TAR)) == ("gzip-second-member", "archive", len(first))


def test_data_behind_the_gzip_member_is_refused() -> None:
    body = gzip_bytes(GOOD)
    for more in (b"\0", b"\0" * 512, b"PK\x05\x06" + bytes(18), b"\x1f"):
        assert refusal(body + more) == ("gzip-trailing-data", "archive", len(body))


def test_a_gzip_member_that_is_cut_is_refused() -> None:
    body = gzip_bytes(GOOD)
    assert refusal(body[:-1]) == ("gzip-truncated", "archive", len(body) - 8)
    assert refusal(body[:-8]) == ("gzip-truncated", "archive", len(body) - 8)
    assert refusal(body[:-12]) == ("gzip-truncated", "archive", len(body) - 12)


def test_a_damaged_deflate_stream_is_refused() -> None:
    assert refusal(gzip_bytes(GOOD, packed=b"\xff" * 99))[:2] == ("gzip-damaged", "archive")


def test_a_bomb_is_stopped_while_it_is_unpacked() -> None:
    data = bytes(70 * 2**20)
    assert refusal(tar_gz(tar_file(b"top/zeros", data)))[:2] == ("bomb", "archive")


def test_zeros_behind_the_end_are_no_way_around_the_bomb_limit() -> None:
    assert refusal(gzip_bytes(GOOD + bytes(70 * 2**20)))[:2] == ("bomb", "archive")


def test_content_beyond_the_limit_is_refused() -> None:
    assert refusal(gzip_bytes(GOOD), Limits(expanded_bytes=2000))[:2] == ("too-large", "archive")


# --- headers


def test_a_wrong_checksum_is_refused() -> None:
    assert refusal(tar_gz(A, tar_file(b"top/b", checksum=b"000001\0 "))) == ("tar-checksum", "archive", len(A))


def test_the_sum_of_signed_bytes_is_no_checksum() -> None:
    block = tar_header("top/ä".encode())
    signed = sum(byte - 256 if byte > 127 else byte for byte in block[:148] + b" " * 8 + block[156:])
    lying = tar_header("top/ä".encode(), checksum=b"%06o\0 " % signed)
    assert refusal(tar_gz(lying)) == ("tar-checksum", "archive", 0)


@pytest.mark.parametrize(
    "size", [b"0x5", b"5_0\0", b"+5\0", b"-5\0", b"00000000005x", b"8\0", b"", b"5\0005", b"\x80" + bytes(10) + b"\5"]
)
def test_a_size_that_readers_take_for_different_numbers_is_refused(size: bytes) -> None:
    assert refusal(tar_gz(A, tar_header(b"top/b", 5, number=size), padded(b"12345"))) == (
        "tar-header",
        "archive",
        len(A),
    )


@pytest.mark.parametrize("field", ["mode", "uid", "gid", "mtime", "devmajor", "devminor"])
def test_a_number_that_is_none_is_refused(field: str) -> None:
    assert refusal(tar_gz(tar_file(b"top/b", **{field: b"hello"}))) == ("tar-header", "archive", 0)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("uid", b"\xff" * 8),
        ("gid", b"\x80\0\0\1\0\0\0\0"),
        ("uid", b"\x80\0\0\0\0\0\0\1"),
        ("mtime", b"\x80" + b"\xff" * 11),
        ("mtime", b"\xff" + b"\0" * 11),
        ("devmajor", b"\x80\0\0\0\x7f\xff\xff\xff"),
    ],
)
def test_a_number_at_which_other_readers_stop_is_refused(field: str, value: bytes) -> None:
    assert refusal(tar_gz(tar_file(b"top/b", **{field: value}))) == ("tar-header", "archive", 0)


def test_an_unknown_magic_is_refused() -> None:
    assert refusal(tar_gz(tar_file(b"top/b", magic=b"ustar\x0001"))) == ("tar-header", "archive", 0)
    assert refusal(tar_gz(tar_file(b"top/b", magic=b"tarzan\0\0"))) == ("tar-header", "archive", 0)


def test_a_gnu_header_with_something_where_others_read_a_prefix_is_refused() -> None:
    assert refusal(tar_gz(tar_file(b"top/b", magic=b"ustar  \0", prefix=b"evil"))) == ("tar-header", "archive", 0)
    old = tar_header(b"top/b", magic=b"", devmajor=b"", devminor=b"", prefix=b"evil")
    assert refusal(tar_gz(old)) == ("tar-header", "archive", 0)


def test_data_in_the_padding_of_a_header_is_refused() -> None:
    assert refusal(tar_gz(tar_file(b"top/b", pad=b"hidden"))) == ("tar-header", "archive", 0)


def test_data_behind_the_end_of_a_text_is_refused() -> None:
    for lying in (
        tar_header(b"top/b\0hidden"),
        tar_header(b"top/b", link=b"a\0hidden"),
        tar_header(b"top/b", prefix=b"a\0hidden"),
    ):
        assert refusal(tar_gz(lying)) == ("tar-header", "archive", 0)


def test_data_in_the_padding_of_a_member_is_refused() -> None:
    lying = tar_header(b"top/b", 5) + padded(b"12345", b"!")
    assert refusal(tar_gz(A, lying)) == ("tar-padding", "top/b", len(A) + 512 + 5)


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (b"3", "device"),
        (b"4", "device"),
        (b"6", "device"),
        (b"S", "sparse"),
        (b"7", "tar-type"),
        (b"D", "tar-type"),
        (b"M", "tar-type"),
        (b"N", "tar-type"),
        (b"V", "tar-type"),
        (b"X", "tar-type"),
        (b"A", "tar-type"),
        (b"\xff", "tar-type"),
    ],
)
def test_devices_pipes_sparse_and_unknown_members_are_refused(kind: bytes, code: str) -> None:
    assert refusal(tar_gz(A, tar_header(b"top/b", 0, kind))) == (code, "top/b", len(A))


def test_a_folder_or_a_link_with_data_is_refused() -> None:
    assert refusal(tar_gz(tar_header(b"top/", 5, b"5"), padded(b"12345")))[:2] == ("folder-with-data", "top")
    for kind in (b"1", b"2"):
        lying = tar_header(b"top/b", 5, kind, b"a")
        assert refusal(tar_gz(A, lying, padded(b"12345"))) == ("link-with-data", "top/b", len(A))


def test_a_file_that_is_named_like_a_folder_is_refused() -> None:
    assert refusal(tar_gz(tar_file(b"top/b/"))) == ("tar-kind", "top/b", 0)
    assert refusal(tar_gz(tar_header(b"top/b/", kind=b"\0"))) == ("tar-kind", "top/b", 0)


def test_a_file_with_a_target_is_refused() -> None:
    assert refusal(tar_gz(tar_header(b"top/b", link=b"/etc/passwd"))) == ("tar-kind", "top/b", 0)
    assert refusal(tar_gz(pax({"linkpath": "x"}), tar_file(b"top/b")))[:2] == ("tar-kind", "top/b")


# --- the end


def test_an_archive_without_its_two_zero_blocks_is_refused() -> None:
    assert refusal(tar_gz(A, end=b"")) == ("tar-truncated", "archive", len(A))
    assert refusal(tar_gz(A, end=bytes(511))) == ("tar-truncated", "archive", len(A) + 511)
    assert refusal(tar_gz(A, end=bytes(512))) == ("tar-end", "archive", len(A) + 512)
    assert refusal(tar_gz(A, bytes(512), B)) == ("tar-end", "archive", len(A) + 512)


def test_members_behind_the_end_are_refused() -> None:
    assert refusal(gzip_bytes(GOOD + B)) == ("tar-trailing-data", "archive", len(GOOD))
    assert refusal(gzip_bytes(GOOD + bytes(600) + b"!")) == ("tar-trailing-data", "archive", len(GOOD) + 600)


def test_an_archive_that_does_not_fill_its_last_block_is_refused() -> None:
    assert refusal(gzip_bytes(GOOD + bytes(100))) == ("tar-end", "archive", len(GOOD) + 100)


def test_an_archive_that_ends_inside_a_member_is_refused() -> None:
    assert refusal(tar_gz(A, tar_header(b"top/b", 5000), b"x" * 600, end=b""))[:2] == ("tar-truncated", "top/b")
    assert refusal(tar_gz(A, tar_header(b"top/b", 5), b"12345", end=b""))[:2] == ("tar-truncated", "top/b")
    assert refusal(tar_gz(A[:300], end=b"")) == ("tar-truncated", "archive", 300)


# --- extended headers


def test_a_pax_size_that_differs_from_the_tar_header_is_refused() -> None:
    hidden = tar_file(b"top/hidden")
    lying = pax({"size": str(len(hidden))}) + tar_header(b"top/b", 0) + hidden
    assert refusal(tar_gz(lying)) == ("tar-size-disagreement", "top/b", 1024)
    assert refusal(tar_gz(pax({"size": "05"}), A))[0] == "tar-size-disagreement"


@pytest.mark.parametrize("key", ["GNU.sparse.major", "GNU.sparse.name", "GNU.sparse.realsize", "GNU.sparse.map"])
def test_sparse_members_of_pax_are_refused(key: str) -> None:
    assert refusal(tar_gz(A, pax({key: "1"}), B)) == ("sparse", "archive", len(A))


@pytest.mark.parametrize(
    "key", ["hdrcharset", "realtime.any", "unknown", "SCHILY.realsize", "SCHILY.filetype", "GNU.volume.label", "path "]
)
def test_a_pax_key_that_changes_the_member_or_is_unknown_is_refused(key: str) -> None:
    assert refusal(tar_gz(A, pax({key: "1"}), B)) == ("tar-pax", "archive", len(A))


@pytest.mark.parametrize("kind", [b"x", b"g"])
@pytest.mark.parametrize("key", ["atime", "ctime", "mtime", "uid", "gid"])
def test_a_pax_time_or_owner_that_is_no_number_is_refused(key: str, kind: bytes) -> None:
    for value in ("x", "", "1e3", "0x1", "1_0", "\u0661", "nan"):
        assert refusal(tar_gz(pax({key: value}, kind), A)) == ("tar-pax", "archive", 0)
    assert len(walked_tar(tar_gz(pax({key: "1234567890"}, kind), A)).members) == 1


def test_a_pax_time_may_be_broken_or_negative_and_an_owner_may_not() -> None:
    assert len(walked_tar(tar_gz(pax({"mtime": "-1.25"}), A)).members) == 1
    for owner in ("-1", "1.5", "4294967296"):
        assert refusal(tar_gz(pax({"uid": owner}), A)) == ("tar-pax", "archive", 0)


@pytest.mark.parametrize("key", ["path", "linkpath", "size"])
def test_an_empty_pax_value_is_refused(key: str) -> None:
    assert refusal(tar_gz(pax({key: ""}), B)) == ("tar-pax", "archive", 0)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"hello",
        b"11 path=abc",
        b"13 path=abc\n",
        b"10 path=abc\n",
        b"011 path=abc\n",
        b"+11 path=abc\n",
        b"8 =abcd\n",
        b"8 pathx\n",
        b"999999999 path=abc\n",
        b"9999999999999 path=abc\n",
        b"3 \n",
        pax_record("path", "a") + pax_record("path", "b"),
        pax_record("path", "a") + b"\0\0",
    ],
)
def test_a_pax_header_whose_records_do_not_fit_is_refused(body: bytes) -> None:
    header = tar_header(b"pax", len(body), b"x") + padded(body)
    assert refusal(tar_gz(A, header, B)) == ("tar-pax", "archive", len(A))


def test_a_pax_path_that_is_not_utf8_or_holds_a_nul_is_refused() -> None:
    assert refusal(tar_gz(pax({"path": b"top/\xff"}), B)) == ("name-not-utf8", "archive", 0)
    assert refusal(tar_gz(pax({"path": b"top/a\0b"}), B))[0] == "name-control"


@pytest.mark.parametrize("key", ["path", "linkpath", "size", "GNU.sparse.major", "SCHILY.xattr.x", "hdrcharset"])
def test_a_global_header_that_changes_all_members_is_refused(key: str) -> None:
    assert refusal(tar_gz(pax({key: "1"}, b"g"), A)) == ("tar-global-header", "archive", 0)


def test_a_global_header_between_a_header_and_its_member_is_refused() -> None:
    body = tar_gz(pax({"path": "top/x"}), pax({"comment": "x"}, b"g"), A)
    assert refusal(body) == ("tar-pax", "archive", 1024)


def test_two_extended_headers_for_one_member_are_refused() -> None:
    first, gnu = pax({"path": "top/x"}), gnu_long(b"top/y")
    for one, two in ((first, first), (first, gnu), (gnu, first), (gnu, gnu)):
        assert refusal(tar_gz(one, two, A)) == ("tar-header", "archive", 1024)
    link = gnu_long(b"y", b"K")
    assert refusal(tar_gz(link, link, A)) == ("tar-header", "archive", 1024)


@pytest.mark.parametrize("name", [b"", b"\0", b"a\0b\0", b"a\0\0"])
def test_a_gnu_long_name_that_is_empty_or_goes_on_is_refused(name: bytes) -> None:
    header = tar_header(b"././@LongLink", len(name), b"L", magic=b"ustar  \0") + padded(name)
    assert refusal(tar_gz(A, header, B)) == ("tar-header", "archive", len(A))


def test_a_header_without_its_member_is_refused() -> None:
    assert refusal(tar_gz(A, pax({"path": "top/x"}))) == ("tar-header", "archive", len(A))
    assert refusal(tar_gz(A, pax({"comment": "x"}, b"g"))) == ("tar-header", "archive", len(A))


def test_a_header_bomb_is_refused_before_it_is_read() -> None:
    header = tar_header(b"pax", 2**30, b"x")
    assert refusal(tar_gz(A, header)) == ("tar-header-too-large", "archive", len(A))
    header = tar_header(b"././@LongLink", 2**30, b"L", magic=b"ustar  \0")
    assert refusal(tar_gz(A, header)) == ("tar-header-too-large", "archive", len(A))


def test_more_members_than_the_limit_are_refused() -> None:
    assert refusal(tar_gz(A, B), Limits(members=1)) == ("too-many-members", "archive", len(A))


def test_more_headers_than_members_could_need_are_refused() -> None:
    remarks = pax({"comment": "x"}, b"g") * 9
    assert refusal(tar_gz(remarks, A), Limits(members=2))[:2] == ("too-many-members", "archive")


def test_a_member_to_be_kept_beyond_its_limit_is_refused() -> None:
    assert refusal(tar_gz(A, B), None, Watch(keep=lambda _: 5)) == ("member-too-large", "top/b", len(A))


# --- names


@pytest.mark.parametrize(
    ("name", "code"),
    [
        (b"../b", "name-traversal"),
        (b"top/../../b", "name-traversal"),
        (b"./top/b", "name-traversal"),
        (b"/etc/passwd", "name-absolute"),
        (b"C:/b", "name-drive"),
        (b"//server/b", "name-unc"),
        (b"top\\b", "name-backslash"),
        (b"top//b", "name-empty-segment"),
        (b"top/\nb", "name-control"),
        (b"top/\xff", "name-not-utf8"),
        (b"", "name-empty"),
    ],
)
def test_a_name_that_leaves_the_tree_or_misleads_is_refused(name: bytes, code: str) -> None:
    found = refusal(tar_gz(A, tar_header(name)))
    assert (found[0], found[2]) == (code, len(A))
    if name and code != "name-not-utf8":
        assert refusal(tar_gz(pax({"path": name}), A))[0] == code
        assert refusal(tar_gz(gnu_long(name), A))[0] == code


def test_a_name_longer_than_the_limit_is_refused() -> None:
    assert refusal(tar_gz(pax({"path": "n" * 1025}), A))[0] == "name-too-long"


def test_a_prefix_that_leaves_the_tree_is_refused() -> None:
    assert refusal(tar_gz(tar_header(b"b", prefix=b"..")))[0] == "name-traversal"


def test_a_name_that_is_there_twice_is_refused() -> None:
    assert refusal(tar_gz(A, A)) == ("duplicate-member", "top/a", len(A))
    assert refusal(tar_gz(A, pax({"path": "top/a"}), B))[:2] == ("duplicate-member", "top/a")


def test_a_file_that_is_a_folder_of_others_is_refused() -> None:
    assert refusal(tar_gz(A, tar_file(b"top/a/b"))) == ("file-is-folder", "top/a", len(A))


# --- links


def links(*more: bytes) -> bytes:
    return tar_gz(tar_folder(b"top/sub/"), A, *more)


LINK_AT = 512 + len(A)


@pytest.mark.parametrize(
    ("name", "target"),
    [
        (b"top/l", b"a"),
        (b"top/l", b"./a"),
        (b"top/l", b"sub"),
        (b"top/l", b"sub/../a"),
        (b"top/sub/l", b"../a"),
        (b"top/sub/l", b".."),
        (b"top/l", b"."),
    ],
)
def test_links_that_stay_inside_are_legal(name: bytes, target: bytes) -> None:
    assert walked_tar(links(tar_link(name, target))).members[-1].kind == "link"


def test_a_link_to_a_link_that_stays_inside_is_legal() -> None:
    walk = walked_tar(
        links(tar_link(b"top/one", b"two"), tar_link(b"top/two", b"sub"), tar_link(b"top/x", b"one/../a"))
    )
    assert len(walk.members) == 5


def test_a_hard_link_to_an_earlier_file_is_legal() -> None:
    first = tar_link(b"top/h", b"top/a", hard=True)
    assert len(walked_tar(links(first, tar_link(b"top/i", b"top/h", hard=True))).members) == 4


@pytest.mark.parametrize(
    ("target", "code"),
    [
        (b"../b", "link-leaves"),
        (b"..", "link-leaves"),
        (b"../top/a", "link-leaves"),
        (b"sub/../../b", "link-leaves"),
        (b"/etc/passwd", "link-absolute"),
        (b"missing", "link-dangles"),
        (b"sub/missing", "link-dangles"),
        (b"a/x", "link-dangles"),
        (b"a/..", "link-dangles"),
        (b"missing/../a", "link-dangles"),
        (b"l", "link-loop"),
        (b"sub\\x", "link-name"),
        (b"C:x", "link-name"),
        (b"a\n", "link-name"),
        (b"", "link-empty"),
    ],
)
def test_a_symbolic_link_that_leaves_dangles_or_goes_in_circles_is_refused(target: bytes, code: str) -> None:
    assert refusal(links(tar_link(b"top/l", target))) == (code, "top/l", LINK_AT)


@pytest.mark.parametrize(
    ("target", "code"),
    [
        (b"a", "link-dangles"),
        (b"top/missing", "link-dangles"),
        (b"top/sub", "link-dangles"),
        (b"top/l", "link-dangles"),
        (b"../top/a", "name-traversal"),
        (b"/etc/passwd", "name-absolute"),
        (b"top/b", "link-dangles"),
    ],
)
def test_a_hard_link_to_anything_but_an_earlier_file_is_refused(target: bytes, code: str) -> None:
    found = refusal(links(tar_link(b"top/l", target, hard=True), B))
    assert (found[0], found[2]) == (code, LINK_AT)


def test_a_link_that_leaves_the_tree_through_other_links_is_refused() -> None:
    # Each target looks harmless beside its own folder; together they climb (CVE-2025-4517).
    chain = links(tar_folder(b"top/sub/deep/"), tar_link(b"top/up", b"sub/deep"), tar_link(b"top/l", b"up/../../../b"))
    assert refusal(chain) == ("link-leaves", "top/l", LINK_AT + 1024)


def test_a_link_that_leaves_in_the_first_folder_spoils_those_that_use_it() -> None:
    assert refusal(links(tar_link(b"top/out", b"../.."), tar_link(b"top/l", b"out/x")))[0] == "link-leaves"


def test_links_that_lead_in_a_circle_are_refused() -> None:
    body = links(tar_link(b"top/one", b"two"), tar_link(b"top/two", b"one"))
    assert refusal(body) == ("link-loop", "top/one", LINK_AT)


def test_a_member_below_a_link_is_refused_in_either_order() -> None:
    link, below = tar_link(b"top/l", b"sub"), tar_file(b"top/l/x")
    assert refusal(links(link, below)) == ("member-below-link", "top/l/x", LINK_AT + 512)
    assert refusal(links(below, link)) == ("member-below-link", "top/l", LINK_AT + 512)


def test_a_link_at_the_top_cannot_leave() -> None:
    assert refusal(tar_gz(A, tar_link(b"evil", b"../x"))) == ("link-leaves", "evil", len(A))


def test_forty_links_in_a_row_are_followed_and_no_more() -> None:
    chain = [tar_link(b"top/%02d" % n, b"%02d" % (n + 1)) for n in range(45)]
    last = [tar_file(b"top/%02d" % n) for n in (40, 45)]
    assert len(walked_tar(tar_gz(*chain[:40], last[0])).members) == 41
    assert refusal(tar_gz(*chain, last[1])) == ("link-loop", "top/00", 0)


def test_the_deflate_helper_of_these_tests_is_true() -> None:
    assert zlib.decompress(deflate(b"x"), -15) == b"x"

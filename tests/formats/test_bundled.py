"""What tells which libraries a wheel bundles, one kind of evidence after the other, and what a hostile wheel cannot do."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from customhouse.formats.bundled.advisories import LibraryRange, library_ranges, verdict_on
from customhouse.formats.bundled.file_names import library_file
from customhouse.formats.bundled.model import BundledLibrary, BundledScan
from customhouse.formats.bundled.order import compare, lies_in, parse_specifier
from customhouse.formats.bundled.sboms import Unreadable, parse_purl, read_sbom
from customhouse.formats.bundled.scan import MAX_SEARCHED_BYTES, Scanner, scan_wheel
from customhouse.formats.bundled.suffixes import from_suffix
from customhouse.formats.bundled.tables import tables
from customhouse.formats.examination import Examination, examine
from customhouse.formats.osv.read import read_record
from customhouse.terms.errors import Rejected
from native_files import elf, mach_o, pe
from packages import Dist, wheel

OPENSSL = b"OpenSSL 3.0.13 30 Jan 2024"
ZLIB = b" deflate 1.3.1 Copyright 1995-2024 Jean-loup Gailly and Mark Adler "


FIRST_BYTES = 4096
"""The first chunk holds the headers; later ones may be cut anywhere."""


def scanned(members: Mapping[str, bytes]) -> BundledScan:
    """What the scanner says of members, as if they had come from a wheel."""
    scanner = Scanner()
    for path, body in members.items():
        follower = scanner.follow(path, body[:4096])
        if follower is not None:
            follower.feed(body[:FIRST_BYTES])
            for start in range(FIRST_BYTES, len(body), 777):
                follower.feed(body[start : start + 777])
            follower.end()
    return scanner.result()


def versions(scan: BundledScan) -> dict[str, str | None]:
    return {one.name: one.version for one in scan.libraries}


def cyclonedx(*components: Mapping[str, object], tool: str = "") -> bytes:
    document = {"bomFormat": "CycloneDX", "specVersion": "1.6", "components": list(components)}
    if tool:
        document["metadata"] = {"tools": [{"name": tool}]}  # type: ignore[assignment]
    return json.dumps(document).encode()


def library(name: str, version: str | None, *, partial: bool = False) -> BundledLibrary:
    kind = "soname-major" if partial else "string"
    return BundledLibrary.from_dict(
        {"name": name, "version": version, "file": "x", "evidence": [[kind, version, "x", "x"]], "purl": "", "cpe": ""}
    )


@pytest.mark.parametrize(
    ("path", "stem", "suffix", "bundled", "module"),
    [
        ("Pillow.libs/libwebp-8b6d8948.so.7.1.7", "libwebp", "7.1.7", True, False),
        ("numpy.libs/libgfortran-040039e1-0352e75f.so.5.0.0", "libgfortran", "5.0.0", True, False),
        ("x.libs/libopenblasp-r0-59ffcd50.3.15.so", "libopenblasp", "0.3.15", True, False),
        ("x/.dylibs/libz.1.3.1.dylib", "libz", "1.3.1", True, False),
        ("x.libs/libcrypto-3-x64-0123456789abcdef0123456789abcdef.dll", "libcrypto", "3", True, False),
        ("x/_core.cpython-311-x86_64-linux-gnu.so", "_core", "", False, True),
        ("x/_core.pyd", "_core", "", False, True),
        ("x/lib/libfoo.so.2", "libfoo", "2", False, False),
        ("x/bin/tool", "tool", "", False, True),
    ],
)
def test_a_name_says_what_its_maker_put_into_it(path: str, stem: str, suffix: str, bundled: bool, module: bool) -> None:
    found = library_file(path)
    assert (found.stem, found.suffix, found.bundled, found.module) == (stem, suffix, bundled, module)


@pytest.mark.parametrize(
    ("stem", "suffix", "said"),
    [
        ("libwebp", "7.1.7", ("soname-table", "1.3.1")),
        ("libwebp", "7.1.8", ("soname-table", "1.3.2")),
        ("libsharpyuv", "0.0.1", None),
        ("libfreetype", "6.20.1", ("soname-table", "2.13.2")),
        ("libpng16", "16.43.0", ("soname-table", "1.6.43")),
        ("libharfbuzz", "0.61010.0", ("soname-table", "10.1.0")),
        ("libharfbuzz", "0.20601.0", ("soname-table", "2.6.1")),
        ("libzmq", "5.2.5", ("soname-table", "4.3.5")),
        ("libavif", "16.1.1", ("soname-table", "1.1.1")),
        ("liblcms2", "2.0.18", None),
        ("libcrypto", "1.1.1k", ("soname", "1.1.1k")),
        ("libcrypto", "3", None),
        ("libcrypto", "1.1", None),
        ("libz", "1.3.1", ("soname", "1.3.1")),
        ("libz", "1", None),
        ("libz", "1.3.1.zlib-ng", None),
        ("libpq", "5.17", ("soname-major", "17")),
        ("libproj", "25.9.5.1", ("soname", "9.5.1")),
        ("libarrow", "2600", ("soname-major", "26.0")),
        ("libxml2", "2.9.14", ("soname", "2.9.14")),
        ("libxml2", "16.0.5", None),
        ("libcairo", "2.11804.4", ("soname-table", "1.18.4")),
        ("libglib-2.0", "0.6600.8", ("soname-table", "2.66.8")),
        ("libpango-1.0", "0.5000.7", ("soname-table", "1.50.7")),
    ],
)
def test_a_suffix_means_what_its_build_files_say_or_nothing(
    stem: str, suffix: str, said: tuple[str, str] | None
) -> None:
    known = tables().of_file(stem)
    assert known is not None
    assert from_suffix(known, stem, suffix) == said


def test_every_pattern_of_the_tables_finds_what_it_looks_for_in_its_own_words() -> None:
    known = tables().known.values()
    assert len(known) > 100
    for one in known:
        assert one.siblings in (True, False)
        for pattern in one.strings:
            assert pattern.find
            assert pattern.regex.groups == 1, one.name


def test_words_in_an_extension_module_tell_what_is_linked_into_it() -> None:
    found = scanned({"x/_core.abi3.so": elf([ZLIB, OPENSSL])})
    assert versions(found) == {"zlib": "1.3.1", "openssl": "3.0.13"}
    assert found.libraries[0].purl == "pkg:generic/openssl@3.0.13"
    assert found.libraries[0].cpe == "openssl:openssl"


def test_words_of_a_library_that_the_file_asks_another_one_for_come_from_headers() -> None:
    members = {
        "x/_core.abi3.so": elf([OPENSSL], needed=["libcrypto-5409cd36.so.1.1.1k"]),
        "x.libs/libcrypto-5409cd36.so.1.1.1k": elf([b"OpenSSL 1.1.1k  FIPS 25 Mar 2021"]),
    }
    found = scanned(members)
    assert [(one.file, one.version) for one in found.libraries] == [("x.libs/libcrypto-5409cd36.so.1.1.1k", "1.1.1k")]


def test_code_is_not_searched_and_constants_are() -> None:
    assert versions(scanned({"x/_core.abi3.so": elf([b"nothing"], code=b"\0" + ZLIB + b"\0")})) == {}


@pytest.mark.parametrize("native", [elf([ZLIB]), elf([ZLIB], wide=False), pe([ZLIB]), mach_o([ZLIB])])
def test_elf_pe_and_mach_o_are_read_alike(native: bytes) -> None:
    assert versions(scanned({"x/_core.abi3.so": native})) == {"zlib": "1.3.1"}


@pytest.mark.parametrize("make", [elf, pe, mach_o])
def test_what_a_file_needs_is_read_in_each_format(make: object) -> None:
    native = make([OPENSSL], needed=["libm.so.6", "libssl-81259c47.so.3"])  # type: ignore[operator]
    assert versions(scanned({"x/_core.abi3.so": native})) == {}


def test_a_bare_constant_counts_only_in_a_file_that_is_called_by_the_library() -> None:
    named, other = (
        {"x.libs/libsodium-6c8f8377.so.26": elf([b"1.0.20"])},
        {"x.libs/libfoo-6c8f8377.so.26": elf([b"1.0.20"])},
    )
    assert versions(scanned(named)) == {"libsodium": "1.0.20"}
    assert versions(scanned(other)) == {"libfoo": None}


def test_two_constants_that_may_both_be_the_version_are_none() -> None:
    assert versions(scanned({"x.libs/libsodium-6c8f8377.so.26": elf([b"1.0.20", b"1.0.18"])})) == {"libsodium": None}


def test_a_number_is_a_version_where_the_library_says_it_so() -> None:
    found = scanned(
        {"x/etree.abi3.so": elf([b"xmlParserVersion", b"21406", b"fake node libxslt", b"10143-GITv1.1.43"])}
    )
    assert versions(found) == {"libxml2": "2.14.6", "libxslt": "1.1.43"}


def test_a_sibling_lends_its_version_if_all_that_are_known_agree() -> None:
    crypto, ssl = "x.libs/libcrypto-fb8d5b21.so.3", "x.libs/libssl-8bd944e8.so.3"
    found = scanned({crypto: elf([OPENSSL]), ssl: elf()})
    assert {one.file: one.version for one in found.libraries} == {crypto: "3.0.13", ssl: "3.0.13"}
    assert found.libraries[1].evidence[0].kind == "sibling"
    apart = scanned({crypto: elf([OPENSSL]), "x/lib/libssl.so.3": elf()})
    assert {one.file: one.version for one in apart.libraries} == {crypto: "3.0.13", "x/lib/libssl.so.3": None}


def test_what_a_distribution_writes_into_its_files_is_read() -> None:
    link = b"libXau.so.6.0.0-1.0.9-3.el8.x86_64.debug"
    note = b'{"type":"rpm","name":"openssl","version":"1:3.2.2-6.el9","architecture":"x86_64"}'
    found = scanned({"x.libs/libXau-154567c4.so.6.0.0": elf([link]), "x.libs/libcrypto-154567c4.so.3": elf([note])})
    assert versions(found) == {"libXau": "1.0.9", "openssl": "3.2.2"}
    assert [one.distribution for one in found.libraries] == ["its distribution", "its distribution"]
    assert found.libraries[0].evidence[0].kind == "package-note"


def test_a_dll_tells_its_version_in_its_resource() -> None:
    found = scanned({"x.libs/libcrypto-3-x64-0123456789abcdef0123456789abcdef.dll": pe(product="3.0.13")})
    assert versions(found) == {"openssl": "3.0.13"}
    assert found.libraries[0].evidence[0].kind == "resource"


SBOM = "x-1.0.dist-info/sboms/x.cdx.json"


def test_a_bill_of_materials_of_the_project_is_believed_most() -> None:
    found = scanned({SBOM: cyclonedx({"name": "WebP", "version": "1.6.0"}), "x.libs/libwebp-51b0b3f7.so.7": elf()})
    assert versions(found) == {"libwebp": "1.6.0"}
    assert [each.kind for each in found.libraries[0].evidence] == ["sbom", "name"]


def test_a_bill_of_materials_that_lies_is_a_conflict_and_both_versions_are_kept() -> None:
    found = scanned({SBOM: cyclonedx({"name": "openssl", "version": "3.5.4"}), "x/_core.abi3.so": elf([OPENSSL])})
    (one,) = found.libraries
    assert (one.version, one.conflicting, one.versions) == ("3.5.4", ("3.0.13",), ("3.5.4", "3.0.13"))
    assert verdict_on(one, [LibraryRange("openssl", "3.0", "3.0.14")]) == "affected"
    assert BundledScan.from_dict(json.loads(json.dumps(found.to_dict()))) == found


def test_a_distributions_package_is_kept_apart_from_the_upstream_version() -> None:
    purl = "pkg:rpm/almalinux/openssl-libs@1.1.1k-15.el8_6"
    bill = cyclonedx({"name": "openssl-libs", "version": "1.1.1k-15.el8_6", "purl": purl}, tool="auditwheel")
    found = scanned({SBOM: bill, "x.libs/libcrypto-5409cd36.so.1.1.1k": elf()})
    (one,) = found.libraries
    assert (one.name, one.version, one.purl, one.distribution) == ("openssl", "1.1.1k", purl, "almalinux")


def test_components_that_are_optional_or_excluded_are_not_bundled_by_being_named() -> None:
    bill = cyclonedx(
        {"name": "fribidi", "version": "1.0.17", "scope": "optional"},
        {"name": "pybind11", "version": "3.0", "scope": "excluded"},
        {"name": "raqm", "version": "0.11.0"},
    )
    found = scanned({SBOM: bill})
    assert versions(found) == {"raqm": "0.11.0"}
    assert found.notes == (f"{SBOM}: fribidi is said to be optional, and no file of the wheel shows it",)


def test_what_other_languages_registries_name_is_told_from_the_c_library() -> None:
    bill = cyclonedx({"name": "openssl", "version": "0.10.81", "purl": "pkg:cargo/openssl@0.10.81"})
    found = scanned({SBOM: bill, "x/_rust.abi3.so": elf([OPENSSL])})
    assert versions(found) == {"cargo:openssl": "0.10.81", "openssl": "3.0.13"}


SPDX = {
    "spdxVersion": "SPDX-2.3",
    "packages": [
        {
            "name": "zlib",
            "versionInfo": "1.3.1",
            "externalRefs": [{"referenceType": "purl", "referenceLocator": "pkg:generic/zlib@1.3.1"}],
        },
        {"name": "brotli", "versionInfo": "NOASSERTION"},
    ],
}
XML = b'<bom xmlns="http://cyclonedx.org/schema/bom/1.6"><metadata><component><name>x</name><version>9</version></component></metadata><components><component type="library"><name>zlib</name><version>1.3.1</version></component></components></bom>'
TAGS = b"SPDXVersion: SPDX-2.3\nPackageName: zlib\nPackageVersion: 1.3.1\nPackageName: brotli\nPackageVersion: NOASSERTION\n"


@pytest.mark.parametrize(
    "body", [json.dumps(SPDX).encode(), XML, TAGS, cyclonedx({"name": "zlib", "version": "1.3.1"})]
)
def test_cyclonedx_and_spdx_are_read_in_their_forms(body: bytes) -> None:
    found = scanned({"x-1.0.dist-info/sboms/sub/folder.any": body})
    assert versions(found)["zlib"] == "1.3.1"
    assert versions(found).get("brotli", None) is None
    assert "x" not in versions(found)


@pytest.mark.parametrize(
    "body",
    [
        b"{", b"[]", b"nothing", b"<a>", b"", b'{"bomFormat": "Other"}', b'{"components": 7}', b'{"components": [7, {"name": 7}]}',
        b'<!DOCTYPE a [<!ENTITY b "c">]><bom xmlns="http://cyclonedx.org/schema/bom/1.6">&b;</bom>', b"[" * 100_000, b"{" * 100_000,
        b'{"a":' * 100_000, cyclonedx(*[{"name": f"n{number}"} for number in range(5001)]), b"\xff\xfe{", b'{"@graph": [1]}',
    ],
)  # fmt: skip
def test_a_bill_of_materials_that_cannot_be_read_is_noted_with_its_place(body: bytes) -> None:
    found = scanned({SBOM: body, "x/_core.abi3.so": elf([ZLIB])})
    assert versions(found)["zlib"] == "1.3.1"
    assert all(note.startswith(SBOM) for note in found.notes)


def test_a_bill_of_materials_too_large_to_be_read_is_noted() -> None:
    scanner = Scanner()
    follower = scanner.follow(SBOM, b"{")
    assert follower is not None
    for _ in range(9):
        follower.feed(b" " * 2**20)
    follower.end()
    assert "more than are read" in scanner.result().notes[0]


@pytest.mark.parametrize(
    "native",
    [elf([ZLIB], needed=["libz.so.1"]), pe([ZLIB], needed=["zlib1.dll"]), mach_o([ZLIB], needed=["libz.dylib"])],
)
def test_a_damaged_native_file_is_noted_with_its_place_and_never_a_crash(native: bytes) -> None:
    for cut in range(4, min(len(native), 420), 7):
        scanned({"x/_core.pyd": native[:cut]})
    for at in range(4, min(len(native), 420), 5):
        for value in (0, 0x7F, 0xFF):
            scanned({"x/_core.pyd": native[:at] + bytes([value]) + native[at + 1 :]})
    damaged = scanned({"x/_core.pyd": native[:4] + b"\xff" * 60 + native[64:]})
    assert damaged.notes == () or damaged.notes[0].startswith("x/_core.pyd: the native file is damaged")


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([b"\x7fELF\x02\x01", b"\x7fELF\x01\x02", b"MZ", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe\0\0\0\2"]),
    st.binary(max_size=600),
)
def test_no_bytes_behind_a_magic_make_the_scanner_fall(magic: bytes, rest: bytes) -> None:
    found = scanned({"x/_core.pyd": magic + rest, "x.libs/libcrypto-5409cd36.so.3": magic + rest})
    assert len(found.notes) < 10


def test_a_library_across_windows_and_chunks_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("customhouse.formats.bundled.scan.WINDOW_BYTES", 4000)
    body = elf([b"x" * 3990 + ZLIB, b"y" * 9000])
    assert versions(scanned({"x/_core.abi3.so": body})) == {"zlib": "1.3.1"}


def test_more_native_bytes_than_can_be_searched_are_noted_and_known_by_their_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert MAX_SEARCHED_BYTES == 2**30
    monkeypatch.setattr("customhouse.formats.bundled.scan.MAX_SEARCHED_BYTES", 100)
    found = scanned({"x.libs/libwebp-8b6d8948.so.7.1.7": elf([b"x" * 200])})
    assert versions(found) == {"libwebp": "1.3.1"}
    assert "not wholly searched" in found.notes[0]


def test_no_member_of_any_name_is_taken_for_native_by_its_name() -> None:
    assert (
        scanned(
            {
                "x.libs/libwebp-8b6d8948.so.7.1.7": b"no ELF",
                "x/MZ.txt": b"MZ is how it begins",
                "x/A.class": b"\xca\xfe\xba\xbe\0\0\0\x41",
            }
        )
        == BundledScan()
    )


def write(folder: Path, dist: Dist) -> Path:
    path = folder / dist.filename
    path.write_bytes(dist.body)
    return path


def test_an_upload_is_examined_and_scanned_on_one_walk(tmp_path: Path) -> None:
    dist = wheel(files={"demo/_core.abi3.so": elf([ZLIB])})
    found = examine(write(tmp_path, dist), dist.filename)
    assert versions(found.bundled) == {"zlib": "1.3.1"}
    assert Examination.from_dict(json.loads(json.dumps(found.to_dict()))) == found
    assert scan_wheel(tmp_path / dist.filename) == found.bundled


def test_a_wheel_without_native_files_never_asks_for_the_tables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody() -> None:
        raise AssertionError("the tables were asked for")

    monkeypatch.setattr("customhouse.formats.bundled.scan.tables", nobody)
    assert scan_wheel(write(tmp_path, wheel())) == BundledScan()


@pytest.mark.parametrize(
    ("lower", "higher"),
    [
        ("1.0.2k", "1.1.1"), ("1.1.1", "1.1.1a"), ("1.1.1a", "1.1.1k"), ("1.1.1w", "3.0.0"), ("3.0.0-beta1", "3.0.0"),
        ("3.0.0-alpha17", "3.0.0-beta1"), ("1.3.9", "1.3.10"), ("9d", "9e"), ("0.3.31", "0.3.31.1"), ("2.14.6rc1", "2.14.6"), ("1.0", "1.0.1"),
    ],
)  # fmt: skip
def test_versions_of_libraries_stand_in_the_order_of_their_authors(lower: str, higher: str) -> None:
    assert compare(lower, higher) < 0 < compare(higher, lower)
    assert compare(lower, lower) == 0


def test_zeros_at_the_end_and_a_v_before_say_nothing() -> None:
    assert compare("1.3", "1.3.0") == 0 == compare("v1.3.0", "1.3")
    assert compare("n8.1.1", "8.1.1") == 0


@given(*[st.from_regex(r"[0-9]{1,3}(\.[0-9]{1,3}){0,3}(-?(rc|beta)[0-9])?[a-z]?", fullmatch=True)] * 3)
def test_the_order_is_an_order(one: str, two: str, three: str) -> None:
    assert compare(one, two) == -compare(two, one)
    if compare(one, two) <= 0 and compare(two, three) <= 0:
        assert compare(one, three) <= 0


def test_a_range_is_read_and_what_is_none_is_refused_with_what_would_do() -> None:
    assert parse_specifier(" <1.3.2 ") == (("<", "1.3.2"),)
    assert parse_specifier(">=3.0,<3.0.14") == ((">=", "3.0"), ("<", "3.0.14"))
    assert parse_specifier("1.1.1k") == (("==", "1.1.1k"),)
    assert parse_specifier("") == ()
    for text in ("<", "~=1.0", "<1.0 or 2", "1.0,", "<" + "1" * 70):
        with pytest.raises(Rejected, match="no range of versions"):
            parse_specifier(text)


def test_of_a_version_of_which_only_the_beginning_is_known_nobody_says_that_it_is_safe() -> None:
    assert lies_in("17", parse_specifier("<17.3"), partial=True) is None
    assert lies_in("17", parse_specifier("<16.5"), partial=True) is False
    assert lies_in("15", parse_specifier("<16.5"), partial=True) is True
    ranges = [LibraryRange("postgresql", "17", "17.3"), LibraryRange("postgresql", "0", "13.19")]
    assert verdict_on(library("postgresql", "17", partial=True), ranges) == "unknown"
    assert verdict_on(library("postgresql", "16", partial=True), ranges) == "fine"


WEBP = {
    "id": "CVE-2023-4863", "modified": "2024-07-31T18:19:23Z",
    "affected": [{"package": {"ecosystem": "OSS-Fuzz", "name": "libwebp"}, "ranges": [{"type": "SEMVER", "events": [{"introduced": "0"}, {"fixed": "1.3.2"}]}]}],
}  # fmt: skip


@pytest.mark.parametrize(
    ("version", "verdict"),
    [("1.3.1", "affected"), ("0.4.0", "affected"), ("1.3.2", "fine"), ("1.6.0", "fine"), (None, "unknown")],
)
def test_a_record_on_a_library_affects_what_lies_in_its_ranges(version: str | None, verdict: str) -> None:
    ranges = library_ranges(read_record(WEBP, "test"))
    assert [one.words for one in ranges] == ["all before 1.3.2"]
    assert verdict_on(library("libwebp", version), ranges) == verdict
    assert verdict_on(library("libpng", version), ranges) == "fine"


def test_records_made_from_cves_name_a_repository_and_its_tags() -> None:
    record = {
        "id": "CVE-2023-4863", "modified": "2024-07-31T18:19:23Z",
        "affected": [{
            "ranges": [{"type": "GIT", "repo": "https://github.com/webmproject/libwebp.git", "events": [{"introduced": "0"}, {"fixed": "a" * 40}]}],
            "versions": ["v1.3.0", "v1.3.1"],
        }],
    }  # fmt: skip
    ranges = library_ranges(read_record(record, "test"))
    assert verdict_on(library("libwebp", "1.3.1"), ranges) == "affected"
    assert verdict_on(library("libwebp", "1.3.2"), ranges) == "fine"


def test_a_withdrawn_record_is_on_nothing() -> None:
    assert library_ranges(read_record(WEBP | {"withdrawn": "2024-08-01T00:00:00Z"}, "test")) == ()


def test_purls_are_taken_apart_and_what_is_none_is_none() -> None:
    found = parse_purl("pkg:rpm/almalinux/libstdc%2B%2B@8.5.0-28.el8?arch=x86_64#abc")
    assert found is not None
    assert (found.kind, found.namespace, found.name, found.version) == ("rpm", "almalinux", "libstdc++", "8.5.0-28.el8")
    assert parse_purl("libstdc++") is None
    with pytest.raises(Unreadable):
        read_sbom("x", b"no bill")

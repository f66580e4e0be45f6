"""Pages of other indexes: what is read of them, what is left out, and that none of them harms us."""

from __future__ import annotations

import contextlib
import gzip
import json
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from customhouse.formats.simple import SimpleFile, SimplePage, to_html, to_json
from customhouse.formats.upstream.address import absolute
from customhouse.formats.upstream.model import MOST_FILES, PAGE_BYTES, Listing
from customhouse.formats.upstream.page_html import page_from_html
from customhouse.formats.upstream.page_json import page_from_json
from customhouse.formats.upstream.project_api import details_from_json, with_details
from customhouse.formats.upstream.read import read_page, unpacked
from customhouse.formats.upstream.value import moment
from customhouse.terms.errors import Rejected
from upstream_world import gzip_bomb

BASE = "https://up.example/simple/demo/"
DIGEST = "0123456789abcdef" * 4
WHEEL = "demo-1.0-py3-none-any.whl"


def file(**more: Any) -> dict[str, Any]:
    return {"filename": WHEEL, "url": f"https://files.example/{WHEEL}", "hashes": {"sha256": DIGEST}} | more


def page(*files: dict[str, Any], **more: Any) -> bytes:
    whole = {"meta": {"api-version": "1.4"}, "name": "demo", "files": list(files)} | more
    return json.dumps(whole).encode()


def read(body: bytes, wanted: str = "demo") -> Listing:
    return page_from_json(body, wanted=wanted, base=BASE)


def html(body: str, wanted: str = "demo", base: str = BASE) -> Listing:
    return page_from_html(body.encode(), wanted=wanted, base=base)


class TestJson:
    def test_everything_that_the_standards_know_is_read(self) -> None:
        (found,) = read(
            page(
                file(**{
                    "size": 12, "upload-time": "2024-02-29T12:30:00.123456Z", "requires-python": ">=3.8",
                    "yanked": "leaks", "core-metadata": {"sha256": DIGEST.upper()},
                    "provenance": "/integrity/demo/1.0/x/provenance", "_customhouse": {"downloads": 12},
                })
            )
        ).files  # fmt: skip
        assert (found.sha256, found.size_bytes, found.requires_python, found.version) == (DIGEST, 12, ">=3.8", "1.0")
        assert found.uploaded_at == datetime(2024, 2, 29, 12, 30, 0, 123456, UTC)
        assert (found.yanked, found.yanked_reason) == (True, "leaks")
        assert (found.has_metadata, found.metadata_sha256) == (True, DIGEST)
        assert found.provenance_url == "https://up.example/integrity/demo/1.0/x/provenance"
        assert found.signals == {"downloads": 12}

    @pytest.mark.parametrize("version", ["1.0", "1.1", "1.4", "1.5", "1.99"])
    def test_every_minor_version_is_read(self, version: str) -> None:
        assert read(page(file(), meta={"api-version": version})).files

    @pytest.mark.parametrize("meta", [{}, None, {"api-version": "2.0"}, {"api-version": 1.0}, {"api-version": "1.x"}])
    def test_another_major_version_or_none_is_refused(self, meta: object) -> None:
        with pytest.raises(Rejected, match="version"):
            read(page(file(), meta=meta))

    def test_the_page_of_another_project_is_refused(self) -> None:
        with pytest.raises(Rejected, match="'other'"):
            read(page(file(), name="other"))

    def test_the_name_may_be_spelled_as_it_likes(self) -> None:
        assert read(page(file(), name="DEMO")).name == "demo"

    def test_files_of_another_project_are_left_out_and_counted(self) -> None:
        found = read(page(file(), file(filename="evil-1.0-py3-none-any.whl"), file(filename="demo2-1.0.tar.gz")))
        assert [one.filename for one in found.files] == [WHEEL]
        assert found.skipped == {"other-project": 2}

    def test_a_page_whose_files_are_all_another_projects_is_refused(self) -> None:
        with pytest.raises(Rejected, match="other projects"):
            read(page(file(filename="evil-1.0-py3-none-any.whl")))

    @pytest.mark.parametrize(
        ("filename", "version"),
        [
            ("demo-1.0.tar.gz", "1.0"), ("Demo-1.0.TAR.GZ", None), ("DEMO-1.0.0.tar.gz", "1.0.0"), ("demo-1.0-1.tar.gz", "1.0.post1"),
            ("demo-1.0.zip", None), ("demo-1.0-py2.7.egg", None), ("demo-1.0.exe", None), ("demo-not a version.tar.gz", None),
            ("demo-1!2.0-py3-none-any.whl", "1!2.0"), ("demo-1.0-2-py3-none-any.whl", "1.0"), ("../demo-1.0.tar.gz", None),
            ("demo-1.0-py3-none-any.whl\n", None), ("demo-1.0-py3-none.whl", None), (".demo-1.0.tar.gz", None),
            ("demo-1.0-" + "a." * 40 + "a-" + "b." * 40 + "b-" + "c." * 10 + "c.whl", None), ("demo-" + "9" * 200 + ".tar.gz", None),
        ],
    )  # fmt: skip
    def test_which_names_are_kept(self, filename: str, version: str | None) -> None:
        found = read(page(file(filename=filename)))
        assert [one.version for one in found.files] == ([] if version is None else [version])
        assert sum(found.skipped.values()) == (version is None)

    def test_names_from_before_pep_625_are_kept(self) -> None:
        for wanted, filename in (
            ("python-dateutil", "python-dateutil-2.8.2.tar.gz"), ("zope-interface", "zope.interface-5.0.0.tar.gz"),
            ("pyyaml", "PyYAML-5.4.1.tar.gz"),
        ):  # fmt: skip
            assert read(page(file(filename=filename), name=wanted), wanted).files

    @pytest.mark.parametrize(
        "url",
        [
            "javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "ftp://x/y", "//user@files.example/a",
            "https://a:b@files.example/x", "https://files.example/a b", "https://files.example/\x00", "https://exa mple/",
            "https://files.example:99999/x", "https://[::1", "https://files.example\\@evil.example/x", "http://files.example/x",
            "https://" + "a" * 3000, "https://files.example/x\r\nHost: evil",
        ],
    )  # fmt: skip
    def test_addresses_that_are_not_plain_are_left_out(self, url: str) -> None:
        found = read(page(file(), file(filename="demo-2.0.tar.gz", url=url)))
        assert len(found.files) == 1
        assert sum(found.skipped.values()) == 1

    @pytest.mark.parametrize("digest", ["", "x" * 64, DIGEST[:-1], 12, None, ["a"], DIGEST + "\n"])
    def test_a_digest_that_is_none_condemns_the_file(self, digest: object) -> None:
        found = read(page(file(hashes={"sha256": digest})))
        assert found.files == ()
        assert found.skipped == {"bad-digest": 1}

    def test_another_digest_is_kept_where_there_is_no_better(self) -> None:
        (found,) = read(page(file(hashes={"md5": "a" * 32, "blake2b_256": "b" * 64, "nonsense": "c"}))).files
        assert (found.sha256, found.other_digest) == ("", f"md5={'a' * 32}")

    @pytest.mark.parametrize(
        ("key", "value", "attribute", "expected"),
        [
            ("size", -1, "size_bytes", None), ("size", True, "size_bytes", None), ("size", 2**60, "size_bytes", None),
            ("size", "12", "size_bytes", None), ("upload-time", "yesterday", "uploaded_at", None),
            ("upload-time", "9999-12-31T23:59:59-23:00", "uploaded_at", None), ("upload-time", 12, "uploaded_at", None),
            ("requires-python", "a\x00b\n", "requires_python", "a b"), ("requires-python", ["x"], "requires_python", None),
            ("yanked", "", "yanked", True), ("yanked", None, "yanked", False), ("core-metadata", False, "has_metadata", False),
            ("provenance", "javascript:alert(1)", "provenance_url", ""), ("provenance", 3, "provenance_url", ""),
            ("_customhouse", [1], "signals", {}), ("_customhouse", {"a": "\x1b[2J"}, "signals", {"a": "[2J"}),
            ("_customhouse", {"a": {"b": {"c": {"d": {"e": {"f": 1}}}}}}, "signals", {}),
            ("_customhouse", {str(n): n for n in range(500)}, "signals", {}), ("size", 0, "size_bytes", 0),
        ],
    )  # fmt: skip
    def test_a_value_that_is_odd_counts_as_not_said(
        self, key: str, value: object, attribute: str, expected: object
    ) -> None:
        (found,) = read(page(file(**{key: value}))).files
        assert getattr(found, attribute) == expected

    @pytest.mark.parametrize(
        ("said", "expected"),
        [
            ({"core-metadata": True}, (True, "")), ({"dist-info-metadata": {"sha256": DIGEST}}, (True, DIGEST)),
            ({"data-dist-info-metadata": {"sha256": DIGEST}}, (True, DIGEST)), ({"core-metadata": {}}, (True, "")),
            ({"core-metadata": False, "data-dist-info-metadata": {"sha256": DIGEST}}, (False, "")),
        ],
    )  # fmt: skip
    def test_metadata_is_found_under_both_names_and_the_new_one_counts(
        self, said: dict[str, Any], expected: tuple[bool, str]
    ) -> None:
        (found,) = read(page(file(**said))).files
        assert (found.has_metadata, found.metadata_sha256) == expected

    def test_status_and_versions_are_carried(self) -> None:
        said = {"project-status": {"status": "quarantined", "reason": "x\x1b"}, "versions": ["1.0", "2.0.0", "junk", 3]}
        found = read(page(file(), **said))
        assert (found.status, found.status_reason, found.versions) == ("quarantined", "x", ("1.0", "2.0.0"))

    def test_a_status_that_nobody_knows_is_active(self) -> None:
        assert read(page(file(), **{"project-status": {"status": "sleeping"}})).status == "active"

    @pytest.mark.parametrize(
        "body",
        [
            b"", b"[]", b"{", b"null", b"\xff\xfe", b'{"a": NaN}', b'{"meta": {}, "meta": {}}', b"[" * 100_000,
            b'{"meta": {"api-version": "1.0"}, "name": "demo", "files": {}}', page(file(hashes=[])), page(file(url=1)),
            page(["x"]), b'{"a": "\\ud800"}', b'{"a": ' + b"9" * 5000 + b"}",  # type: ignore[arg-type]  # on purpose
        ],
    )  # fmt: skip
    def test_what_is_no_page_is_refused(self, body: bytes) -> None:
        with pytest.raises(Rejected):
            read(body)

    def test_pages_are_bounded_before_they_are_read(self) -> None:
        for body in (b" " * (PAGE_BYTES + 1), b'{"files": [' + b"[]," * (8 * MOST_FILES) + b"[]]}",
                     b'{"files": [' + b"1," * (20 * MOST_FILES + 1) + b"1]}"):  # fmt: skip
            begun = time.monotonic()
            with pytest.raises(Rejected):
                read(body)
            assert time.monotonic() - begun < 2

    def test_more_files_than_any_project_has_are_refused(self) -> None:
        with pytest.raises(Rejected, match="more than 50000 files"):
            read(page(*[{"filename": "x", "url": "y", "hashes": {}}] * (MOST_FILES + 1)))


class TestHtml:
    def test_pages_of_every_age_are_read(self) -> None:
        found = html(
            f"""<!DOCTYPE html><html><head><meta name="pypi:repository-version" content="1.1">
            <meta name="pypi:project-status" content="archived"><meta name="pypi:project-status-reason" content="over">
            <title>Links for <a href="demo-9.tar.gz">x</a></title></head><body>
            <!-- <a href="demo-8.0.tar.gz">x</a> --><script>var a = '<a href="demo-7.0.tar.gz">';</script>
            <a href="../../packages/{WHEEL}#sha256={DIGEST}" data-requires-python="&gt;=3.7"
               data-dist-info-metadata="sha256={DIGEST}" data-yanked="bad &amp; worse">{WHEEL}</a>
            <A HREF='http://up.example/demo-1.1.tar.gz'></A><a href=demo-1.2.tar.gz#md5={"a" * 32}>x</a><a name="top"><a href="#">
            <a href="https://x.example/demo-1.3.tar.gz?a=b#egg=demo" data-core-metadata=true data-yanked rel=internal>
            <a href="https://elsewhere.example/">Home</a></body>"""
        )
        first, second, third = found.files
        assert first.url == f"https://up.example/packages/{WHEEL}"
        assert (first.sha256, first.requires_python, first.metadata_sha256) == (DIGEST, ">=3.7", DIGEST)
        assert (first.yanked, first.yanked_reason) == (True, "bad & worse")
        assert (second.filename, second.sha256, second.other_digest) == ("demo-1.2.tar.gz", "", f"md5={'a' * 32}")
        assert (third.filename, third.yanked, third.has_metadata) == ("demo-1.3.tar.gz", True, True)
        assert (found.status, found.status_reason, found.says_it_is_an_index) == ("archived", "over", True)
        assert found.skipped == {"less-secure": 1}
        assert found.lacks_details

    def test_the_new_name_of_metadata_counts(self) -> None:
        said = f'<a href="{WHEEL}" data-core-metadata="false" data-dist-info-metadata="sha256={DIGEST}">'
        assert not html(said).files[0].has_metadata

    def test_links_begin_at_base(self) -> None:
        body = f'<base href="https://cdn.example/d/"><base href="https://evil.example/"><a href="{WHEEL}">'
        assert html(body).files[0].url == f"https://cdn.example/d/{WHEEL}"

    @pytest.mark.parametrize("base", ["javascript:1", "http://cdn.example/", "ftp://x/", "https://u@x/"])
    def test_a_base_that_is_not_plain_condemns_the_page(self, base: str) -> None:
        with pytest.raises(Rejected):
            html(f'<base href="{base}"><a href="{WHEEL}">')

    @pytest.mark.parametrize("version", ["2.0", "x", ""])
    def test_another_major_version_is_refused(self, version: str) -> None:
        with pytest.raises(Rejected, match="version"):
            html(f'<meta name="pypi:repository-version" content="{version}"><a href="{WHEEL}">')

    @pytest.mark.parametrize(
        "href",
        [
            "javascript:alert('demo-2.0.tar.gz')",
            f"java\tscript:{WHEEL}",
            f"//u:p@x.example/{WHEEL}",
            f"file:///{WHEEL}",
        ],
    )
    def test_script_and_other_addresses_are_left_out(self, href: str) -> None:
        assert html(f'<a href="{WHEEL}"><a href="{href}">').files == html(f'<a href="{WHEEL}">').files

    def test_a_file_of_another_project_is_left_out(self) -> None:
        assert html(f'<a href="{WHEEL}"><a href="evil-1.0.tar.gz">').skipped == {"other-project": 1}
        with pytest.raises(Rejected):
            html('<a href="evil-1.0.tar.gz">')

    def test_a_page_that_may_be_anything_says_so(self) -> None:
        found = html("<html><body>Please sign in")
        assert (found.files, found.says_it_is_an_index) == ((), False)

    @pytest.mark.parametrize(
        "piece",
        [
            "<", "<a ", "<a href=", '<a href="', "<!--", "<script>", "</script", "<a href='x' ", '<a b="c" ', "&amp;", "<a/",
            '<a href="&#x41;">', "<a href=x>", "<title>", "<base>", "<meta name=x>", "\x00", "é", "<a " + "b " * 30 + ">",
            f'<a href="{WHEEL}">', "<a href='//x@y/z.whl'>", "<![CDATA[", "<?php ", "<a\x0c", "=\"'>", '<a href="x\ny">',
        ],
    )  # fmt: skip
    def test_time_grows_with_the_page_and_nothing_else(self, piece: str) -> None:
        """Eight MiB of anything take seconds at most: nothing here is quadratic."""
        begun = time.monotonic()
        with contextlib.suppress(Rejected):
            html(piece * (8 * 2**20 // len(piece)))
        assert time.monotonic() - begun < 30


class TestReading:
    def test_what_we_write_ourselves_is_read_back(self) -> None:
        files = (
            SimpleFile(
                WHEEL, f"https://up.example/files/{WHEEL}", DIGEST, 12, datetime(2026, 1, 2, 3, 4, 5, 6, UTC), "1.0",
                requires_python=">=3.9", yanked=True, yanked_reason="<b>&", core_metadata_sha256=DIGEST,
                provenance="https://up.example/p", signals={"signals": [{"code": "x"}]},
            ),
            SimpleFile("demo-1.1.tar.gz", "https://up.example/files/demo-1.1.tar.gz", DIGEST, 13,
                       datetime(2026, 2, 1, tzinfo=UTC), "1.1"),
        )  # fmt: skip
        ours = SimplePage("demo", 1, ("1.0", "1.1"), files, "deprecated", "use <other>", {"critical": True})
        from_json = read_page(to_json(ours), "application/vnd.pypi.simple.v1+json", wanted="demo", base=BASE)
        from_html = read_page(to_html(ours), "text/html; charset=utf-8", wanted="demo", base=BASE)
        for mine, theirs in zip(files, from_json.files, strict=True):
            for name in ("filename", "url", "sha256", "size_bytes", "uploaded_at", "version", "requires_python", "yanked",
                         "yanked_reason", "signals"):  # fmt: skip
                assert getattr(mine, name) == getattr(theirs, name)
        assert (from_json.status, from_json.status_reason, from_json.signals) == (
            "deprecated",
            "use <other>",
            ours.signals,
        )
        stripped = tuple(replace(one, size_bytes=None, uploaded_at=None, signals={}) for one in from_json.files)
        assert from_html.files == stripped
        assert (from_html.status, from_html.status_reason) == ("deprecated", "use <other>")

    @pytest.mark.parametrize("kind", ["image/png", "", "application/vnd.pypi.simple.v2+html", "text/plain"])
    def test_other_kinds_are_refused(self, kind: str) -> None:
        with pytest.raises(Rejected):
            read_page(page(file()), kind, wanted="demo", base=BASE)

    def test_compressed_answers_are_unpacked(self) -> None:
        assert unpacked(gzip.compress(b"x" * 1000), "gzip") == b"x" * 1000
        assert unpacked(b"x", "") == b"x"

    @pytest.mark.parametrize(
        ("body", "encoding"),
        [
            (gzip.compress(b"x", mtime=0)[:-9], "gzip"), (b"x", "gzip"), (gzip.compress(b"x", mtime=0) * 2, "gzip"), (b"x", "br"), (b"", "gzip"),
            (gzip_bomb(64), "gzip"), (gzip.compress(b"x", mtime=0) + b"junk", "x-gzip"),
        ],
    )  # fmt: skip
    def test_what_cannot_be_unpacked_within_bounds_is_refused(self, body: bytes, encoding: str) -> None:
        with pytest.raises(Rejected):
            unpacked(body, encoding)

    @given(st.binary(max_size=400), st.sampled_from(["text/html", "application/json"]))
    def test_no_bytes_bring_it_down(self, body: bytes, kind: str) -> None:
        try:
            read_page(body, kind, wanted="demo", base=BASE)
        except Rejected:
            return

    @given(st.lists(st.sampled_from(["<a", " href=", '"', "'", ">", WHEEL, "#sha256=", DIGEST, "<base", "<!--", "-->", "&#0;",
                                     "data-yanked", " ", "=", "<script>", "</script>", "\x00", "//", ":", "@", "é"]), max_size=60))  # fmt: skip
    def test_no_html_brings_it_down_and_what_is_kept_is_plain(self, pieces: list[str]) -> None:
        try:
            found = html("".join(pieces))
        except Rejected:
            return
        for one in found.files:
            assert absolute(BASE, one.url) == (one.url, "")
            assert one.url.startswith("https://")
            assert one.url.isascii()

    @settings(max_examples=200)
    @given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=10),
                        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)),
           st.sampled_from(["filename", "url", "hashes", "size", "upload-time", "requires-python", "yanked", "core-metadata",
                            "provenance", "_customhouse"]))  # fmt: skip
    def test_no_value_of_any_kind_brings_it_down(self, value: Any, key: str) -> None:
        try:
            read(page(file(**{key: value})))
        except Rejected:
            return

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("2020-01-02T03:04:05Z", datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC)),
            ("2020-01-02T03:04:05.1Z", datetime(2020, 1, 2, 3, 4, 5, 100_000, UTC)),
            ("2020-01-02T03:04:05.123456789+01:00", datetime(2020, 1, 2, 2, 4, 5, 123_456, UTC)),
            ("2020-01-02T03:04:05", datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC)),
            ("0001-01-01T00:00:00+23:59", None), ("2020-13-01T00:00:00Z", None), ("２020-01-02T03:04:05Z", None),
        ],
    )  # fmt: skip
    def test_upload_times(self, text: str, expected: datetime | None) -> None:
        assert moment(text) == expected


class TestOlderApi:
    def body(self, **more: Any) -> bytes:
        entry = {
            "filename": WHEEL, "digests": {"sha256": DIGEST}, "size": 12, "upload_time_iso_8601": "2020-01-02T03:04:05Z",
        } | more  # fmt: skip
        return json.dumps({"info": {"name": "Demo"}, "releases": {"1.0": [entry]}, "urls": [entry]}).encode()

    def test_it_fills_what_a_page_lacks(self) -> None:
        listing = html(f'<a href="{WHEEL}">')
        (found,) = with_details(listing, details_from_json(self.body(), wanted="demo")).files
        assert (found.sha256, found.size_bytes) == (DIGEST, 12)
        assert found.uploaded_at == datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC)

    def test_what_it_says_of_other_bytes_is_not_believed(self) -> None:
        listing = html(f'<a href="{WHEEL}#sha256={"f" * 64}">')
        assert with_details(listing, details_from_json(self.body(), wanted="demo")) == listing

    def test_it_adds_no_files(self) -> None:
        listing = html(f'<a href="{WHEEL}">')
        details = details_from_json(self.body(filename="demo-2.0.tar.gz"), wanted="demo")
        assert with_details(listing, details).files == listing.files

    @pytest.mark.parametrize(
        "body", [b"[]", b"{}", b'{"info": {"name": "other"}, "releases": {}}', b'{"info": {"name": 3}}', b"{"]
    )
    def test_what_is_not_about_the_project_is_refused(self, body: bytes) -> None:
        with pytest.raises(Rejected):
            details_from_json(body, wanted="demo")

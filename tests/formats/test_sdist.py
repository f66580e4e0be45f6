"""What makes a tar archive an sdist."""

from __future__ import annotations

import hashlib

import pytest

from customhouse.terms.errors import Rejected
from formats.archives import (
    fault,
    inspected_sdist,
    metadata,
    sdist_bytes,
    tar_file,
    tar_folder,
    tar_gz,
    tar_link,
)


def refusal(body: bytes) -> tuple[str, str]:
    with pytest.raises(Rejected) as caught:
        inspected_sdist(body)
    return fault(caught.value)[:2]


def test_an_sdist_comes_out_with_its_metadata() -> None:
    found = inspected_sdist(sdist_bytes())
    assert (found.kind, found.metadata) == ("sdist", metadata().decode())
    assert found.metadata_sha256 == hashlib.sha256(metadata()).hexdigest()
    assert [member.name for member in found.members] == ["demo-1.0/PKG-INFO", "demo-1.0/pyproject.toml"]
    assert (found.top_level, found.entry_points, found.signals) == ((), (), ())


@pytest.mark.parametrize("top", ["Demo-1.0", "demo-1.0.0"])
def test_a_top_folder_in_another_spelling_of_the_same_release_is_accepted(top: str) -> None:
    assert inspected_sdist(sdist_bytes(top=top)).kind == "sdist"


@pytest.mark.parametrize("top", ["demo", "other-1.0", "demo-1.1", "demo_1.0", "demo-1.0-2"])
def test_a_wrong_top_folder_is_refused(top: str) -> None:
    assert refusal(sdist_bytes(top=top)) == ("top-folder", top)


def test_two_top_folders_are_refused() -> None:
    assert refusal(sdist_bytes(None, tar_file(b"other/x"))) == ("top-folder", "archive")
    assert refusal(sdist_bytes(None, tar_file(b"package.xml"))) == ("top-folder", "archive")


def test_an_empty_sdist_is_refused() -> None:
    assert refusal(tar_gz()) == ("top-folder", "archive")


def test_a_top_that_is_no_folder_is_refused() -> None:
    assert refusal(tar_gz(tar_file(b"demo-1.0", b"x"))) == ("top-folder", "demo-1.0")


def test_an_sdist_without_pkg_info_is_refused() -> None:
    assert refusal(sdist_bytes({"setup.py": b""})) == ("sdist-metadata", "demo-1.0/PKG-INFO")
    folder = tar_gz(tar_folder(b"demo-1.0/PKG-INFO"))
    assert refusal(folder) == ("sdist-metadata", "demo-1.0/PKG-INFO")
    link = sdist_bytes({"x": metadata()}, tar_link(b"demo-1.0/PKG-INFO", b"x"))
    assert refusal(link) == ("sdist-metadata", "demo-1.0/PKG-INFO")


def test_pkg_info_that_is_not_utf8_is_refused() -> None:
    assert refusal(sdist_bytes({"PKG-INFO": b"\xff"})) == ("sdist-metadata", "demo-1.0/PKG-INFO")


def test_metadata_of_another_project_or_version_is_refused() -> None:
    assert refusal(sdist_bytes({"PKG-INFO": metadata("other")})) == ("name-mismatch", "demo-1.0/PKG-INFO")
    assert refusal(sdist_bytes({"PKG-INFO": metadata(version="2")})) == ("version-mismatch", "demo-1.0/PKG-INFO")


def test_licence_files_that_are_not_there_are_refused_from_metadata_2_4_on() -> None:
    wanted = metadata(more="License-File: legal/LICENSE\n")
    assert refusal(sdist_bytes({"PKG-INFO": wanted})) == ("license-file-missing", "License-File")
    there = sdist_bytes({"PKG-INFO": wanted, "legal/LICENSE": b""})
    assert inspected_sdist(there).kind == "sdist"
    linked = sdist_bytes({"PKG-INFO": wanted, "COPYING": b""}, tar_link(b"demo-1.0/legal/LICENSE", b"../COPYING"))
    assert inspected_sdist(linked).kind == "sdist"

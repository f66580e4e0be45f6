"""What makes a ZIP archive a wheel."""

from __future__ import annotations

import hashlib

import pytest

from customhouse.formats.inspection import Inspection, Limits
from customhouse.formats.wheel import parse_scripts, parse_wheel_file
from customhouse.terms.errors import Rejected
from formats.archives import (
    INFO,
    WHEEL,
    WHEEL_NAME,
    ZipMember,
    fault,
    folder,
    inspected_wheel,
    metadata,
    wheel_bytes,
    wheel_files,
    zip_bytes,
)


def refusal(body: bytes, filename: str = WHEEL_NAME) -> tuple[str, str]:
    with pytest.raises(Rejected) as caught:
        inspected_wheel(body, filename)
    return fault(caught.value)[:2]


def refused_with(**files: bytes) -> tuple[str, str]:
    """The refusal of the demo wheel with files of its .dist-info replaced (``_`` for ``.``)."""
    named = {f"{INFO}/{name.replace('_txt', '.txt')}": body for name, body in files.items()}
    return refusal(wheel_bytes(wheel_files(named)))


# --- what is accepted


def test_a_wheel_comes_out_with_metadata_top_level_names_and_scripts() -> None:
    files = wheel_files(
        {
            "demo.py": b"",
            "demo-1.0.data/purelib/demo_x/x.py": b"",
            "demo-1.0.data/scripts/demo-tool": b"#!python\n",
            f"{INFO}/entry_points.txt": b"[console_scripts]\nDemo = demo:main\n[other]\nb@d name = x:y\n",
        }
    )
    found = inspected_wheel(wheel_bytes(files))
    assert found.metadata == metadata().decode()
    assert found.metadata_sha256 == hashlib.sha256(metadata()).hexdigest()
    assert found.top_level == ("demo", "demo.py", "demo_x")
    assert found.entry_points == ("Demo", "demo-tool")
    assert found.expanded_bytes == sum(map(len, files.values()))
    assert {member.name for member in found.members} == set(files)
    assert found.signals == ()


def test_an_inspection_survives_its_way_over_a_process_border() -> None:
    found = inspected_wheel(wheel_bytes(wheel_files({"demo.pth": b"import demo\n"})))
    assert Inspection.from_dict(found.to_dict()) == found


def test_folders_need_not_be_in_record() -> None:
    members = [ZipMember(path.encode(), body) for path, body in wheel_files().items()]
    assert len(inspected_wheel(zip_bytes([folder(b"demo/"), *members])).members) == 5


@pytest.mark.parametrize("info", ["Demo-1.0.dist-info", "demo-1.0.0.dist-info", "demo-v1.0.dist-info"])
def test_a_dist_info_in_another_spelling_of_the_same_release_is_accepted(info: str) -> None:
    assert inspected_wheel(wheel_bytes(wheel_files(info=info))).kind == "bdist_wheel"


def test_sboms_may_hold_anything() -> None:
    files = wheel_files({f"{INFO}/sboms/odd name": b"\xff\xfe", f"{INFO}/unknown": b"?"})
    assert inspected_wheel(wheel_bytes(files)).kind == "bdist_wheel"


def test_vendored_dist_infos_further_down_are_legal() -> None:
    files = wheel_files({"demo/_vendor/other-2.0.dist-info/METADATA": b"x"})
    assert inspected_wheel(wheel_bytes(files)).kind == "bdist_wheel"


# --- .dist-info and .data


def test_a_wheel_without_dist_info_is_refused() -> None:
    assert refusal(zip_bytes([ZipMember(b"demo.py")])) == ("dist-info", "archive")
    assert refusal(zip_bytes([])) == ("dist-info", "archive")


@pytest.mark.parametrize(
    "second",
    [
        "other-1.0.dist-info/METADATA",
        "demo-1.0.DIST-INFO/METADATA",
        "Demo-1.0.dist-info/METADATA",
        "demo-1.0.data/purelib/other-1.0.dist-info/METADATA",
        "demo-1.0.data/platlib/other-1.0.dist-info/METADATA",
    ],
)
def test_two_dist_infos_are_refused(second: str) -> None:
    assert refusal(wheel_bytes(wheel_files({second: b"x"}))) == ("dist-info", "archive")


def test_the_dist_info_of_a_wheel_inside_data_is_refused() -> None:
    moved = {f"demo-1.0.data/purelib/{path}": body for path, body in wheel_files().items()}
    assert refusal(wheel_bytes(moved)) == ("dist-info", INFO)


@pytest.mark.parametrize("info", ["other-1.0.dist-info", "demo-1.1.dist-info", "demo.dist-info", "demo-x.dist-info"])
def test_the_dist_info_of_another_release_is_refused(info: str) -> None:
    assert refusal(wheel_bytes(wheel_files(info=info))) == ("dist-info", info)


def test_the_data_folder_of_another_project_is_refused() -> None:
    path = "other-1.0.data/purelib/x.py"
    assert refusal(wheel_bytes(wheel_files({path: b""}))) == ("data-folder", path)


@pytest.mark.parametrize("path", ["demo-1.0.data/stdlib/os.py", "demo-1.0.data/purelib", "demo-1.0.data/x"])
def test_a_place_that_no_installer_knows_is_refused(path: str) -> None:
    assert refusal(wheel_bytes(wheel_files({path: b""}))) == ("data-folder", path)


# --- METADATA


def test_a_wheel_without_metadata_is_refused() -> None:
    path = f"{INFO}/METADATA"
    assert refusal(wheel_bytes(wheel_files(without=(path,)))) == ("wheel-metadata", path)


def test_metadata_that_is_not_utf8_is_refused() -> None:
    assert refused_with(METADATA=b"Name: \xff")[0] == "wheel-metadata"


def test_metadata_of_another_project_or_version_is_refused() -> None:
    assert refused_with(METADATA=metadata("other"))[0] == "name-mismatch"
    assert refused_with(METADATA=metadata(version="1.1"))[0] == "version-mismatch"
    assert refused_with(METADATA=metadata(version="one"))[0] == "version-mismatch"
    assert refused_with(METADATA=b"Name: demo\n")[0] == "version-mismatch"
    assert refused_with(METADATA=b"")[0] == "name-mismatch"


def test_metadata_larger_than_the_limit_is_refused() -> None:
    with pytest.raises(Rejected) as caught:
        inspected_wheel(wheel_bytes(wheel_files()), limits=Limits(metadata_bytes=20))
    assert caught.value.code == "member-too-large"


def test_licence_files_that_are_not_there_are_refused_from_metadata_2_4_on() -> None:
    wanted = metadata(more="License-File: LICENSE\n")
    assert refused_with(METADATA=wanted) == ("license-file-missing", "License-File")
    assert refused_with(METADATA=wanted, LICENSE=b"") == ("license-file-missing", "License-File")
    there = wheel_files({f"{INFO}/METADATA": wanted, f"{INFO}/licenses/LICENSE": b""})
    assert inspected_wheel(wheel_bytes(there)).kind == "bdist_wheel"
    older = wheel_files({f"{INFO}/METADATA": metadata(more="License-File: LICENSE\n", metadata_version="2.1")})
    assert inspected_wheel(wheel_bytes(older)).kind == "bdist_wheel"


# --- WHEEL


def test_a_wheel_without_wheel_file_is_refused() -> None:
    path = f"{INFO}/WHEEL"
    assert refusal(wheel_bytes(wheel_files(without=(path,)))) == ("wheel-file", path)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"hello\n",
        b"Wheel-Version: 2.0\nRoot-Is-Purelib: true\n",
        b"Wheel-Version: 1\nRoot-Is-Purelib: true\n",
        b"Wheel-Version: 1.0\n",
        b"Wheel-Version: 1.0\nRoot-Is-Purelib: maybe\n",
        b"Wheel-Version: 1.0\nWheel-Version: 1.0\nRoot-Is-Purelib: true\n",
        b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3\n",
        b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any-more\n",
        b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: " + b"-".join([b".".join([b"a"] * 900)] * 3) + b"\n",
        b"\xff",
    ],
)
def test_a_damaged_wheel_file_is_refused(body: bytes) -> None:
    assert refused_with(WHEEL=body) == ("wheel-file", f"{INFO}/WHEEL")


def test_a_newer_minor_version_and_unknown_keys_are_accepted() -> None:
    wheel = parse_wheel_file(
        "Wheel-Version: 1.9\nroot-is-purelib: False\nUnknown: x\n\nTag: py2.py3-none-any\n", "WHEEL"
    )
    assert wheel.version == (1, 9)
    assert not wheel.root_is_purelib
    assert {str(tag) for tag in wheel.tags} == {"py2-none-any", "py3-none-any"}


def test_tags_that_differ_from_the_file_name_are_a_signal() -> None:
    body = wheel_bytes(wheel_files({f"{INFO}/WHEEL": WHEEL.replace(b"py3", b"cp311")}))
    (signal,) = inspected_wheel(body).signals
    assert (signal.code, signal.where) == ("tags-differ", f"{INFO}/WHEEL")
    assert signal.detail == "WHEEL: cp311-none-any; file name: py3-none-any"


def test_a_build_that_differs_from_the_file_name_is_a_signal() -> None:
    body = wheel_bytes(wheel_files({f"{INFO}/WHEEL": WHEEL + b"Build: 2\n"}))
    assert [s.code for s in inspected_wheel(body).signals] == ["tags-differ"]
    assert inspected_wheel(body, "demo-1.0-2-py3-none-any.whl").signals == ()


# --- entry points


@pytest.mark.parametrize("script", ["../evil", "a/b", "a b", "a\\b", "a$", "é!"])
def test_a_script_with_a_name_that_is_no_file_name_is_refused(script: str) -> None:
    body = f"[console_scripts]\n{script} = demo:main\n".encode()
    assert refused_with(entry_points_txt=body) == ("entry-points", f"{INFO}/entry_points.txt")
    body = f"[gui_scripts]\n{script} = demo:main\n".encode()
    assert refused_with(entry_points_txt=body) == ("entry-points", f"{INFO}/entry_points.txt")


@pytest.mark.parametrize(
    "body",
    [
        b"hello",
        b"[console_scripts]\na = b:c\na = d:e\n",
        b"[a]\n[a]\n",
        b"[console_scripts\n",
        b"\xff",
        b"a=b\n",
        b"[a]\n=b\n",
    ],
)
def test_entry_points_that_cannot_be_read_are_refused(body: bytes) -> None:
    assert refused_with(entry_points_txt=body) == ("entry-points", f"{INFO}/entry_points.txt")


def test_an_indented_line_is_an_entry_too() -> None:
    assert parse_scripts(b"[console_scripts]\na = b:c\n   d = e:f\r\n# g = h\n; i\n\n", "x") == ("a", "d")
    with pytest.raises(Rejected):
        parse_scripts(b"[console_scripts]\na = b:c\n   ../d = e:f\n", "x")


def test_entry_points_of_many_blanks_are_read_at_once() -> None:
    with pytest.raises(Rejected):
        parse_scripts(b"[console_scripts]\na" + b" " * 1_000_000 + b"b\n", "x")


def test_the_case_of_scripts_is_kept_and_percent_signs_are_text() -> None:
    assert parse_scripts(b"[console_scripts]\nRun = demo:main\nrun = demo:main  ; x\n[x]\na = %(b)s\n", "x") == (
        "Run",
        "run",
    )

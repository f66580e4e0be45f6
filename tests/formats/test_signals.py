"""Legal but notable: each signal is raised where it should be, and only there."""

from __future__ import annotations

import pytest

from customhouse.formats.inspection import Signal
from customhouse.formats.signals import MAX_OF_A_KIND
from formats.archives import INFO, inspected_sdist, inspected_wheel, metadata, sdist_bytes, wheel_bytes, wheel_files


def of_wheel(files: dict[str, bytes]) -> list[tuple[str, str]]:
    return [(s.code, s.where) for s in inspected_wheel(wheel_bytes(wheel_files(files))).signals]


def of_sdist(files: dict[str, bytes]) -> list[Signal]:
    return list(inspected_sdist(sdist_bytes({"PKG-INFO": metadata(), **files})).signals)


@pytest.mark.parametrize(
    ("path", "code", "where"),
    [
        ("demo.pth", "pth-file", "demo.pth"),
        ("demo.PTH", "pth-file", "demo.PTH"),
        ("demo.start", "pth-file", "demo.start"),
        ("demo-1.0.data/purelib/demo.pth", "pth-file", "demo.pth"),
        ("demo-1.0.data/platlib/demo.pth", "pth-file", "demo.pth"),
        ("demo-1.0.data/data/lib/python3.12/site-packages/demo.pth", "pth-file", "demo.pth"),
        ("demo-1.0.data/data/local/lib/python3.12/dist-packages/demo.start", "pth-file", "demo.start"),
        ("demo-1.0.data/data/Lib/Site-Packages/demo.pth", "pth-file", "demo.pth"),
        ("demo-1.0.data/data/site-packages/demo.pth", "pth-file", "demo.pth"),
        # On Windows the folder of the interpreter itself is a site directory.
        ("demo-1.0.data/data/demo.pth", "pth-file", "demo.pth"),
        ("demo/old.pyc", "bytecode-without-source", "demo/old.pyc"),
        ("demo/__pycache__/old.cpython-311.pyc", "bytecode-without-source", "demo/__pycache__/old.cpython-311.pyc"),
        ("demo/x.pye", "encrypted-code", "demo/x.pye"),
        ("demo/\u202egnp.py", "bidi-control", "demo/\u202egnp.py"),
        ("demo-1.0.data/scripts/git", "common-script-name", "git"),
        ("demo-1.0.data/scripts/python3.exe", "common-script-name", "python3.exe"),
    ],
)
def test_a_notable_file_in_a_wheel_is_a_signal(path: str, code: str, where: str) -> None:
    assert of_wheel({path: b"x"}) == [(code, where)]


@pytest.mark.parametrize(
    "path",
    [
        "demo/inner.pth",
        "demo/sitecustomize.py",
        "demo/os.py",
        "demo/__pycache__/__init__.cpython-311.pyc",
        "demo/__init__.pyc",
        "demo-1.0.data/scripts/demo",
        "demo-1.0.data/headers/os.py",
        "demo-1.0.data/data/share/demo/demo.pth",
        "demo-1.0.data/data/share/demo/sitecustomize.py",
        "demo-1.0.data/data/lib/demo.py",
        "demo-1.0.data/data/lib/python3.12/site-packages/demo/inner.pth",
        "demo-1.0.data/data/lib/python3.12/site-packages/demo/site-packages/inner.pth",
        "demo_extra.py",
        "_demo.cpython-311-x86_64-linux-gnu.so",
        "not-a-module.txt",
    ],
)
def test_an_ordinary_file_in_a_wheel_is_no_signal(path: str) -> None:
    assert of_wheel({path: b"x"}) == []


@pytest.mark.parametrize(
    "folder",
    [
        "",
        "demo-1.0.data/purelib/",
        "demo-1.0.data/data/lib/python3.12/site-packages/",
        "demo-1.0.data/data/Lib/site-packages/",
        "demo-1.0.data/data/",
        "demo-1.0.data/data/Lib/",
        "demo-1.0.data/data/lib/python3.13t/",
    ],
)
def test_sitecustomize_is_a_signal_as_module_and_as_package(folder: str) -> None:
    assert ("sitecustomize", "sitecustomize.py") in of_wheel({f"{folder}sitecustomize.py": b""})
    assert ("sitecustomize", "usercustomize/__init__.py") in of_wheel({f"{folder}usercustomize/__init__.py": b""})


def test_a_module_that_shadows_the_standard_library_is_a_signal() -> None:
    assert ("shadows-stdlib", "json") in of_wheel({"json.py": b""})
    assert ("shadows-stdlib", "ssl") in of_wheel({"ssl.cpython-311-x86_64-linux-gnu.so": b""})
    assert ("shadows-stdlib", "email") in of_wheel({"demo-1.0.data/purelib/email/__init__.py": b""})


def test_a_module_with_nothing_in_common_with_the_project_is_a_signal() -> None:
    assert of_wheel({"requests/__init__.py": b""}) == [("foreign-top-level", "requests")]


def test_an_entry_point_named_like_a_common_tool_is_a_signal() -> None:
    points = b"[console_scripts]\npip = demo:main\ndemo = demo:main\n"
    assert of_wheel({f"{INFO}/entry_points.txt": points}) == [("common-script-name", "pip")]


@pytest.mark.parametrize(
    "body",
    [
        b"from pyarmor_runtime_000000 import __pyarmor__\n__pyarmor__(__name__, __file__, b'PY')\n",
        b"from pytransform import pyarmor\n",
        b"import sourcedefender\n---BEGIN PYE FILE---\n",
    ],
)
def test_code_that_only_its_maker_can_read_is_a_signal(body: bytes) -> None:
    assert of_wheel({"demo/secret.py": body}) == [("encrypted-code", "demo/secret.py")]
    assert [s.code for s in of_sdist({"demo/secret.py": body})] == ["encrypted-code"]


def test_names_that_collide_by_case_are_a_signal() -> None:
    assert of_wheel({"demo/A.py": b"", "demo/a.py": b""}) == [("case-collision", "demo/a.py")]


def test_folders_that_collide_by_case_are_a_signal() -> None:
    assert ("case-collision", "demo") in of_wheel({"Demo/b.py": b""})


def test_names_that_collide_by_unicode_form_are_a_signal() -> None:
    assert of_wheel({"demo/\u00e9.py": b"", "demo/e\u0301.py": b""}) == [("unicode-collision", "demo/\u00e9.py")]
    assert of_wheel({"demo/\ufb01.py": b"", "demo/fi.py": b""}) == [("unicode-collision", "demo/\ufb01.py")]


def test_names_beyond_ascii_that_do_not_collide_are_no_signal() -> None:
    assert of_wheel({"demo/\u00e9.py": b"", "demo/e.py": b""}) == []


@pytest.mark.parametrize("line", ["exec(open('x').read())", "x = eval ('1')", "__import__('os')", "compile(a, b, c)"])
def test_text_run_as_code_in_setup_is_a_signal(line: str) -> None:
    signals = of_sdist({"setup.py": f"import os\n{line}\n".encode()})
    assert signals == [Signal("exec-in-setup", "demo-1.0/setup.py", "line 2 runs text as code")]


@pytest.mark.parametrize("line", ["re.compile('x')", "cursor.exec(1)", "executor(1)", "my_eval(1)", "# exec"])
def test_what_only_looks_like_exec_is_no_signal(line: str) -> None:
    assert of_sdist({"setup.py": line.encode()}) == []


def test_setup_files_further_down_are_no_signal() -> None:
    assert of_sdist({"tests/setup.py": b"exec(x)"}) == []


def test_an_sdist_whose_metadata_promises_nothing_is_a_signal() -> None:
    for pkg_info in (metadata(metadata_version="2.1"), metadata(more="Dynamic: Requires-Dist\n")):
        (signal,) = of_sdist({"PKG-INFO": pkg_info})
        assert (signal.code, signal.where) == ("no-static-metadata", "demo-1.0/PKG-INFO")


def test_startup_files_and_byte_code_in_an_sdist_are_signals() -> None:
    codes = [s.code for s in of_sdist({"demo.pth": b"", "demo/x.pyc": b""})]
    assert codes == ["pth-file", "bytecode-without-source"]


def test_one_kind_of_signal_is_stored_a_bounded_number_of_times() -> None:
    many = {f"demo/{n}.pyc": b"" for n in range(MAX_OF_A_KIND + 10)}
    assert len(of_wheel(many)) == MAX_OF_A_KIND
    many = {f"demo/{n}.pye": b"x" for n in range(MAX_OF_A_KIND + 10)}
    assert len(of_wheel(many)) == MAX_OF_A_KIND

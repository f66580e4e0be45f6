"""Which file names are taken, and what is read from them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customhouse.formats.filenames import MAX_FILENAME, SdistName, WheelName, parse_filename
from customhouse.terms.errors import Rejected


@pytest.mark.parametrize(
    ("filename", "name", "version", "stem"),
    [
        ("demo-1.0-py3-none-any.whl", "demo", "1.0", "demo-1.0"),
        ("Demo_Pkg-1.0.post1-1a-cp311-cp311-win_amd64.whl", "demo-pkg", "1.0.post1", "Demo_Pkg-1.0.post1"),
        ("demo-1!2.0-py2.py3-none-any.whl", "demo", "1!2.0", "demo-1!2.0"),
        ("demo_pkg-1.0.tar.gz", "demo-pkg", "1.0", "demo_pkg-1.0"),
    ],
)
def test_a_good_name_is_read(filename: str, name: str, version: str, stem: str) -> None:
    parsed = parse_filename(filename)
    assert (parsed.name, str(parsed.version), parsed.stem) == (name, version, stem)
    assert isinstance(parsed, SdistName if filename.endswith(".gz") else WheelName)


@pytest.mark.parametrize(
    "platform",
    [
        "any", "win32", "win_arm64", "manylinux1_x86_64", "manylinux2014_aarch64", "manylinux_2_28_riscv64",
        "musllinux_1_2_armv6l", "macosx_10_9_universal2", "macosx_11_0_arm64", "ios_13_0_arm64_iphoneos",
        "android_21_arm64_v8a", "pyemscripten_2025_0_wasm32", "pyodide_2025_0_wasm32", "linux_armv7l",
        "manylinux2014_x86_64.manylinux_2_17_x86_64",
    ],
)  # fmt: skip
def test_a_platform_that_a_public_index_takes(platform: str) -> None:
    parsed = parse_filename(f"demo-1.0-cp312-cp312-{platform}.whl", linux_tags=False)
    assert isinstance(parsed, WheelName)
    assert {tag.platform for tag in parsed.tags} == set(platform.split("."))


@pytest.mark.parametrize(
    "platform",
    ["linux_x86_64", "manylinux_2_28_sparc", "macosx_11_0_ppc", "plan9_x86", "android_21_riscv", "any.linux_x86_64"],
)
def test_a_platform_that_a_public_index_refuses(platform: str) -> None:
    with pytest.raises(Rejected) as caught:
        parse_filename(f"demo-1.0-cp312-cp312-{platform}.whl", linux_tags=False)
    assert caught.value.code == "bad-platform"


def test_plain_linux_wheels_are_a_setting() -> None:
    name = "demo-1.0-cp312-cp312-linux_x86_64.whl"
    assert str(parse_filename(name, linux_tags=True).version) == "1.0"
    with pytest.raises(Rejected, match="linux_x86_64"):
        parse_filename(name, linux_tags=False)


@pytest.mark.parametrize(
    ("filename", "part_of_the_reason"),
    [
        ("demo-1.0-py3-none-any.egg", "PEP 715"),
        ("demo-1.0.zip", "PEP 625"),
        ("demo-1.0.tar.bz2", "not a wheel or sdist"),
        ("demo.whl", "not a wheel's name"),
        (f"demo-{'9' * 5000}-py3-none-any.whl", "5022 characters are too many"),
        (f"demo-{'9' * 5000}.tar.gz", "5012 characters are too many"),
        (f"demo-1-{'9' * 5000}-py3-none-any.whl", "5024 characters are too many"),
        ("../demo-1.0-py3-none-any.whl", "path separator"),
        ("a\\demo-1.0.tar.gz", "path separator"),
        ("demo-1.0\x00.tar.gz", "control character"),
        ("demo-1.0-py3-none-any\n.whl", "control character"),
        ("Demo-1.0.tar.gz", "PEP 625 asks"),
        ("demo-pkg-1.0.tar.gz", "PEP 625 asks"),
        ("demo-1.0.0-final.tar.gz", "not an sdist's name"),
        ("demo-01.0.tar.gz", "normal form"),
        ("demo-1.0RC1.tar.gz", "normal form"),
        ("demo-\u0661.0.tar.gz", "not an sdist's name"),
        ("dem\u00f6-1.0-py3-none-any.whl", "character that no part"),
        ("demo-.tar.gz", "not an sdist's name"),
        ("x" * MAX_FILENAME + ".tar.gz", "too many"),
        ("", "not a wheel or sdist"),
    ],
)
def test_a_bad_name_is_refused_with_its_reason(filename: str, part_of_the_reason: str) -> None:
    with pytest.raises(Rejected) as caught:
        parse_filename(filename)
    assert caught.value.where == "filename"
    assert part_of_the_reason in str(caught.value)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Demo_Pkg-1.0-py3-none-any.whl", "demo_pkg-1.0-py3-none-any.whl"),
        ("demo-1.0-py3-none-any.whl", "demo-1.0.0-py3-none-any.whl"),
        ("demo-1.0-py2.py3-none-any.whl", "demo-1.0-py3.py2-none-any.whl"),
    ],
)
def test_two_spellings_of_one_wheel_may_share_a_key(one: str, other: str) -> None:
    """1.0 and 1.0.0 are equal versions but different releases' spellings; the key keeps what `str` keeps."""
    first, second = parse_filename(one), parse_filename(other)
    assert (first.key == second.key) == (str(first.version) == str(second.version))


@given(st.text(max_size=60) | st.from_regex(r"\A[A-Za-z0-9_.-]{1,20}-[0-9.a-z!+]{1,8}(-[a-z0-9_.]{1,9}){3}\.whl\Z"))
def test_any_text_is_read_or_rejected_and_what_is_read_is_stable(text: str) -> None:
    try:
        parsed = parse_filename(text)
    except Rejected:
        return
    assert parse_filename(parsed.filename).key == parsed.key
    assert "/" not in parsed.key
    assert parsed.key.isascii()

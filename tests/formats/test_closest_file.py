"""Which file of one release is compared with which of another."""

from __future__ import annotations

import pytest

from customhouse.formats.closest_file import pair_files
from customhouse.formats.filenames import parse_filename

LINUX = "cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64"
NEWER_LINUX = "cp312-cp312-manylinux_2_28_x86_64"
ARM = "cp312-cp312-manylinux_2_28_aarch64"
MUSL = "cp312-cp312-musllinux_1_2_x86_64"
MAC = "cp312-cp312-macosx_11_0_arm64"
WINDOWS = "cp312-cp312-win_amd64"
PURE = "py3-none-any"


def wheels(version: str, *tags: str) -> list[str]:
    return [f"demo-{version}-{tag}.whl" for tag in tags]


def pairs(old: list[str], new: list[str]) -> list[tuple[str, str]]:
    found = pair_files([parse_filename(name) for name in old], [parse_filename(name) for name in new])
    return [(pair.old.filename, pair.new.filename) for pair in found]


@pytest.mark.parametrize(
    ("new", "old", "closest"),
    [
        (PURE, [LINUX, PURE], PURE),
        ("py2.py3-none-any", [LINUX, PURE], PURE),
        (NEWER_LINUX, [MAC, ARM, LINUX, MUSL, WINDOWS], LINUX),
        (ARM, [LINUX, MAC], LINUX),
        (MUSL, [LINUX, "cp312-cp312-musllinux_1_1_x86_64"], "cp312-cp312-musllinux_1_1_x86_64"),
        (LINUX, [LINUX.replace("cp312", "cp311"), MAC], LINUX.replace("cp312", "cp311")),
        (LINUX.replace("cp312", "cp313"), [LINUX, LINUX.replace("cp312", "cp311")], LINUX.replace("cp312", "cp311")),
        ("cp313-abi3-win_amd64", [WINDOWS, "cp312-abi3-win_amd64"], "cp312-abi3-win_amd64"),
        ("cp312-cp312-win32", [WINDOWS, LINUX], WINDOWS),
        ("cp312-cp312-macosx_14_0_arm64", ["cp312-cp312-macosx_10_13_x86_64", MAC], MAC),
    ],
)
def test_the_closest_wheel_is_the_one_for_the_same_machine(new: str, old: list[str], closest: str) -> None:
    assert pairs(wheels("1.0", *old), wheels("2.0", new)) == [(*wheels("1.0", closest), *wheels("2.0", new))]


def test_wheels_come_before_sdists_and_those_for_any_platform_first() -> None:
    old = ["demo-1.0.tar.gz", *wheels("1.0", LINUX, PURE)]
    new = ["demo-2.0.tar.gz", *wheels("2.0", WINDOWS, LINUX, PURE)]
    assert [name for _, name in pairs(old, new)] == [*wheels("2.0", PURE, LINUX, WINDOWS), "demo-2.0.tar.gz"]


def test_kinds_are_never_mixed() -> None:
    assert pairs(["demo-1.0.tar.gz"], wheels("2.0", PURE)) == []
    assert pairs(wheels("1.0", PURE), ["demo-2.0.tar.gz"]) == []
    assert pairs(["demo-1.0.tar.gz"], ["demo-2.0.tar.gz"]) == [("demo-1.0.tar.gz", "demo-2.0.tar.gz")]

"""The libraries of real wheels, against labels that were made by hand: names, versions, and what nobody can know."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bundled_wheels import fetched, pinned
from customhouse.formats.bundled.model import BundledScan
from customhouse.formats.bundled.scan import scan_wheel

pytestmark = pytest.mark.slow

DATA = Path(__file__).parents[1] / "data/advisories"
LABELS = json.loads((DATA / "bundled-libs.json").read_text())
MORE = json.loads((DATA / "bundled-libs-more.json").read_text())
CURRENT = [name for name in LABELS if not name.startswith("Pillow-")]


@pytest.fixture(scope="module")
def scans() -> dict[str, BundledScan]:
    """Every wheel scanned once."""
    paths = dict(zip([one.stem for one in pinned()], fetched(), strict=True))
    return {name: scan_wheel(paths[name]) for name in (*LABELS, *MORE)}


def answers(scan: BundledScan, rows: list[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], str | None, bool]]:
    """Each label, the version that was found, and whether the library was found at all."""
    for row in rows:
        found = [
            one for one in scan.libraries if one.name == row["library"] and f"/{one.file}".endswith(f"/{row['file']}")
        ]
        yield row, found[0].version if found else None, bool(found)


def test_at_least_52_of_57_are_right_on_the_seven_current_wheels(scans: dict[str, BundledScan]) -> None:
    judged = [one for name in CURRENT for one in answers(scans[name], LABELS[name])]
    assert len(judged) == 57
    assert sum(there and version == row["version"] for row, version, there in judged) >= 52


@pytest.mark.parametrize("name", [*LABELS, *MORE])
def test_no_version_is_wrong_and_what_nobody_knows_is_unknown(name: str, scans: dict[str, BundledScan]) -> None:
    for row, version, there in answers(scans[name], LABELS.get(name) or MORE[name]):
        assert there, row
        assert version in (None, row["version"]), row
        assert row["version"] is not None or version is None, row


@pytest.mark.parametrize("name", MORE)
def test_nine_of_ten_are_right_on_further_wheels(name: str, scans: dict[str, BundledScan]) -> None:
    judged = list(answers(scans[name], MORE[name]))
    assert sum(there and version == row["version"] for row, version, there in judged) >= 0.9 * len(judged)


def test_pillow_10_0_0_has_the_vulnerable_libwebp_and_10_0_1_the_mended_one(scans: dict[str, BundledScan]) -> None:
    for name, version in (("Pillow-10.0.0", "1.3.1"), ("Pillow-10.0.1", "1.3.2")):
        assert {one.version for one in scans[name].libraries if one.name == "libwebp"} == {version}


def test_no_evidence_of_a_real_wheel_contradicts_itself(scans: dict[str, BundledScan]) -> None:
    assert [(one.file, one.versions) for scan in scans.values() for one in scan.libraries if one.conflicting] == []


def test_a_wheel_of_60_mb_takes_less_than_two_seconds() -> None:
    (path,) = fetched("opencv_python_headless-5.0.0.93")
    assert path.stat().st_size > 60_000_000
    # Of processor time, so that neighbours of this test do not count.
    started = time.process_time()
    scan_wheel(path)
    assert time.process_time() - started < 2

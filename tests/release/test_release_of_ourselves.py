"""The pipeline by which Customhouse is released: clean, whole, and about this very tree."""

from __future__ import annotations

import tomllib
from pathlib import Path

from customhouse.formats.pipeline.lint import lint
from customhouse.formats.pipeline.read import read_pipeline
from customhouse.release.building.wheels import read_lock

ROOT = Path(__file__).resolve().parents[2]
PIPELINE = ROOT / "release.toml"


def test_nothing_is_wrong_with_the_pipeline_that_we_are_released_by() -> None:
    pipeline = read_pipeline(PIPELINE.read_text(), where=PIPELINE.name)
    assert lint(pipeline) == []
    assert pipeline.project == "customhouse"


def test_our_build_is_locked_with_the_pins_and_hashes_that_we_develop_with() -> None:
    build = read_lock((ROOT / "requirements" / "build.txt").read_bytes(), "build.txt")
    develop = read_lock((ROOT / "requirements" / "dev.txt").read_bytes(), "dev.txt")
    assert set(build.pins) <= set(develop.pins)
    assert build.hashes <= develop.hashes
    backend = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"]
    assert all(map(build.satisfies, backend))


def test_what_is_not_released_yet_stands_under_one_heading() -> None:
    lines = (ROOT / "CHANGELOG.md").read_text().splitlines()
    assert lines.count("## Unreleased") == 1, "the release writes its version over this heading"

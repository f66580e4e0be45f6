"""The unmodified in-toto judges a run that was exported as its layout and links."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from in_toto.exceptions import RuleVerificationError, ThresholdVerificationError  # type: ignore[import-untyped]
from in_toto.models._signer import load_public_key_from_file  # type: ignore[import-untyped]
from in_toto.models.metadata import Metadata  # type: ignore[import-untyped]
from in_toto.verifylib import in_toto_verify  # type: ignore[import-untyped]

from customhouse.release.evidence.layout import LAYOUT, OWNER, Keys, envelope, layout_files, link_name, links
from released import Puppet

EXPIRES = datetime(2099, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Puppet:
    return Puppet(tmp_path_factory.mktemp("run"), sigstore=False).release()


@pytest.fixture
def export(run: Puppet, tmp_path: Path) -> tuple[Path, Keys]:
    assert run.state is not None
    keys = Keys.new(run.state.pipeline)
    for name, body in layout_files(run.state, keys, expires=EXPIRES).items():
        (tmp_path / name).write_bytes(body)
    return tmp_path, keys


def judge(folder: Path) -> None:
    key = load_public_key_from_file(str(folder / OWNER))
    in_toto_verify(Metadata.load(str(folder / LAYOUT)), {key["keyid"]: key}, link_dir_path=str(folder))


def say_otherwise(run: Puppet, folder: Path, keys: Keys, step: str, actor: str, part: str) -> None:
    """Another digest of the wheel, rightly signed by the actor who says it."""
    assert run.state is not None
    found: dict[str, Any] = dict(links(run.state, run.state.pipeline.step(step)))[actor]
    name = next(one for one in found[part] if one.endswith(".whl"))
    found[part][name] = {"sha256": "0" * 64}
    (folder / link_name(step, keys.actors[actor])).write_bytes(envelope(found, keys.actors[actor]))


def test_in_toto_verify_agrees(export: tuple[Path, Keys]) -> None:
    folder, _ = export
    command = [str(Path(sys.executable).with_name("in-toto-verify")), "-l", LAYOUT, "--verification-keys", OWNER]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_different_rebuild_misses_the_threshold(run: Puppet, export: tuple[Path, Keys]) -> None:
    say_otherwise(run, *export, "build", "ci-b", "products")
    with pytest.raises(ThresholdVerificationError):
        judge(export[0])


def test_a_swap_before_signing_breaks_a_rule(run: Puppet, export: tuple[Path, Keys]) -> None:
    say_otherwise(run, *export, "sign", "rm", "materials")
    with pytest.raises(RuleVerificationError):
        judge(export[0])


def test_a_swap_between_test_and_publication_breaks_a_rule(run: Puppet, export: tuple[Path, Keys]) -> None:
    say_otherwise(run, *export, "publish", "rm", "materials")
    with pytest.raises(RuleVerificationError):
        judge(export[0])


def test_a_file_that_is_left_out_breaks_a_rule(run: Puppet, export: tuple[Path, Keys]) -> None:
    folder, keys = export
    assert run.state is not None
    found = dict(links(run.state, run.state.pipeline.step("test")))["ci-b"]
    found["materials"].pop(next(one for one in found["materials"] if one.endswith(".whl")))
    (folder / link_name("test", keys.actors["ci-b"])).write_bytes(envelope(found, keys.actors["ci-b"]))
    with pytest.raises(RuleVerificationError):
        judge(folder)

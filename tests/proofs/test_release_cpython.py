"""CPython's real source, released by its template: ten steps, three people, two builders, the tag last.

`make prove` runs it. It fetches 36 MB from Debian, and takes minutes: two builders write both source archives, and the
interpreter is compiled from what was staged. What it measures goes to ``.cache/cpython`` for `docs/release-cpython.md`.

``CUSTOMHOUSE_CPYTHON_TESTS`` names other test modules of CPython, with blanks between.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx2 as httpx
import pytest

from command_line import customhouse
from cpython_release import CpythonRelease, cpython_release, durations
from cpython_source import BLURBS, BRANCH, NoDebian, fetch_archive, import_source
from customhouse.release.picture.draw import draw
from customhouse.release.rules import replay
from customhouse.release.sealed import Sealed
from customhouse.release.state import State
from demonstration import builders, settings_for_builders
from sealed_project import git
from world import Server

pytestmark = pytest.mark.prove

TESTS = "test_grammar test_json test_hashlib"
KEPT = Path(__file__).parents[2] / ".cache" / "cpython"
"""Where the figures of the last run lie."""


@dataclass
class Shipped:
    """A release that has ended."""

    world: CpythonRelease
    lines: list[Sealed]
    state: State

    @property
    def public(self) -> Path:
        """What strangers get."""
        return self.world.public / self.world.version


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shipped]:
    """The release, done once."""
    folder = tmp_path_factory.mktemp("cpython")
    try:
        archive = fetch_archive(folder / "debian")
    except NoDebian as error:
        pytest.skip(f"CPython's source comes from Debian, which cannot be reached: {error}")
    source = import_source(archive, folder / "imported")
    tests = tuple(os.environ.get("CUSTOMHOUSE_CPYTHON_TESTS", TESTS).split())
    load = os.getloadavg()
    with builders() as builds:
        server = Server(folder / "data", environment=settings_for_builders(builds), named=True)
        server.start()
        try:
            with cpython_release(server, folder / "release", builds, source, tests) as world:
                world.release()
                lines = world.lines()
                keep_figures(world, lines, load)
                yield Shipped(world, lines, replay(lines))
        finally:
            server.stop()


def keep_figures(world: CpythonRelease, lines: list[Sealed], load: tuple[float, float, float]) -> None:
    """Times, sizes and the picture, for the documentation."""
    KEPT.mkdir(parents=True, exist_ok=True)
    state = replay(lines)
    public = world.public / world.version
    figures = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "status": state.status,
        "stop": str(state.stop or ""),
        "load_before": load, "load_after": os.getloadavg(), "processors": os.cpu_count(),
        "lines": len(lines),
        "seconds": round((lines[-1].at - lines[0].at).total_seconds(), 1),
        "steps": {
            one.step: {"seconds": round(one.seconds, 1), "people": round(one.people_seconds, 1)}
            for one in durations(lines)
        },
        "said": {one.id: dict(one.facts) for one in state.steps.values() if one.id in ("build-src", "test")},
        "bytes": {one.name: one.stat().st_size for one in sorted(public.iterdir())} if public.is_dir() else {},
    }  # fmt: skip
    (KEPT / "figures.json").write_text(json.dumps(figures, indent=1))
    (KEPT / "journal.jsonl").write_text("".join(f"{line.hash}\n" for line in lines))
    (KEPT / "run.svg").write_text(draw(state.pipeline, state, now=lines[-1].at))
    (KEPT / "logs.txt").write_text(world.logs())


def test_it_comes_to_its_end(shipped: Shipped) -> None:
    assert shipped.state.stop is None, shipped.state.stop
    assert shipped.state.status == "released", shipped.world.logs()
    skipped = {one.id for one in shipped.state.steps.values() if one.status == "skipped"}
    assert skipped == {"docs"}


def test_two_builders_made_the_same_archives_bit_for_bit(shipped: Shipped) -> None:
    build = shipped.state.steps["build-src"]
    (again,) = build.rebuilds
    assert (again.by, again.agrees) == ("ci-b", True)
    assert again.outputs == build.outputs
    names = [one.name for one in build.outputs["src"]]
    assert names == [f"Python-{shipped.world.version}.tar.xz", f"Python-{shipped.world.version}.tgz"]


def test_what_strangers_get_is_what_was_built_handed_in_and_signed(shipped: Shipped) -> None:
    version = shipped.world.version
    files = [f"Python-{version}.tgz", f"Python-{version}.tar.xz", f"Python-{version}.spdx.json",
             f"Python-{version}.cdx.json", f"python-{version}-amd64.exe", f"python-{version}-embed-amd64.zip",
             f"python-{version}-macos11.pkg"]  # fmt: skip
    signatures = [f"{name}{ending}" for name in files for ending in (".sigstore.json", ".asc")]
    assert {one.name for one in shipped.public.iterdir()} == {*files, *signatures, "SHA256SUMS"}
    made = {one.name: one.digest for things in shipped.state.artifacts.values() for one in things}
    for name in (*files, *signatures):
        assert hashlib.sha256((shipped.public / name).read_bytes()).hexdigest() == made[name], name
    done = subprocess.run(
        ["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"], cwd=shipped.public, check=False,
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


def test_the_archive_says_the_version_and_holds_the_changelog(shipped: Shipped) -> None:
    version = shipped.world.version
    with tarfile.open(shipped.public / f"Python-{version}.tar.xz") as archive:
        read = {
            name: (archive.extractfile(f"Python-{version}/{name}") or pytest.fail(name)).read().decode()
            for name in ("Include/patchlevel.h", "README.rst", f"Misc/NEWS.d/{version}.rst")
        }
    assert f'#define PY_VERSION              "{version}"' in read["Include/patchlevel.h"]
    assert "#define PY_MICRO_VERSION        99" in read["Include/patchlevel.h"]
    assert read["README.rst"].startswith(f"This is Python version {version}\n")
    for text in BLURBS.values():
        assert text in read[f"Misc/NEWS.d/{version}.rst"]


def test_an_interpreter_of_that_version_was_compiled_from_what_was_staged_and_passed_its_tests(
    shipped: Shipped,
) -> None:
    facts = shipped.state.steps["test"].facts
    assert any("passed in" in text for text in facts.values()), facts
    assert any(f"Python {shipped.world.version}" in text for text in facts.values()), facts


def test_upstream_has_branch_and_signed_tag_and_is_open_again(shipped: Shipped) -> None:
    world, at = shipped.world, shipped.world.state()
    tag = f"v{world.version}"
    for remote in (world.upstream, world.fork):
        assert git(remote, "rev-parse", f"refs/tags/{tag}") == at.tag
        assert git(remote, "rev-parse", f"refs/heads/{BRANCH}") == at.commit
    assert git(world.upstream, "rev-list", "--parents", "--max-count=1", at.commit).split()[1] == (
        git(world.source, "rev-parse", "HEAD")
    )
    assert git(world.upstream, "for-each-ref", "refs/customhouse/lock") == ""
    done = subprocess.run(
        ["git", "-C", str(world.upstream), "verify-tag", tag], check=False, capture_output=True, text=True,
        env={"PATH": os.environ["PATH"], "GNUPGHOME": str(world.gpg.path), "HOME": str(world.folder)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_the_tag_was_public_only_after_the_files(shipped: Shipped) -> None:
    ended = {one.id: one.ended_at for one in shipped.state.steps.values()}
    assert ended["test"] < ended["stop"] < ended["sign"] < ended["publish"]  # type: ignore[operator]
    assert ended["publish"] < ended["fetch-back"] < ended["push-last"]  # type: ignore[operator]


def test_its_bundle_verifies_offline(shipped: Shipped, tmp_path: Path) -> None:
    world = shipped.world
    made = customhouse(
        "release", "bundle", world.page, "--actor", "rm", "--folder", str(world.machines["rm"].home / "work"),
        "-o", str(tmp_path),
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    (bundle,) = tmp_path.glob("*.release.tar")
    KEPT.mkdir(parents=True, exist_ok=True)
    shutil.copy(bundle, KEPT)
    trust = httpx.get(f"{world.host.url}/sigstore/trust_config.json", timeout=60).json()["trustedRoot"]
    root = tmp_path / "trusted_root.json"
    root.write_text(json.dumps(trust))
    done = customhouse(
        "release", "verify", str(bundle), "--trust-root", str(root), "--repo", str(world.upstream),
        *(word for one in sorted(shipped.public.glob("[Pp]ython-*")) if one.suffix not in (".asc", ".json")
          for word in ("--artifact", str(one))),
    )  # fmt: skip
    (KEPT / "verified.txt").write_text(done.stdout)
    assert done.returncode == 0, done.stdout

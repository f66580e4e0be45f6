"""Building sdist and wheels: the same bytes elsewhere, and a sentence that says why not."""

from __future__ import annotations

import os
import tarfile
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from building import BUILD, Bench, Twice
from customhouse.formats.pipeline.model import Artifact
from customhouse.release.actions import Outcome, Problem
from customhouse.release.building.difference import agreement
from customhouse.release.building.python import BuildPython
from customhouse.release.building.variation import faketime
from customhouse.release.building.wheels import read_lock
from sealed_project import commit_all, git
from tiny_project import write_tiny_project

pytestmark = pytest.mark.slow
DISTS = (
    Artifact("commit", "git-commit"),
    Artifact("dists", "files", names=("tiny-1.0.0.tar.gz", "tiny-1.0.0-*.whl"), reproducible=True),
)
TINY = replace(BUILD, options={})


def built_twice(tmp_path: Path, says: str) -> tuple[bool, str]:
    """Build the tiny project twice: whether it is the same, and what the comparison says."""
    project = write_tiny_project(tmp_path / "tiny", says)
    bench = Bench(tmp_path / "run", project.folder, project.commit)
    first = bench.run(TINY, artifacts=DISTS)
    one = BuildPython().do(first)
    other = BuildPython().do(bench.run(TINY, artifacts=DISTS, rebuilder=True))
    return agreement(first, one.outputs, other.outputs, first.folder / "compared")


def test_a_rebuild_in_other_surroundings_is_the_same_bit_for_bit(twice: Twice) -> None:
    assert len(twice.one.outputs["dists"]) == 2
    assert twice.one.outputs == twice.other.outputs
    same = {
        key for key, value in twice.one.facts.items() if key.startswith("variation") and twice.other.facts[key] == value
    }
    assert same == set()


def test_facts_say_from_what_and_with_what_it_was_built(twice: Twice) -> None:
    facts = twice.one.facts
    assert facts["commit"] == twice.project.commit
    assert facts["epoch"] == "1767323045"  # the commit's time
    assert facts["requirements"] == "requirements/build.txt"
    assert len(facts["requirements.sha256"]) == 64
    assert facts["requirements.pins"].startswith("setuptools==")


def test_the_archives_hold_no_time_owner_or_order_of_the_builder(twice: Twice, tmp_path: Path) -> None:
    wheel, sdist = (twice.bench.store.fetch(thing, tmp_path) for thing in twice.one.outputs["dists"])
    with tarfile.open(sdist) as archive:
        members = archive.getmembers()
    assert [one.name for one in members] == sorted(one.name for one in members)
    assert {(one.mtime, one.uid, one.gid, one.uname) for one in members} == {(1767323045, 0, 0, "")}
    assert sdist.read_bytes()[3:8] == bytes(5)  # gzip: no flags (no name), no time
    with zipfile.ZipFile(wheel) as archive_2:
        assert {one.date_time for one in archive_2.infolist()} == {(2026, 1, 2, 3, 4, 4)}
        assert archive_2.namelist()[-1].endswith(".dist-info/RECORD")


def test_a_build_that_is_done_is_found_again_after_a_crash(twice: Twice) -> None:
    found = BuildPython().probe(twice.first)
    assert found == Outcome(twice.one.outputs, twice.one.facts)
    assert BuildPython().probe(replace(twice.first, idempotency_key="another")) is None


def test_the_commit_is_built_wherever_tag_branch_and_work_tree_are(tmp_path: Path) -> None:
    project = write_tiny_project(tmp_path / "tiny")
    (project.folder / "tiny/__init__.py").write_text("EVIL = 1\n")
    moved = commit_all(project.folder, "moved")
    git(project.folder, "tag", "v1.0.0", moved)
    (project.folder / "README.md").write_text("'from the work tree'")
    bench = Bench(tmp_path / "run", project.folder, project.commit)
    made = BuildPython().do(bench.run(TINY, artifacts=DISTS))
    with zipfile.ZipFile(bench.store.fetch(made.outputs["dists"][0], tmp_path)) as wheel:
        assert wheel.read("tiny/__init__.py") == b""
        assert wheel.read("tiny/said.py") == b"SAID = 'nothing'\n"


LEAKS = {
    "path": ("__import__('os').getcwd()", "/build/source"),
    "user": ("__import__('getpass').getuser()", "rebuilder"),
    "home": ("__import__('os').path.expanduser('~')", "/home/rebuilder"),
    "host": ("__import__('socket').gethostname()", "anvil"),
    "zone": ("__import__('time').timezone", "-20700"),
    "locale": ("__import__('os').environ['LC_ALL']", "C.UTF-8"),
    "umask": ("oct(__import__('os').umask(0o22))", "0o77"),
    "order": ("__import__('os').listdir('.')", "README.md"),
    "hashes": ("list({'ab', 'cd', 'ef', 'gh', 'ij', 'kl', 'mn'})", "'ab'"),
    "processors": ("len(__import__('os').sched_getaffinity(0)) == 1", "True"),
}  # fmt: skip
"""Each with a word of what the comparison must show."""


@pytest.fixture(scope="module")
def leaked(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the comparisons of two pairs of builds say: one pair has room for half of the leaks."""
    names = sorted(LEAKS)
    found = []
    for half in (names[::2], names[1::2]):
        expression = "{" + ", ".join(f"{name!r}: {LEAKS[name][0]}" for name in half) + "}"
        same, why = built_twice(tmp_path_factory.mktemp("leaks"), expression)
        assert not same
        found.append(why)
    return "\n".join(found)


@pytest.mark.parametrize("what", sorted(LEAKS))
def test_what_leaks_into_a_build_is_found_and_named(what: str, leaked: str) -> None:
    if what == "processors" and len(os.sched_getaffinity(0)) == 1:
        pytest.skip("there is one processor")
    (line,) = (one for one in leaked.splitlines() if f"tiny-1.0.0-py3-none-any.whl: tiny/{what}.py: -SAID" in one)
    assert LEAKS[what][1] in line


@pytest.mark.skipif(not faketime(), reason="libfaketime is not installed")
def test_the_day_that_leaks_into_a_build_is_found_and_named(tmp_path: Path) -> None:
    same, why = built_twice(tmp_path, "__import__('datetime').date.today()")
    assert not same
    assert "tiny/said.py: -SAID = '20" in why


def test_what_the_commit_says_of_the_time_is_no_leak(tmp_path: Path) -> None:
    assert built_twice(tmp_path, "__import__('os').environ['SOURCE_DATE_EPOCH']") == (True, "")


def test_a_build_that_needs_what_no_lock_names_says_so(tmp_path: Path) -> None:
    needs = '[build-system]\nrequires = ["flit_core>=3"]\nbuild-backend = "flit_core.buildapi"\n'
    project = write_tiny_project(tmp_path / "tiny", more={"pyproject.toml": needs})
    bench = Bench(tmp_path / "run", project.folder, project.commit)
    with pytest.raises(Problem, match=r"it requires flit_core>=3 to build.*Name a lock in the step"):
        BuildPython().do(bench.run(TINY, artifacts=DISTS))


def test_a_backend_that_fails_is_quoted(tmp_path: Path) -> None:
    project = write_tiny_project(tmp_path / "tiny", "1 / 0")
    bench = Bench(tmp_path / "run", project.folder, project.commit)
    with pytest.raises(Problem, match=r"made no wheel(.|\n)*ZeroDivisionError") as caught:
        BuildPython().do(bench.run(TINY, artifacts=DISTS))
    assert caught.value.code == "build-failed"


def test_a_file_that_no_artifact_names_stops_the_build(tmp_path: Path) -> None:
    project = write_tiny_project(tmp_path / "tiny")
    bench = Bench(tmp_path / "run", project.folder, project.commit)
    only_wheel = (DISTS[0], replace(DISTS[1], names=("tiny-1.0.0-*.whl",)))
    with pytest.raises(Problem, match=r"made tiny-1.0.0.tar.gz, which no artifact names"):
        BuildPython().do(bench.run(TINY, artifacts=only_wheel))


def test_a_commit_that_is_not_here_is_fetched_from_the_fork(tmp_path: Path) -> None:
    project = write_tiny_project(tmp_path / "tiny")
    git(tmp_path, "clone", "--quiet", "--bare", str(project.folder), str(tmp_path / "fork.git"))
    bench = Bench(tmp_path / "run", tmp_path / "nowhere", project.commit, {"fork": {"url": str(tmp_path / "fork.git")}})
    made = BuildPython().do(bench.run(TINY, artifacts=DISTS))
    assert made.facts["commit"] == project.commit


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("setuptools==84.2.1", "not bound to its bytes"),
        ("setuptools>=80 --hash=sha256:" + "0" * 64, "not bound to its bytes"),
        ("setuptools @ https://example.org/x.whl --hash=sha256:" + "0" * 64, "not bound to its bytes"),
        ("--extra-index-url https://example.org/simple", "where to fetch from"),
    ],
)
def test_a_lock_that_lets_something_in_is_refused_with_its_line(line: str, why: str) -> None:
    with pytest.raises(Problem, match=f"build.txt, line 1: .*{why}"):
        read_lock(line.encode(), "build.txt")

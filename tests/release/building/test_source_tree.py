"""The tree of a commit by its digest."""

from __future__ import annotations

import zlib
from pathlib import Path

import pytest

from building import BUILD, Bench
from customhouse.release.actions import Problem, Tampered
from customhouse.release.building.source_tree import source_tree
from sealed_project import commit_all, git
from tiny_project import write_tiny_project


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    project = write_tiny_project(tmp_path / "tiny", more={"tools/run": "#!/bin/sh\n", "docs/a b/ü.txt": "ü\n"})
    (project.folder / "tools/run").chmod(0o755)
    (project.folder / "link").symlink_to("tools/run")
    return Bench(tmp_path / "run", project.folder, commit_all(project.folder, "more"))


def test_files_modes_and_links_are_those_of_the_commit(bench: Bench, tmp_path: Path) -> None:
    tree = source_tree(bench.run(BUILD))
    assert tree.tree == git(bench.repository, "rev-parse", "HEAD^{tree}")
    assert list(tree.entries) == sorted(git(bench.repository, "-c", "core.quotePath=false", "ls-files").splitlines())
    (tmp_path / "out").mkdir()
    tree.write(tmp_path / "out")
    assert (tmp_path / "out/docs/a b/ü.txt").read_text() == "ü\n"
    assert (tmp_path / "out/tools/run").stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "out/README.md").stat().st_mode & 0o777 == 0o644
    assert (tmp_path / "out/link").readlink() == Path("tools/run")
    assert (tmp_path / "out/README.md").stat().st_mtime == tree.epoch == 1767323045


def test_attributes_of_the_repository_change_nothing(bench: Bench) -> None:
    (bench.repository / ".gitattributes").write_text("README.md export-ignore\ntiny/* export-subst\n* text eol=crlf\n")
    (bench.repository / "tiny/__init__.py").write_text("at = '$Format:%H$'\n")
    bench.commit = commit_all(bench.repository, "attributes")
    tree = source_tree(bench.run(BUILD))
    assert "README.md" in tree.entries
    assert tree.entries["tiny/__init__.py"].body == b"at = '$Format:%H$'\n"


def test_a_changed_object_is_found_by_its_digest(bench: Bench) -> None:
    oid = git(bench.repository, "rev-parse", "HEAD:backend.py")
    path = bench.repository / ".git/objects" / oid[:2] / oid[2:]
    body = zlib.decompress(path.read_bytes())
    path.chmod(0o644)
    path.write_bytes(zlib.compress(body.replace(b"import base64", b"import BASE64")))
    # Git may notice by itself; if it does not, we do.
    with pytest.raises((Tampered, Problem)) as caught:
        source_tree(bench.run(BUILD))
    assert caught.value.code in ("object-changed", "git-failed")


def test_a_replaced_object_is_not_used(bench: Bench) -> None:
    (bench.repository / "tiny/__init__.py").write_text("EVIL = 1\n")
    other = commit_all(bench.repository, "other")
    git(bench.repository, "replace", bench.commit, other)
    assert source_tree(bench.run(BUILD)).entries["tiny/__init__.py"].body == b""


def test_a_submodule_is_refused(bench: Bench) -> None:
    git(bench.repository, "update-index", "--add", "--cacheinfo", f"160000,{bench.commit},vendored")
    git(bench.repository, "commit", "--quiet", "--message", "submodule")
    bench.commit = git(bench.repository, "rev-parse", "HEAD")
    with pytest.raises(Problem, match="vendored is a submodule"):
        source_tree(bench.run(BUILD))


def test_a_commit_that_nobody_has_is_a_problem_with_a_next_step(bench: Bench) -> None:
    bench.commit = "1" * 40
    with pytest.raises(Problem, match=r"--place fork\.url=ADDRESS"):
        source_tree(bench.run(BUILD))


def test_a_repository_with_sha256_works_as_well(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "--object-format=sha256", "--initial-branch=main", "new")
    (tmp_path / "new/file").write_text("content\n")
    commit = commit_all(tmp_path / "new", "first")
    assert len(commit) == 64
    assert list(source_tree(Bench(tmp_path / "run", tmp_path / "new", commit).run(BUILD)).entries) == ["file"]

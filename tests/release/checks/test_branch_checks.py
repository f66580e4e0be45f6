"""Each check of branch and commit says no where it should, and what it saw."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from customhouse.release import registry
from customhouse.release.actions import Look, Outcome
from customhouse.release.things import Thing
from release_desk import ALL, Desk, desk_at, pushed, refs, stranger
from sealed_project import commit_all, git

pytestmark = pytest.mark.slow


def look(desk: Desk, name: str, step: str, outcome: Outcome | None = None) -> Look:
    return registry.check(name).look(desk.run(step), outcome)


@pytest.fixture(scope="module")
def committed(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return desk_at("commit", tmp_path_factory.mktemp("checks") / "desk")


def made(commit: str) -> Outcome:
    return Outcome({"commit": (Thing("main", "gitCommit", commit),)})


def forged(desk: Desk, *arguments: str) -> str:
    """A commit in the clone that the release did not make."""
    return git(desk.folder / "clone", "commit-tree", "-m", "x", *arguments)


def test_all_hold_for_what_the_release_made(committed: Desk) -> None:
    for name in ("clean-worktree", "parent-is-frozen", "paths-allowed", "same-commit", "fast-forward", "branch-locked"):
        found = look(committed, name, "commit")
        assert found.ok, found


def test_the_release_s_commit_upstream_under_any_name_is_no_secret(committed: Desk, tmp_path: Path) -> None:
    desk = committed.copy(tmp_path / "desk")
    assert look(desk, "nothing-public", "push-fork").ok
    git(desk.folder / "clone", "push", "-q", str(desk.upstream), "HEAD:refs/heads/backport")
    found = look(desk, "nothing-public", "push-fork")
    assert (found.ok, found.place) == (False, str(desk.upstream))
    assert "refs/heads/backport" in found.saw


def test_a_fix_of_the_private_fork_upstream_is_no_secret(tmp_path: Path) -> None:
    """Nothing is released yet; somebody has pushed the first of two commits of the fix to where everybody reads."""
    steps = ALL.replace('freeze upstream git.freeze out=["frozen"] checks=["branch-locked"]\n', "").replace(
        'fork fork git.sync in=["frozen"] checks', 'fork fork git.sync out=["frozen"] checks'
    )
    desk = Desk(tmp_path / "desk", steps, embargoed=True)
    fix = stranger(desk, desk.fork)
    first = git(fix, "rev-parse", "HEAD")
    (fix / "README.md").write_text("mended\n")
    commit_all(fix, "The rest of it")
    pushed(fix, "origin", "main")
    desk.do("fork")
    assert look(desk, "nothing-public", "bump").ok
    git(fix, "push", "-q", str(desk.upstream), f"{first}:refs/heads/wip")
    found = look(desk, "nothing-public", "bump")
    assert (found.ok, "refs/heads/wip" in found.saw) == (False, True), found


def test_a_commit_on_another_parent_or_on_two_is_seen(committed: Desk) -> None:
    tree = git(committed.folder / "clone", "rev-parse", "main^{tree}")
    other = forged(committed, tree)
    for commit in (
        other,
        forged(committed, "-p", other, tree),
        forged(committed, "-p", committed.start, "-p", other, tree),
    ):
        assert not look(committed, "parent-is-frozen", "commit", made(commit)).ok


def test_a_commit_with_one_more_file_or_with_none_is_seen(committed: Desk, tmp_path: Path) -> None:
    desk = committed.copy(tmp_path / "desk")
    clone = desk.folder / "clone"
    (clone / "m4").mkdir()
    (clone / "m4/build-to-host.m4").write_text("evil\n")
    git(clone, "add", "m4")
    found = look(desk, "paths-allowed", "commit", made(forged(desk, "-p", desk.start, git(clone, "write-tree"))))
    assert (found.ok, found.saw) == (False, "A m4/build-to-host.m4")
    empty = forged(desk, "-p", desk.start, git(clone, "rev-parse", f"{desk.start}^{{tree}}"))
    assert look(desk, "paths-allowed", "commit", made(empty)).saw == "no change"


@pytest.mark.parametrize(("path", "how"), [("README.md", "M"), ("new.txt", "A")])
def test_a_work_tree_that_is_not_the_commit_is_seen(committed: Desk, tmp_path: Path, path: str, how: str) -> None:
    desk = committed.copy(tmp_path / "desk")
    (desk.folder / "clone" / path).write_text("other\n")
    if how == "M":
        git(desk.folder / "clone", "update-index", "--skip-worktree", path)
    found = look(desk, "clean-worktree", "commit")
    assert (found.ok, found.saw) == (False, f"{how} {path}")


def test_a_fork_and_an_upstream_that_are_elsewhere_are_seen(committed: Desk, tmp_path: Path) -> None:
    desk = committed.copy(tmp_path / "desk")
    pushed(stranger(desk, desk.fork), "origin", "main")
    found = look(desk, "same-commit", "fork")
    assert (found.ok, found.saw) == (False, refs(desk.fork)["refs/heads/main"])
    desk.action("freeze").undo(desk.run("freeze"))
    assert not look(desk, "branch-locked", "fork").ok
    pushed(stranger(desk, desk.upstream, "other"), "origin", "main")
    found = look(desk, "fast-forward", "push-last")
    assert (found.ok, found.expected, found.saw) == (False, desk.start, refs(desk.upstream)["refs/heads/main"])


def test_a_branch_that_another_run_holds_is_not_ours(committed: Desk) -> None:
    found = registry.check("branch-locked").look(replace(committed.run("fork"), run="r2"), None)
    assert (found.ok, found.saw) == (False, "hook, held by run r1")


def test_a_tag_that_no_remote_has_is_at_no_commit(committed: Desk) -> None:
    found = look(committed, "tag-at-commit", "push-fork")
    assert (found.ok, found.saw) == (False, "no remote has it")

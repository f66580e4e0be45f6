"""The git steps of a release, from freeze to unfreeze, on real repositories; and each of them killed on its way."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from customhouse.release.actions import Problem, Tampered
from customhouse.release.events import TagSeen
from release_desk import ALL, Desk, bare, desk_at, pushed, refs, stranger
from sealed_project import git

pytestmark = pytest.mark.slow
NAMES = [line.split(" ")[0] for line in ALL.split("\n") if line]


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return desk_at("unfreeze", tmp_path_factory.mktemp("released") / "desk")


def test_upstream_gets_branch_and_tag_of_the_one_commit(released: Desk) -> None:
    assert refs(released.upstream) == refs(released.fork)
    commit = refs(released.upstream)["refs/heads/main"]
    assert git(released.upstream, "rev-parse", "v1.1.0^{commit}", f"{commit}^") == f"{commit}\n{released.start}"


def test_the_commit_is_by_whom_the_pipeline_names_at_the_time_that_the_run_began(released: Desk) -> None:
    said = git(released.upstream, "show", "-s", "--format=%an <%ae> %cn %at %s", "main")
    at = int(released.state.created_at.timestamp())
    assert said == f"Rosa <rm@sealed.invalid> Rosa {at} Release sealed 1.1.0"


def test_the_commit_changes_what_the_steps_wrote_and_nothing_else(released: Desk) -> None:
    assert git(released.upstream, "show", "--name-status", "--format=", "main") == "M\tpyproject.toml"
    assert 'version = "1.1.0"  # bumped' in git(released.upstream, "show", "main:pyproject.toml")


def test_the_journal_says_where_each_ref_is(released: Desk) -> None:
    tag = refs(released.fork)["refs/tags/v1.1.0"]
    seen = [(event.remote, event.ref, event.oid) for event in released.events if isinstance(event, TagSeen)]
    assert seen.index(("upstream", "refs/tags/v1.1.0", "")) < seen.index(("fork", "refs/tags/v1.1.0", tag))
    assert seen[-1] == ("upstream", "refs/tags/v1.1.0", tag)


def test_after_the_release_everybody_may_push_again(released: Desk, tmp_path: Path) -> None:
    desk = released.copy(tmp_path / "desk")
    assert pushed(stranger(desk, desk.upstream), "origin", "main").returncode == 0


@pytest.mark.parametrize("name", NAMES)
def test_a_step_that_was_killed_after_it_acted_is_found_done_and_not_done_twice(name: str, tmp_path: Path) -> None:
    before = NAMES.index(name)
    desk = desk_at(NAMES[before - 1], tmp_path / "desk") if before else Desk(tmp_path / "desk")
    desk.killed(name)
    refs_then = (refs(desk.upstream), refs(desk.fork))
    made = desk.do(name, begun=True)
    assert desk.state.steps[name].recovered
    assert (refs(desk.upstream), refs(desk.fork)) == refs_then
    assert desk.action(name).probe(desk.run(name)) is not None
    assert made.outputs == {one: desk.state.artifacts[one] for one in desk.state.pipeline.step(name).outputs}


@pytest.mark.parametrize("name", NAMES)
def test_a_step_that_was_killed_before_it_acted_is_done(name: str, tmp_path: Path) -> None:
    before = NAMES.index(name)
    desk = desk_at(NAMES[before - 1], tmp_path / "desk") if before else Desk(tmp_path / "desk")
    desk.begin(name)
    desk.do(name, begun=True)
    assert not desk.state.steps[name].recovered


def test_the_same_work_tree_gives_the_same_commit_on_another_machine(tmp_path: Path) -> None:
    one, other = (desk_at("bump", tmp_path / name) for name in ("one", "other"))
    assert one.do("commit").outputs["commit"] == other.do("commit").outputs["commit"]


def test_another_machine_gets_the_release_from_the_fork_or_says_that_it_is_gone(tmp_path: Path) -> None:
    tag, branch = "refs/tags/v1.1.0", "refs/heads/main"
    for name, gone in (("there", ()), ("no-tag", (tag,)), ("empty", (tag, branch))):
        desk = desk_at("push-fork", tmp_path / name)
        shutil.rmtree(desk.folder / "clone")
        if not gone:
            desk.do("push-last")
            assert refs(desk.upstream) == refs(desk.fork)
            continue
        for ref in gone:
            git(desk.fork, "update-ref", "-d", ref)
        with pytest.raises(Problem, match="no more") as problem:
            desk.action("push-last").do(desk.run("push-last"))
        assert problem.value.code == "commit-gone"


def test_a_push_that_was_taken_back_leaves_no_ref_of_it(tmp_path: Path) -> None:
    desk = desk_at("push-fork", tmp_path / "desk")
    action, run = desk.action("push-fork"), desk.run("push-fork")
    assert action.undo(run) == "undone"
    assert refs(desk.fork) == {"refs/heads/main": desk.start}
    assert action.undo(run) == "nothing to undo"


def test_a_freeze_that_was_taken_back_lets_everybody_push(tmp_path: Path) -> None:
    desk = desk_at("freeze", tmp_path / "desk")
    assert desk.action("freeze").undo(desk.run("freeze")) == "undone"
    assert desk.action("freeze").undo(desk.run("freeze")) == "nothing to undo"
    assert pushed(stranger(desk, desk.upstream), "origin", "main").returncode == 0


def test_a_fork_that_is_behind_is_brought_forward(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "desk")
    assert pushed(stranger(desk, desk.upstream), "origin", "main").returncode == 0
    newest = refs(desk.upstream)["refs/heads/main"]
    desk.go("freeze", "fork")
    assert refs(desk.fork)["refs/heads/main"] == newest != desk.start


def test_a_fork_that_is_empty_is_filled(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "desk", places={"fork": {"url": str(bare(tmp_path / "empty.git"))}})
    desk.go("freeze", "fork")
    assert refs(tmp_path / "empty.git") == {"refs/heads/main": desk.start}


def test_a_branch_that_moved_before_the_last_push_is_not_pushed_over(tmp_path: Path) -> None:
    desk = desk_at("push-fork", tmp_path / "desk")
    desk.action("freeze").undo(desk.run("freeze"))
    pushed(stranger(desk, desk.upstream), "origin", "main")
    theirs = refs(desk.upstream)
    with pytest.raises(Tampered) as refused:
        desk.action("push-last").do(desk.run("push-last"))
    assert refused.value.code == "branch-moved"
    assert refs(desk.upstream) == theirs


def test_a_tag_that_is_there_already_is_found_before_anything_is_frozen(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "desk")
    git(desk.upstream, "tag", "v1.1.0", "main")
    with pytest.raises(Problem) as refused:
        desk.do("freeze")
    assert refused.value.code == "tag-exists"
    assert not git(desk.upstream, "for-each-ref", "refs/customhouse/lock")


def test_where_nothing_is_frozen_the_release_starts_from_upstreams_newest_commit(tmp_path: Path) -> None:
    steps = ALL.replace('freeze upstream git.freeze out=["frozen"] checks=["branch-locked"]\n', "").replace(
        'fork fork git.sync in=["frozen"] checks', 'fork fork git.sync out=["frozen"] checks'
    )
    steps = steps[: steps.index("unfreeze")]
    desk = Desk(tmp_path / "desk", steps)
    for step in desk.state.pipeline.steps:
        desk.do(step.id)
    assert refs(desk.upstream) == refs(desk.fork)


def test_an_embargoed_fix_in_the_fork_is_released_and_not_refused(tmp_path: Path) -> None:
    steps = 'fork fork git.sync out=["frozen"] checks=["same-commit"]'
    desk = Desk(tmp_path / "desk", steps, embargoed=True, places={"case": {"id": "c1"}})
    fix = stranger(desk, desk.fork)
    pushed(fix, "origin", "main")
    made = desk.do("fork")
    assert made.outputs["frozen"][0].digest == git(fix, "rev-parse", "HEAD")
    assert made.facts["upstream_at"] == desk.start


def test_repositories_with_sha256_ids_are_released_just_the_same(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "desk")
    for path in (desk.work / ".git", desk.upstream, desk.fork):
        shutil.rmtree(path)
    git(desk.work, "init", "-q", "--object-format=sha256", "--initial-branch=main")
    git(desk.work, "add", "--all")
    git(desk.work, "commit", "-qm", "begin")
    desk.start = git(desk.work, "rev-parse", "HEAD")
    bare(desk.upstream, like=desk.work)
    bare(desk.fork, like=desk.work)
    for name in NAMES[:-1]:
        desk.do(name)
    assert len(refs(desk.upstream)["refs/tags/v1.1.0"]) == 64

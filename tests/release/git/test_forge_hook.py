"""The hooks of a plain git server: what they let pass, what they write down, and how they get there."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from customhouse.release.actions import Problem
from customhouse.release.children import Children
from customhouse.release.git.forges.hook import HOOKS, HookForge, install
from customhouse.release.git.git import Git
from customhouse.release.git.remotes import Remote
from release_desk import Desk, desk_at, pushed, refs, stranger, write_project
from sealed_project import git

pytestmark = pytest.mark.slow
MAIN = "refs/heads/main"


def forge_of(repository: Path, scratch: Path, key: str = "k" * 64) -> HookForge:
    settings = Git(Children(), {"protocol.file.allow": "always"}, {"GIT_ALLOW_PROTOCOL": "file"})
    return HookForge(Remote("upstream", str(repository), settings, {"adapter": "hook"}), scratch, lambda: key)


@pytest.fixture
def upstream(tmp_path: Path) -> Path:
    write_project(tmp_path / "work", {"a.txt": "a\n"})
    path = tmp_path / "upstream.git"
    subprocess.run(["git", "clone", "-q", "--bare", str(tmp_path / "work"), str(path)], check=True)
    return path


def test_a_server_without_hooks_is_not_believed_to_lock_anything(upstream: Path, tmp_path: Path) -> None:
    said = forge_of(upstream, tmp_path / "scratch").protection(MAIN)
    assert (said.locked, said.how) == (False, "the server has no Customhouse hook")
    assert list(refs(upstream)) == [MAIN]
    assert not git(upstream, "for-each-ref", "refs/customhouse")


def test_hooks_of_somebody_else_are_not_replaced(upstream: Path, tmp_path: Path) -> None:
    (upstream / "hooks/pre-receive").write_text("#!/bin/sh\nexit 0\n")
    with pytest.raises(Problem) as refused:
        forge_of(upstream, tmp_path / "scratch").lock([MAIN], "r1", "{}")
    assert refused.value.code == "other-hooks"


def test_a_hook_that_calls_ours_beside_its_own_locks_as_well(upstream: Path, tmp_path: Path) -> None:
    wrapper = upstream / "hooks/pre-receive"
    wrapper.write_text('#!/bin/sh\ntouch seen\nexec "$(dirname "$0")/customhouse/pre-receive"\n')
    wrapper.chmod(0o755)
    forge = forge_of(upstream, tmp_path / "scratch")
    forge.lock([MAIN], "r1", "{}")
    assert forge.protection(MAIN).by == "r1"
    assert (upstream / "seen").exists()


def test_where_the_hooks_are_in_place_nothing_is_written_and_where_they_cannot_be_it_is_said(
    upstream: Path,
) -> None:
    install(upstream, Git(Children()))
    before = {path: path.stat().st_mtime_ns for path in (upstream, upstream / "config", upstream / "hooks")}
    install(upstream, Git(Children()))
    assert {path: path.stat().st_mtime_ns for path in before} == before
    (upstream / "hooks/pre-receive").unlink()
    (upstream / "hooks/pre-receive").mkdir()
    with pytest.raises(Problem) as refused:
        install(upstream, Git(Children()))
    assert refused.value.code == "not-installed"


def test_whoever_runs_the_server_installs_the_hooks_by_a_command(upstream: Path) -> None:
    command = [sys.executable, "-m", "customhouse.release.git.forges.install", str(upstream)]
    for _again in range(2):
        assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.endswith("are in place\n")
    assert all((upstream / "hooks/customhouse" / name).stat().st_mode & 0o111 for name in HOOKS)
    assert subprocess.run([*command, "/nowhere"], capture_output=True, check=False).returncode == 4


def test_two_runs_cannot_hold_one_branch(upstream: Path, tmp_path: Path) -> None:
    one, other = (forge_of(upstream, tmp_path / name, name * 64) for name in ("a", "b"))
    one.lock([MAIN], "r1", "{}")
    with pytest.raises(Problem) as refused:
        other.lock([MAIN], "r2", "{}")
    assert refused.value.code == "locked-by-another"
    assert not other.unlock([MAIN], "r2", "{}")
    with pytest.raises(Problem) as lost:
        other.unlock([MAIN], "r1", "{}")
    assert lost.value.code == "lock-key-lost"
    assert one.protection(MAIN).by == "r1"
    assert one.unlock([MAIN], "r1", "{}")


def test_a_branch_beside_the_locked_one_is_free(tmp_path: Path) -> None:
    desk = desk_at("freeze", tmp_path / "desk")
    assert pushed(stranger(desk, desk.upstream), "origin", "HEAD:refs/heads/other").returncode == 0


def test_every_move_is_written_down_in_order_however_many_push_at_once(upstream: Path, tmp_path: Path) -> None:
    forge = forge_of(upstream, tmp_path / "scratch")
    install(upstream, Git(Children()))
    start = forge.log([MAIN], "")
    assert start is not None
    clones = []
    for number in range(4):
        path = tmp_path / f"clone{number}"
        subprocess.run(["git", "clone", "-q", str(upstream), str(path)], check=True)
        git(path, "tag", f"t{number}")
        clones.append(path)
    threads = [threading.Thread(target=pushed, args=(path, "origin", f"t{n}")) for n, path in enumerate(clones)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    pushed(clones[0], "origin", ":t0")
    names = [f"refs/tags/t{number}" for number in range(4)]
    log = forge.log(names, start.cursor)
    assert log is not None
    assert sorted(change.ref for change in log.changes) == sorted([*names, names[0]])
    assert (log.changes[-1].ref, log.changes[-1].new) == (names[0], "")
    assert forge.log(names, log.cursor).changes == ()  # type: ignore[union-attr]


def test_a_secret_of_several_machines_makes_one_key_for_all(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "desk", secrets={"release-lock": "shared by the release managers"})
    desk.do("freeze")
    assert not (desk.folder / "clone.locks").exists()
    assert desk.action("freeze").undo(desk.run("freeze")) == "undone"

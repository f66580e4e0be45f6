"""A rehearsal: real git on clones, people who are played, and nothing outside that has changed."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from customhouse.release.engine.rehearsal import rehearse
from customhouse.release.events import Approved, Created, StepDone
from customhouse.release.sealing import verify_lines
from customhouse.terms.errors import Refused

PIPELINE = """
[pipeline]
schema = 1
version = 1
project = "toy"
tag = "v{version}"
[params]
version = { pattern = '\\d+\\.\\d+', title = "Version" }
branch = { pattern = 'main', default = "main" }
[actors.rm]
title = "Release manager"
identities = ["user:rosa", "gpg:0123456789ABCDEF0123456789ABCDEF01234567"]
factor = "webauthn"
expert = true
[environments.upstream]
title = "Upstream"
kind = "forge"
writers = ["rm"]
[environments.fork]
title = "Fork"
kind = "forge"
writers = ["rm"]
[environments.desk]
title = "Desk"
kind = "local"
[artifacts]
frozen = { type = "git-commit" }
commit = { type = "git-commit" }
tag = { type = "git-tag", points_to = "commit" }
[[steps]]
id = "freeze"
n = "1"
title = "Freeze"
actor = "rm"
env = "upstream"
uses = "git.freeze"
out = ["frozen"]
checks = ["branch-locked"]
[[steps]]
id = "sync"
n = "2"
title = "Sync"
actor = "rm"
env = "fork"
uses = "git.sync"
in = ["frozen"]
checks = ["same-commit"]
[[steps]]
id = "bump"
n = "3"
title = "Bump"
actor = "rm"
env = "desk"
uses = "exec"
run = ["sh", "-c", "echo {version} > VERSION"]
after = ["sync"]
[[steps]]
id = "commit"
n = "4"
title = "Commit and tag"
actor = "rm"
env = "desk"
uses = "git.commit_and_tag"
in = ["frozen"]
out = ["commit", "tag"]
after = ["bump"]
checks = ["parent-is-frozen", "paths-allowed"]
with = { paths = ["VERSION"] }
[[steps]]
id = "push"
n = "5"
title = "Push to the fork"
actor = "rm"
env = "fork"
uses = "git.push"
in = ["commit", "tag"]
watch = ["tag"]
checks = ["tag-at-commit"]
[[steps]]
id = "stop"
n = "6"
title = "STOP"
actor = "rm"
env = "desk"
uses = "gate"
after = ["push"]
gate = { need = ["rm"], quorum = 1, ask = "Go?", factor = "webauthn" }
[[steps]]
id = "push-last"
n = "7"
title = "Push upstream"
actor = "rm"
env = "upstream"
uses = "git.push_last"
in = ["commit", "tag"]
after = ["stop"]
checks = ["fast-forward", "tag-unmoved"]
[[steps]]
id = "unfreeze"
n = "8"
title = "Unfreeze"
actor = "rm"
env = "upstream"
uses = "git.unfreeze"
in = ["frozen"]
after = ["push-last"]
always = true
"""


def git(*words: str) -> str:
    who = ["-c", "user.name=Rosa", "-c", "user.email=rosa@example.org"]
    return subprocess.run(["git", *who, *words], check=True, capture_output=True, text=True).stdout


def remotes(tmp_path: Path) -> dict[str, dict[str, str]]:
    work = tmp_path / "work"
    git("init", "-q", "-b", "main", str(work))
    (work / "VERSION").write_text("1.0\n")
    git("-C", str(work), "add", ".")
    git("-C", str(work), "commit", "-q", "-m", "one")
    for name in ("upstream", "fork"):
        git("clone", "-q", "--bare", str(work), str(tmp_path / f"{name}.git"))
    return {
        "upstream": {"url": str(tmp_path / "upstream.git"), "adapter": "hook"},
        "fork": {"url": str(tmp_path / "fork.git")},
        "mail": {"to": "everybody@example.org"},
    }


def everything(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.slow
def test_a_rehearsal_goes_all_the_way_and_changes_nothing_outside(tmp_path: Path) -> None:
    places = remotes(tmp_path)
    before = {name: everything(tmp_path / f"{name}.git") for name in ("upstream", "fork")}
    state, run = rehearse(PIPELINE, {"version": "1.1"}, places, runs=tmp_path / "runs")
    assert state.status == "released", state.stop
    assert state.rehearsal
    assert {name: everything(tmp_path / f"{name}.git") for name in before} == before
    lines = run.journal.read()
    verify_lines(lines)
    first = lines[0].event
    assert isinstance(first, Created)
    assert first.rehearsal
    assert "mail" not in first.places
    assert not (tmp_path / "runs" / "rehearsal").exists(), "what stood in is taken away"
    assert [line.event.factor for line in lines if isinstance(line.event, Approved)] == ["webauthn"]
    assert len([line for line in lines if isinstance(line.event, StepDone)]) == 8


@pytest.mark.slow
def test_a_remote_that_cannot_be_cloned_is_told(tmp_path: Path) -> None:
    places = {**remotes(tmp_path), "fork": {"url": str(tmp_path / "nowhere.git")}}
    with pytest.raises(Refused, match="nowhere"):
        rehearse(PIPELINE, {"version": "1.1"}, places, runs=tmp_path / "runs")

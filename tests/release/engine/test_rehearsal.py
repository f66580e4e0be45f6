"""A rehearsal: real git on clones, people who are played, and nothing outside that has changed."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest

from customhouse.formats.pipeline.read import read_pipeline
from customhouse.release.engine.alone import Alone
from customhouse.release.engine.folder import begin_run
from customhouse.release.engine.rehearsal import _Understudies, _with_identities, rehearse
from customhouse.release.events import Approved, Created, StepDone
from customhouse.release.machine_key import MachineKey
from customhouse.release.sealing import verify_lines
from customhouse.terms.clock import SystemClock
from customhouse.terms.errors import Refused

EMBARGOED = """
[pipeline]
schema = 1
version = 1
project = "toy"
embargoed = true
[params]
version = { pattern = '\\d+', title = "Version" }
[actors.rm]
title = "Release manager"
identities = ["user:rosa"]
[environments.index]
title = "Index"
kind = "store"
[artifacts]
dists = { type = "files", names = ["toy-{version}.tar.gz"] }
[[steps]]
id = "publish"
actor = "rm"
env = "index"
uses = "index.publish"
in = ["dists"]
with = { case = "abcdef" }
"""
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


class Crash(BaseException):
    """The process is gone."""


class World:
    """Two remotes, a signing key and a person, for runs that are killed."""

    def __init__(self, folder: Path, home: Path, fingerprint: str) -> None:
        folder.mkdir()
        self.folder = folder
        self.key = MachineKey.from_seed(b"r" * 32)
        places = {name: one for name, one in remotes(folder).items() if name != "mail"}
        places["gpg"] = {"home": str(home), "key": fingerprint}
        text = (
            PIPELINE.replace('"user:rosa"', f'"key:{self.key.public}"')
            .replace("0123456789ABCDEF0123456789ABCDEF01234567", fingerprint)
            .replace('factor = "webauthn"\nexpert', "expert")
            .replace(', factor = "webauthn"', "")
        )
        self.run = begin_run(folder / "runs", text, {"version": "1.1"}, places, SystemClock())
        self.passed: list[str] = []

    def conduct(self, crash_at: int = -1) -> str:
        def at(where: str) -> None:
            self.passed.append(where)
            if 0 <= crash_at < len(self.passed):
                raise Crash(where)

        self.passed.clear()
        made = Alone(self.run, answer=_Understudies({"rm": self.key})).conductor()
        made.at = at
        return made.conduct().status

    def end(self) -> tuple[str, ...]:
        """Where everything is: refs of both remotes, but for the log of moves."""
        show = "--format=%(refname) %(objecttype)"
        found = []
        for name in ("upstream", "fork"):
            listed = git("-C", str(self.folder / f"{name}.git"), "for-each-ref", show).splitlines()
            found += [f"{name} {line}" for line in listed if "refs/customhouse/log" not in line]
            found.append(git("-C", str(self.folder / f"{name}.git"), "show", "v1.1:VERSION"))
            found.append(git("-C", str(self.folder / f"{name}.git"), "rev-list", "--count", "main"))
        return tuple(found)


@pytest.mark.prove
def test_a_release_by_git_killed_at_any_boundary_comes_to_the_same_end(tmp_path: Path) -> None:
    home = Path(tempfile.mkdtemp(prefix="gpg-"))
    gpg = ["gpg", "--homedir", str(home), "--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", ""]
    try:
        subprocess.run([*gpg, "--quick-generate-key", "Rosa <rosa@example.org>", "ed25519", "sign"], check=True)
        listed = subprocess.run([*gpg, "--with-colons", "-k"], check=True, capture_output=True, text=True).stdout
        fingerprint = next(line.split(":")[9] for line in listed.splitlines() if line.startswith("fpr:"))
        whole = World(tmp_path / "whole", home, fingerprint)
        assert whole.conduct() == "released", whole.run.state().stop
        expected = whole.end()
        assert [line for line in expected if line == "upstream refs/tags/v1.1 tag"]
        for boundary in range(len(whole.passed)):
            world = World(tmp_path / str(boundary), home, fingerprint)
            with suppress(Crash):
                world.conduct(boundary)
            where = world.passed[-1]
            assert world.conduct() == "released", (where, world.run.state().stop)
            assert world.end() == expected, where
            verify_lines(world.run.journal.read())
    finally:
        subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], check=False)
        shutil.rmtree(home, ignore_errors=True)


def test_a_rehearsal_touches_no_case() -> None:
    """The case is a real one, and the scratch index has none; everything else of the pipeline is as it was."""
    pipeline = read_pipeline(EMBARGOED)
    played = read_pipeline(_with_identities(EMBARGOED, pipeline, {"rm": MachineKey.new()}, "", {}))
    assert (played.embargoed, played.step("publish").options) == (True, {})
    assert pipeline.step("publish").options == {"case": "abcdef"}

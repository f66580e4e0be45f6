"""A release manager's desk: bare repositories, a clone, and a journal that the real rules judge, one step at a time.

``Desk(tmp_path, steps)`` writes a pipeline of these steps. ``desk.do("freeze")`` does a step as an engine would: it
writes that the step starts, acts, checks, and writes what came of it. ``desk.killed("push-fork")`` acts and forgets.
"""

from __future__ import annotations

import atexit
import hashlib
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cache
from pathlib import Path

from clock import TurnableClock
from customhouse.formats.pipeline.vocabulary import CHECKS
from customhouse.release import registry, rules, sealing
from customhouse.release.actions import Action, Outcome, Problem, StepRun
from customhouse.release.children import Children
from customhouse.release.events import Checked, Created, Event, OpenedRun, StepDone, StepStarted
from customhouse.release.git.watch import Watcher, Watching
from customhouse.release.journal import Head
from customhouse.release.machine_key import MachineKey
from customhouse.release.question import idempotency_key
from customhouse.release.sealed import ENGINE
from customhouse.release.standing import inputs_of
from customhouse.release.state import State
from customhouse.release.store_folder import FolderStore
from sealed_project import commit_all, git

HEAD = r"""
[pipeline]
schema = 1
version = 1
project = "sealed"
tag = "v{version}"
EMBARGO

[params]
version = { pattern = '\d+\.\d+\.\d+((a|b|rc)\d+)?' }
branch = { pattern = '[a-zA-Z0-9].*', default = "main" }

[actors]
rm = { title = "Rosa" }

[environments]
upstream = { kind = "forge", writers = ["rm"] }
fork = { kind = "forge" }
desk = { kind = "local" }
shut = { kind = "ci", network = "none" }
index = { kind = "store" }

[artifacts]
frozen = { type = "git-commit" }
news = { type = "tree" }
commit = { type = "git-commit" }
tag = { type = "git-tag", points_to = "commit" }
made = { type = "files", names = ["made-{version}.txt"] }
"""
ALL = """
freeze upstream git.freeze out=["frozen"] checks=["branch-locked"]
fork fork git.sync in=["frozen"] checks=["same-commit"]
bump desk version.bump in=["frozen"] after=["fork"]
commit desk git.commit_and_tag in=["frozen"] out=["commit","tag"] after=["bump"] checks=["clean-worktree","parent-is-frozen","paths-allowed"]
push-fork fork git.push in=["commit","tag"] watch=["tag"] checks=["tag-at-commit","tag-unmoved"]
push-last upstream git.push_last in=["commit","tag"] after=["push-fork"] checks=["tag-unmoved","fast-forward","tag-at-commit"]
unfreeze upstream git.unfreeze after=["push-last"] always=true
"""
PYPROJECT = '[project]\nname = "sealed"\nversion = "1.0.0"  # bumped by the release\n'


def pipeline_of(steps: str, *, embargoed: bool = False) -> str:
    """A pipeline of lines ``ID ENV ACTION KEY=VALUE …``."""
    text = HEAD.replace("EMBARGO", "embargoed = true" if embargoed else "")
    for line in filter(None, map(str.strip, steps.splitlines())):
        name, env, uses, *rest = line.split(" ", 3)
        text += f'\n[[steps]]\nid = "{name}"\nactor = "rm"\nenv = "{env}"\nuses = "{uses}"\n'
        text += re.sub(r" (?=[a-z_]+=[\[{\"tf])", "\n", rest[0]) + "\n" if rest else ""
    return text


def bare(path: Path, *, like: Path | None = None) -> Path:
    """A bare repository, empty or with all that another has."""
    if like is None:
        subprocess.run(["git", "init", "-q", "--bare", "--initial-branch=main", str(path)], check=True)
    else:
        subprocess.run(["git", "clone", "-q", "--bare", str(like), str(path)], check=True)
    return path


def write_project(folder: Path, files: Mapping[str, str]) -> str:
    """A work tree with one commit on ``main``; returns the commit."""
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    git(folder, "init", "--quiet", "--initial-branch=main")
    return commit_all(folder, "begin")


def refs(repository: Path) -> dict[str, str]:
    """Every ref of a repository but the locks and logs."""
    listed = git(repository, "for-each-ref", "--format=%(refname) %(objectname)").splitlines()
    return {name: oid for name, oid in (line.split() for line in listed) if not name.startswith("refs/customhouse/")}


@dataclass
class Desk:
    """One run on this machine."""

    folder: Path
    steps: str = ALL
    files: Mapping[str, str] = field(default_factory=lambda: {"pyproject.toml": PYPROJECT, "README.md": "# sealed\n"})
    version: str = "1.1.0"
    branch: str = "main"
    embargoed: bool = False
    places: dict[str, dict[str, str]] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    clock: TurnableClock = field(default_factory=TurnableClock)
    said: list[str] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    adapter: str = "hook"
    _fresh: bool = True

    def __post_init__(self) -> None:
        self.work, self.upstream, self.fork = (self.folder / one for one in ("work", "upstream.git", "fork.git"))
        self.children = Children()
        self.store = FolderStore(self.folder / "store")
        self.key = MachineKey.from_seed(b"desk".ljust(32))
        if not self._fresh:
            self.start = git(self.work, "rev-parse", "HEAD")
            return
        self.start = write_project(self.work, self.files)
        bare(self.upstream, like=self.work)
        bare(self.fork, like=self.work)
        forge = {"adapter": self.adapter} if self.adapter else {}
        self.places.setdefault("upstream", {"url": str(self.upstream), **forge})
        self.places.setdefault("fork", {"url": str(self.fork), **forge})
        text = pipeline_of(self.steps, embargoed=self.embargoed)
        created = Created(
            project="sealed", pipeline=text, pipeline_sha256=hashlib.sha256(text.encode()).hexdigest(),
            pipeline_version=1, params={"version": self.version, "branch": self.branch}, places=self.places,
            engine_key=self.key.public,
        )  # fmt: skip
        line = sealing.seal(created, run="r1", head=sealing.EMPTY, at=self.clock.now(), by=ENGINE, key=self.key)
        self.state = rules.begin(line)
        self.say(OpenedRun())

    def copy(self, folder: Path) -> Desk:
        """The same run at the same point, in another folder: nothing that is done there is seen here."""
        shutil.copytree(self.folder, folder, symlinks=True, dirs_exist_ok=True)
        other = replace(
            self, folder=folder, said=[], events=list(self.events), secrets=dict(self.secrets), _fresh=False
        )
        moved = {name: {key: value.replace(str(self.folder), str(folder)) for key, value in place.items()}
                 for name, place in self.state.places.items()}  # fmt: skip
        other.state = replace(self.state, places=moved)
        return other

    def say(self, event: Event, *, by: str = ENGINE) -> State:
        """Write an event, if the rules let it."""
        head = Head(self.state.seq, self.state.head)
        line = sealing.seal(event, run="r1", head=head, at=self.clock.now(), by=by, key=self.key)
        self.state = rules.apply(self.state, line)
        self.events.append(event)
        return self.state

    def run(self, name: str) -> StepRun:
        """What the action gets."""
        step, found = self.state.pipeline.step(name), self.state.steps[name]
        return StepRun(
            run="r1", step=step, attempt=found.attempt, idempotency_key=idempotency_key("r1", name, found.attempt),
            pipeline=self.state.pipeline, params=self.params, places=self.state.places, state=self.state,
            inputs=inputs_of(self.state, step), store=self.store, folder=self.folder / "steps" / f"{name}-{found.attempt}",
            repository=self.folder / "clone", children=self.children, clock=self.clock, tell=self.said.append,
            secrets=self.secret,
        )  # fmt: skip

    @property
    def params(self) -> dict[str, str]:
        pipeline = self.state.pipeline
        return {**self.state.params, "tag": pipeline.tag, "project": pipeline.project}

    def secret(self, name: str) -> str:
        if name not in self.secrets:
            raise Problem("no-secret", f"there is no secret {name!r}")
        return self.secrets[name]

    def action(self, name: str) -> Action:
        return registry.action(self.state.pipeline.step(name).uses)

    def begin(self, name: str) -> StepRun:
        """Write that a step starts."""
        run = self.run(name)
        run.folder.mkdir(parents=True, exist_ok=True)
        lease = self.clock.now() + timedelta(hours=1)
        self.say(StepStarted(name, run.attempt, "here", lease, run.idempotency_key, run.inputs))
        return self.run(name)

    def do(self, name: str, *, begun: bool = False) -> Outcome:
        """Do a step to its end; whoever begins it after a kill asks its probe first."""
        run = self.run(name) if begun else self.begin(name)
        action = self.action(name)
        self._check(run, None)
        found = action.probe(run)
        outcome = found if found is not None else action.do(run)
        for event in outcome.events:
            self.say(event)
        self._check(run, outcome)
        self.say(StepDone(name, run.attempt, outcome.outputs, outcome.facts, recovered=found is not None and begun))
        return outcome

    def killed(self, name: str) -> None:
        """A step acts, and its process is gone before the journal hears of it."""
        run = self.begin(name)
        self.action(name).do(run)

    def go(self, *names: str) -> None:
        for name in names:
            self.do(name)

    def until(self, last: str) -> None:
        """Every step up to this one."""
        for step in self.state.pipeline.steps:
            self.do(step.id)
            if step.id == last:
                return

    def _check(self, run: StepRun, outcome: Outcome | None) -> None:
        names = [*run.step.checks]
        for name in names:
            if outcome is None and not CHECKS[name].before:
                continue
            look = registry.check(name).look(run, outcome)
            if not look.ok:
                raise AssertionError(f"{look.check}: expected {look.expected}, saw {look.saw} at {look.place}")
            self.say(Checked(run.step.id, run.attempt, look.check, look.ok, look.expected, look.saw, look.place))
        if outcome is not None and any(run.inputs.values()):
            self.say(Checked(run.step.id, run.attempt, "handover", True, "", ""))


def stranger(desk: Desk, remote: Path, name: str = "stranger") -> Path:
    """Somebody else's clone of a remote, with a commit that nobody has asked for."""
    path = desk.folder / name
    subprocess.run(["git", "clone", "-q", str(remote), str(path)], check=True)
    (path / "evil.txt").write_text("evil\n")
    commit_all(path, "a fix, honestly")
    return path


def pushed(path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """What comes of a push of theirs."""
    return subprocess.run(["git", "-C", str(path), "push", *arguments], capture_output=True, text=True, check=False)


def desk_at(last: str, folder: Path) -> Desk:
    """A desk where every step up to this one is done. The way there is gone once for each process."""
    return _gone(last).copy(folder)


@cache
def _gone(last: str) -> Desk:
    folder = Path(tempfile.mkdtemp(prefix="desk-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    before = [line.split(" ")[0] for line in ALL.split("\n") if line]
    position = before.index(last)
    desk = Desk(folder / "0") if position == 0 else _gone(before[position - 1]).copy(folder / "1")
    desk.do(last)
    return desk


def watcher(desk: Desk) -> Watcher:
    """Somebody who watches the run's refs."""
    return Watcher(Watching(lambda: desk.state, desk.children, desk.secret, desk.folder / "watching"))

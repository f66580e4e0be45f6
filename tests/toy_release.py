"""A release of a toy project: a whole pipeline, with actions that change files in a folder, as forges and indexes change.

The words are those of the vocabulary; what stands behind them is small, and leaves traces that can be counted.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from customhouse.release.actions import Look, Outcome, Problem, StepRun, Tampered
from customhouse.release.checks.approvals import ApprovalsHold
from customhouse.release.checks.handover import Handover
from customhouse.release.engine.conduct import Conductor
from customhouse.release.engine.gate import Ask
from customhouse.release.engine.perform import Words
from customhouse.release.events import (
    Approved,
    Confirmed,
    Created,
    DeclinedGate,
    Event,
    Joined,
    Published,
    SignedThing,
    TagSeen,
)
from customhouse.release.journal_file import FileJournal
from customhouse.release.machine_key import MachineKey
from customhouse.release.question import proof_by_key
from customhouse.release.rules import EDITION, begin
from customhouse.release.sealed import Sealed
from customhouse.release.sealing import EMPTY, say, seal
from customhouse.release.state import State
from customhouse.release.store_folder import FolderStore
from customhouse.release.things import Thing

START = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
ENGINE_KEY = MachineKey.from_seed(b"e" * 32)
PEOPLE = {name: MachineKey.from_seed(hashlib.sha256(name.encode()).digest()) for name in ("rm", "windows", "macos")}
OTHER = MachineKey.from_seed(b"o" * 32)
_FPR = "ABCDEF0123456789ABCDEF0123456789ABCDEF01"
ISSUER = "https://issuer.example"

PIPELINE = f"""
[pipeline]
schema = 1
version = 3
project = "toy"
tag = "v{{version}}"
[params]
version = {{ pattern = '\\d+\\.\\d+\\.\\d+', title = "Version" }}
branch = {{ pattern = 'main', default = "main" }}
kind = {{ pattern = 'normal|security', default = "normal" }}
[actors.rm]
title = "Release manager"
identities = ["key:{PEOPLE["rm"].public}", "gpg:{_FPR}", "oidc:{ISSUER}#rm"]
expert = true
[actors.windows]
title = "Windows expert"
identities = ["key:{PEOPLE["windows"].public}"]
expert = true
[actors.macos]
title = "macOS expert"
identities = ["key:{PEOPLE["macos"].public}"]
[actors.ci-a]
title = "Builder A"
machine = true
identities = ["oidc:{ISSUER}#a"]
[actors.ci-b]
title = "Builder B"
machine = true
identities = ["oidc:{ISSUER}#b"]
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
[environments.ci]
title = "CI A"
kind = "ci"
network = "none"
[environments.ci-b]
title = "CI B"
kind = "ci"
network = "none"
[environments.index]
title = "Index"
kind = "store"
[artifacts]
frozen = {{ type = "git-commit" }}
commit = {{ type = "git-commit" }}
tag = {{ type = "git-tag", points_to = "commit" }}
dists = {{ type = "files", names = ["toy-{{version}}.tar.gz", "toy-{{version}}-*.whl"], reproducible = true }}
docs = {{ type = "files", names = ["docs.zip"], when = "kind == normal" }}
sigs = {{ type = "files", names = ["{{artifact}}.sigstore.json", "{{artifact}}.asc"], covers = ["dists"] }}
[[steps]]
id = "freeze"
n = "1"
title = "Freeze the branch"
actor = "rm"
env = "upstream"
uses = "git.freeze"
out = ["frozen"]
checks = ["branch-locked"]
[[steps]]
id = "sync"
n = "2"
title = "Bring the fork to it"
actor = "rm"
env = "fork"
uses = "git.sync"
in = ["frozen"]
[[steps]]
id = "commit"
n = "4"
title = "Commit and tag"
actor = "rm"
env = "desk"
uses = "git.commit_and_tag"
in = ["frozen"]
out = ["commit", "tag"]
after = ["sync"]
[[steps]]
id = "push"
n = "5"
title = "Push to the fork"
actor = "rm"
env = "fork"
uses = "git.push"
in = ["commit", "tag"]
watch = ["tag"]
[[steps]]
id = "build"
n = "6"
title = "Build twice"
actor = "ci-a"
env = "ci"
uses = "build.python"
in = ["commit"]
out = ["dists"]
after = ["push"]
rebuild = {{ by = ["ci-b"], env = "ci-b", agree = 2 }}
checks = ["rebuilds-agree", "version-everywhere"]
[[steps]]
id = "docs"
n = "6d"
title = "Build the docs"
actor = "ci-a"
env = "ci"
uses = "build.docs"
in = ["commit"]
out = ["docs"]
after = ["push"]
when = "kind == normal"
[[steps]]
id = "stage"
n = "7"
title = "Stage"
actor = "rm"
env = "index"
uses = "index.stage"
in = ["dists"]
checks = ["staged-as-built"]
[[steps]]
id = "test"
n = "7t"
title = "Test from the stage"
actor = "ci-a"
env = "ci"
uses = "test.exec"
run = ["true"]
in = ["dists"]
after = ["stage"]
checks = ["tested-as-staged"]
on_fail = "restart:commit"
[[steps]]
id = "stop"
n = "8"
title = "STOP: wait for everybody"
actor = "rm"
env = "index"
uses = "gate"
after = ["test", "docs"]
gate = {{ need = ["rm", "windows", "macos"], quorum = 2, ask = "Green light for {{version}}?", expires = "24h" }}
[[steps]]
id = "sign"
n = "9"
title = "Sign"
actor = "rm"
env = "desk"
uses = "sign.all"
in = ["dists"]
out = ["sigs"]
after = ["stop"]
gate = {{ need = ["rm"], quorum = 1, ask = "Release the keys for {{version}}?", expires = "1h" }}
checks = ["approvals-hold", "signed-as-tested"]
with = {{ how = ["sigstore", "gpg"] }}
[[steps]]
id = "publish"
n = "10"
title = "Publish"
actor = "rm"
env = "index"
uses = "index.publish"
in = ["dists", "sigs"]
checks = ["nothing-public"]
[[steps]]
id = "fetch-back"
n = "11"
title = "Fetch back"
actor = "ci-a"
env = "ci"
uses = "index.fetch_back"
in = ["dists"]
after = ["publish"]
checks = ["fetched-back"]
[[steps]]
id = "push-last"
n = "12"
title = "Push the tag, last"
actor = "rm"
env = "upstream"
uses = "git.push_last"
in = ["commit", "tag"]
after = ["fetch-back"]
checks = ["fast-forward"]
[[steps]]
id = "unfreeze"
n = "13"
title = "Unfreeze"
actor = "rm"
env = "upstream"
uses = "git.unfreeze"
in = ["frozen"]
after = ["push-last"]
always = true
[[steps]]
id = "announce"
n = "14"
title = "Tell people"
actor = "rm"
env = "desk"
uses = "announce"
after = ["push-last"]
with = {{ atom = "feed" }}
"""
VERSION = {"version": "1.2.3"}
STEPS = (
    "freeze", "sync", "commit", "push", "build", "docs", "stage", "test", "stop", "sign", "publish", "fetch-back",
    "push-last", "unfreeze", "announce",
)  # fmt: skip


class Outside:
    """Everything outside the run: forges, an index, a list of letters. A JSON file, and traces of what was done."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.folder.mkdir(parents=True, exist_ok=True)
        self._file = folder / "outside.json"
        self._lock = threading.Lock()

    def read(self) -> dict[str, object]:
        if not self._file.exists():
            return {"locked": False, "fork": "old", "fork_tag": "", "tag": "", "stage": {}, "public": {}, "letters": {}}
        return dict(json.loads(self._file.read_text()))

    def change(self, **what: object) -> None:
        with self._lock:
            self._change(what)

    def _change(self, what: dict[str, object]) -> None:
        aside = self._file.with_suffix(".new")
        aside.write_text(json.dumps(self.read() | what, sort_keys=True))
        aside.replace(self._file)
        with (self.folder / "deeds.log").open("a") as log:
            log.write(f"{sorted(what)}\n")

    def times(self, what: str) -> int:
        log = self.folder / "deeds.log"
        return log.read_text().count(f"'{what}'") if log.exists() else 0


@dataclass
class Toy:
    """An action made of three functions."""

    do_it: Callable[[StepRun], Outcome]
    done: Callable[[StepRun], bool] = lambda _run: False
    take_back: Callable[[StepRun], str] = lambda _run: "nothing to undo"

    def do(self, run: StepRun) -> Outcome:
        return self.do_it(run)

    def probe(self, run: StepRun) -> Outcome | None:
        return self.do_it(run) if self.done(run) else None

    def undo(self, run: StepRun) -> str:
        return self.take_back(run)


@dataclass
class Fine:
    """A check that holds, unless somebody says what it sees instead."""

    name: str
    fault: str = ""

    def look(self, _run: StepRun, _outcome: Outcome | None) -> Look:
        return Look(self.name, not self.fault, "as it was", self.fault or "as it was")


def _hex(*words: str) -> str:
    return hashlib.sha256(" ".join(words).encode()).hexdigest()


def _commit(run: StepRun) -> str:
    return _hex("commit", run.params["version"], str(run.state.steps["commit"].attempt))[:40]


@dataclass
class ToyWords(Words):
    """What the words mean here. ``faults``: checks that fail; ``failures``: steps that fail, so many times."""

    outside: Outside
    faults: dict[str, str] = field(default_factory=dict)
    failures: dict[str, int] = field(default_factory=dict)
    poisoned: bool = False
    before: dict[str, Callable[[StepRun], None]] = field(default_factory=dict)

    def check(self, name: str) -> object:  # type: ignore[override]
        if name == "handover":
            return Handover()
        if name == "approvals-hold":
            return ApprovalsHold()
        return Fine(name, self.faults.get(name, ""))

    def action(self, name: str) -> Toy | Ask:
        if name == "gate":
            return Ask()
        made: Toy = getattr(self, "_" + name.replace(".", "_"))()
        doing = made.do_it

        def do(run: StepRun) -> Outcome:
            if run.step.id in self.before:
                self.before[run.step.id](run)
            if self.failures.get(run.step.id, 0) > 0:
                self.failures[run.step.id] -= 1
                raise Problem("not-well", "it does not feel well", place=run.step.id)
            return doing(run)

        return Toy(do, made.done, made.take_back)

    # Each of these is one word.

    def _git_freeze(self) -> Toy:
        def do(run: StepRun) -> Outcome:
            if not self.outside.read()["locked"]:
                self.outside.change(locked=True)
            tag = TagSeen("upstream", f"refs/tags/{run.params['tag']}", "", "")
            return Outcome({"frozen": (Thing("main", "gitCommit", "f" * 40),)}, events=(tag,))

        return Toy(do, lambda _run: bool(self.outside.read()["locked"]), lambda _run: self._back("locked", False))

    def _git_unfreeze(self) -> Toy:
        def do(_run: StepRun) -> Outcome:
            if self.outside.read()["locked"]:
                self.outside.change(locked=False)
            return Outcome()

        return Toy(do, lambda _run: not self.outside.read()["locked"])

    def _git_sync(self) -> Toy:
        def do(_run: StepRun) -> Outcome:
            if self.outside.read()["fork"] != "f" * 40:
                self.outside.change(fork="f" * 40)
            return Outcome()

        return Toy(do, lambda _run: self.outside.read()["fork"] == "f" * 40)

    def _git_commit_and_tag(self) -> Toy:
        def do(run: StepRun) -> Outcome:
            commit = _commit(run)
            return Outcome(
                {
                    "commit": (Thing("main", "gitCommit", commit),),
                    "tag": (Thing(run.params["tag"], "gitTag", _hex(commit)[:40]),),
                }
            )

        return Toy(do)

    def _git_push(self) -> Toy:
        def do(run: StepRun) -> Outcome:
            tag = run.inputs["tag"][0].digest
            if self.outside.read()["fork_tag"] != tag:
                if self.outside.read()["fork_tag"]:
                    raise Tampered("foreign-tag", "another tag is there", "none", place="fork")
                self.outside.change(fork_tag=tag)
            seen = TagSeen("fork", f"refs/tags/{run.params['tag']}", tag, run.inputs["commit"][0].digest)
            return Outcome(events=(seen,))

        def done(run: StepRun) -> bool:
            return self.outside.read()["fork_tag"] == run.inputs["tag"][0].digest

        return Toy(do, done, lambda _run: self._back("fork_tag", ""))

    def _build_python(self) -> Toy:
        def do(run: StepRun) -> Outcome:
            what = "poison" if self.poisoned and run.step.actor == "ci-a" else "source"
            version = run.params["version"]
            made = []
            for name in (f"toy-{version}.tar.gz", f"toy-{version}-py3-none-any.whl"):
                path = run.folder / name
                path.write_text(f"{what} of {run.inputs['commit'][0].digest} as {name}")
                made.append(path)
            return Outcome({"dists": run.put(*made)}, {"tools": "toy 1"})

        return Toy(do)

    def _build_docs(self) -> Toy:
        def do(run: StepRun) -> Outcome:
            path = run.folder / "docs.zip"
            path.write_text("docs")
            return Outcome({"docs": run.put(path)})

        return Toy(do)

    def _index_stage(self) -> Toy:
        def do(run: StepRun) -> Outcome:
            stage = {thing.name: thing.digest for thing in run.inputs["dists"]}
            run.fetch("dists", run.folder / "in")
            if self.outside.read()["stage"] != stage:
                self.outside.change(stage=stage)
            return Outcome()

        def done(run: StepRun) -> bool:
            return self.outside.read()["stage"] == {thing.name: thing.digest for thing in run.inputs["dists"]}

        return Toy(do, done, lambda _run: self._back("stage", {}))

    def _test_exec(self) -> Toy:
        def do(run: StepRun) -> Outcome:
            run.fetch("dists", run.folder / "in")
            return Outcome(facts={"passed": "79"})

        return Toy(do)

    def _sign_all(self) -> Toy:
        def do(run: StepRun) -> Outcome:
            assert run.grant is not None
            made: list[Thing] = []
            events: list[Event] = []
            for path in run.fetch("dists", run.folder / "in"):
                thing = next(one for one in run.inputs["dists"] if one.name == path.name)
                for how, ending in (("sigstore", ".sigstore.json"), ("gpg", ".asc")):
                    signature = run.folder / f"{path.name}{ending}"
                    signature.write_text(f"{how} of {thing.digest}")
                    made.append(run.store.put(signature))
                    who, by = (_FPR, "") if how == "gpg" else ("rm", ISSUER)
                    events.append(SignedThing(run.step.id, run.attempt, thing, made[-1], how, who, by))
            return Outcome({"sigs": tuple(sorted(made))}, events=tuple(events))

        return Toy(do)

    def _index_publish(self) -> Toy:
        def public(run: StepRun) -> dict[str, str]:
            return {thing.name: thing.digest for things in run.inputs.values() for thing in things}

        def do(run: StepRun) -> Outcome:
            if self.outside.read()["public"] != public(run):
                assert not self.outside.read()["public"], "published twice"
                self.outside.change(public=public(run))
            things = tuple(sorted(thing for things in run.inputs.values() for thing in things))
            return Outcome(events=(Published(run.step.id, run.attempt, "https://index.example/toy/", things),))

        return Toy(do, lambda run: self.outside.read()["public"] == public(run))

    def _index_fetch_back(self) -> Toy:
        return Toy(lambda _run: Outcome())

    def _git_push_last(self) -> Toy:
        def do(run: StepRun) -> Outcome:
            tag = run.inputs["tag"][0].digest
            assert self.outside.read()["public"], "the tag comes last"
            if self.outside.read()["tag"] != tag:
                self.outside.change(tag=tag)
            seen = TagSeen("upstream", f"refs/tags/{run.params['tag']}", tag, run.inputs["commit"][0].digest)
            return Outcome(events=(seen,))

        return Toy(do, lambda run: self.outside.read()["tag"] == run.inputs["tag"][0].digest)

    def _announce(self) -> Toy:
        def do(run: StepRun) -> Outcome:
            letters = dict(self.outside.read()["letters"])  # type: ignore[call-overload]
            if run.idempotency_key not in letters:
                self.outside.change(letters={**letters, run.idempotency_key: "toy is out"})
            return Outcome()

        return Toy(do, lambda run: run.idempotency_key in dict(self.outside.read()["letters"]))  # type: ignore[call-overload]

    def _back(self, name: str, value: object) -> str:
        if self.outside.read()[name] == value:
            return "nothing to undo"
        self.outside.change(**{name: value})
        return "undone"


def created(
    params: Mapping[str, str] = VERSION,
    *,
    text: str = PIPELINE,
    version: int = 3,
    places: Mapping[str, Mapping[str, str]] | None = None,
    rules: int = EDITION,
) -> Created:
    """The first event of a toy run."""
    digest = hashlib.sha256(text.encode()).hexdigest()
    return Created("toy", text, digest, version, dict(params), places or {}, ENGINE_KEY.public, rules=rules)


def first_line(event: Created | None = None, at: datetime = START) -> Sealed:
    return seal(event or created(), run="toy-1.2.3-1", head=EMPTY, at=at, by="engine", key=ENGINE_KEY)


def open_journal(path: Path, event: Created | None = None, at: datetime = START) -> FileJournal:
    """A journal with its first line."""
    journal = FileJournal(path)
    if journal.head() == EMPTY:
        line = first_line(event, at)
        begin(line)
        journal.append([line], EMPTY)
    return journal


class Crowd:
    """The people of a toy run, with a key each. They say yes to whatever they are asked."""

    def __init__(self, *, silent: tuple[str, ...] = (), declines: tuple[str, ...] = ()) -> None:
        self.silent = silent
        self.declines = declines

    def __call__(self, conductor: Conductor) -> bool:
        state = conductor.state
        for name in PEOPLE:
            if name not in self.silent and name not in state.keys:
                return speak(conductor, name, join(name))
        for actor in state.pipeline.actors:
            if state.status == "gathering" and actor.expert and actor.id not in {*state.confirmed, *self.silent}:
                return speak(conductor, actor.id, Confirmed(actor.id, actor.id))
        for one in state.steps.values():
            asked = one.asked
            if one.status != "asked" or asked is None or conductor.clock.now() > asked.expires_at:
                continue
            answered = {each.actor for _, _, each in one.approvals}
            for name in asked.need:
                if name in self.silent or name in answered or len(answered) >= asked.quorum:
                    continue
                if name in self.declines:
                    return speak(conductor, name, DeclinedGate(one.id, one.attempt, asked.question, name, name, "no"))
                return speak(conductor, name, approve(state, one.id, name))
        return False


def join(name: str, key: MachineKey | None = None) -> Joined:
    mine = key or PEOPLE[name]
    return Joined(name, f"key:{mine.public}", mine.public)


def approve(state: State, step: str, name: str, person: str = "") -> Approved:
    asked = state.steps[step].asked
    assert asked is not None
    proof = proof_by_key(asked.question, actor=name, key=PEOPLE[name])
    return Approved(step, asked.attempt, asked.question, name, person or name, "none", proof)


def speak(conductor: Conductor, name: str, event: Event, key: MachineKey | None = None) -> bool:
    """An actor says something, signed with his key."""
    conductor.say(
        [event], by=name, said=say(event, run=conductor.state.run, by=name, key=key or PEOPLE.get(name, OTHER))
    )
    return True


def conductor(folder: Path, words: Words | None = None, **more: Any) -> Conductor:
    """A conductor of the toy run in this folder; made again, it takes the run up again."""
    journal = more.pop("journal", None) or open_journal(folder / "journal.jsonl")
    return Conductor(
        journal=journal, store=FolderStore(folder / "objects"), key=ENGINE_KEY, work=folder / "work",
        words=words or ToyWords(Outside(folder / "outside")), watch=False,
        answer=more.pop("answer", Crowd()), **more,
    )  # fmt: skip


END = {
    "locked": False, "fork": "f" * 40, "stage": True, "public": True, "letters": True, "fork_tag": True, "tag": True,
}  # fmt: skip


def whole_end(outside: Outside) -> dict[str, object]:
    """The end of a release, without what differs between attempts."""
    return {name: bool(value) if name != "fork" else value for name, value in outside.read().items()}

"""Shipping for tests: a real index with its private Sigstore, a real gpg, a download folder, and runs that use them.

What comes before shipping (source, builds, tests) is played by small actions; everything from the stage on is real.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from build_service import BuildService, build_service
from customhouse.release import registry
from customhouse.release.actions import Action, Check, Outcome, Problem, StepRun
from customhouse.release.children import Children
from customhouse.release.engine.conduct import Conductor
from customhouse.release.engine.perform import Words
from customhouse.release.journal_file import FileJournal
from customhouse.release.rules import begin
from customhouse.release.sealing import EMPTY, seal
from customhouse.release.state import State
from customhouse.release.store_folder import FolderStore
from customhouse.release.things import Thing
from customhouse.terms.clock import SystemClock
from packages import sdist, wheel
from toy_release import ENGINE_KEY, PEOPLE, Crowd, Toy, created
from world import Server, running

SUBJECT = "release-of-sealed"
VERSION = "1.2.3"


@dataclass(frozen=True)
class GpgHome:
    """A home with one key, without a passphrase. Its path is short, because sockets have short names."""

    path: Path
    fingerprint: str


@contextmanager
def gpg_home(*, algorithm: str = "ed25519", usage: str = "sign", expires: str = "1y") -> Iterator[GpgHome]:
    """It exists until the end of the block."""
    path = Path(tempfile.mkdtemp(prefix="ch"))
    try:
        yield GpgHome(path, new_key(path, algorithm=algorithm, usage=usage, expires=expires))
    finally:
        subprocess.run(["gpgconf", "--homedir", str(path), "--kill", "all"], check=False, capture_output=True)
        shutil.rmtree(path, ignore_errors=True)


def new_key(home: Path, *, algorithm: str = "ed25519", usage: str = "sign", expires: str = "1y") -> str:
    """Another key in a home; returns its fingerprint."""
    name = f"Rosa {os.urandom(2).hex()} <rosa@example.org>"
    gpg(home, "--passphrase", "", "--quick-gen-key", name, algorithm, usage, expires)
    listed = gpg(home, "--with-colons", "--list-keys", f"={name}")
    return next(line.split(":")[9] for line in listed.splitlines() if line.startswith("fpr"))


def gpg(home: Path, *arguments: str, stdin: bytes = b"") -> str:
    """Run gpg in a home."""
    done = subprocess.run(
        ["gpg", "--homedir", str(home), "--batch", "--no-tty", "--yes", *arguments], input=stdin, check=True,
        capture_output=True,
    )  # fmt: skip
    return done.stdout.decode()


@dataclass
class Harbour:
    """A server with its Sigstore, an issuer that it believes, a token for alice, and a key of gpg."""

    server: Server
    issuer: BuildService
    gpg: GpgHome
    index_token: str
    others: Mapping[str, BuildService] = field(default_factory=dict)

    @cached_property
    def trust_config(self) -> Path:
        """What its Sigstore gives out, as a file."""
        import httpx2  # noqa: PLC0415 - loaded when it is asked

        path = self.server.data.parent / "trust_config.json"
        path.write_bytes(httpx2.get(f"{self.server.url}/sigstore/trust_config.json").raise_for_status().content)
        return path

    def sigstore_token(self, subject: str = SUBJECT, issuer: BuildService | None = None) -> str:
        """An ID token for the private Sigstore; each is another one."""
        one = issuer or self.issuer
        return one.token({"sub": subject, "aud": "sigstore"})


@contextmanager
def harbour(folder: Path, *, environment: Mapping[str, str] | None = None) -> Iterator[Harbour]:
    """It runs until the end of the block."""
    with build_service(SystemClock()) as issuer, build_service(SystemClock()) as other, gpg_home() as home:
        issuers = [
            {**one.setting("custom", name), "claims": ["sub"]} for name, one in (("forge", issuer), ("other", other))
        ]
        settings = {
            "CUSTOMHOUSE_SIGSTORE": "true",
            "CUSTOMHOUSE_PRIVATE_NETWORKS_ALLOWED": json.dumps(["127.0.0.0/8"]),
            "CUSTOMHOUSE_OIDC_ISSUERS": json.dumps(issuers),
            "CUSTOMHOUSE_SIGSTORE_ISSUERS": json.dumps(["forge", "other"]),
        }
        with running(folder / "data", environment={**settings, **(environment or {})}) as server:
            yield Harbour(server, issuer, home, server.new_token(), {"other": other})


PIPELINE = f"""
[pipeline]
schema = 1
version = 1
project = "PROJECT"
tag = "v{{version}}"
[params]
version = {{ pattern = '\\d+\\.\\d+\\.\\d+' }}
[actors.rm]
title = "Release manager"
identities = ["key:{PEOPLE["rm"].public}", "gpg:FINGERPRINT", "oidc:ISSUER#{SUBJECT}"]
[actors.windows]
title = "Windows expert"
identities = ["key:{PEOPLE["windows"].public}"]
[actors.ci]
title = "Builder"
machine = true
identities = ["oidc:https://ci.example#a"]
[environments]
ci = {{ kind = "ci", network = "none" }}
desk = {{ kind = "local" }}
index = {{ kind = "store" }}
[artifacts]
dists = {{ type = "files", names = ["MODULE-{{version}}.tar.gz", "MODULE-{{version}}-*.whl"] }}
sbom = {{ type = "files", names = ["PROJECT-{{version}}.cdx.json"], describes = "dists" }}
sigs = {{ type = "files", names = ["{{artifact}}.sigstore.json", "{{artifact}}.asc"], covers = ["dists", "sbom"] }}
[[steps]]
id = "build"
actor = "ci"
env = "ci"
uses = "build.exec"
run = ["true"]
out = ["dists", "sbom"]
[[steps]]
id = "stage"
actor = "rm"
env = "index"
uses = "index.stage"
in = ["dists", "sbom"]
checks = ["staged-as-built", "nothing-public"]
[[steps]]
id = "test"
actor = "ci"
env = "ci"
uses = "test.exec"
run = ["true"]
in = ["dists"]
after = ["stage"]
checks = ["tested-as-staged"]
[[steps]]
id = "sign"
actor = "rm"
env = "desk"
uses = "sign.all"
in = ["dists", "sbom"]
out = ["sigs"]
after = ["test"]
gate = {{ need = ["rm", "windows"], quorum = 2, ask = "Sign {{version}}?", expires = "1h" }}
checks = ["approvals-hold", "signed-as-tested", "signatures-complete", "signatures-verify"]
with = {{ how = ["sigstore", "gpg"] }}
[[steps]]
id = "publish"
actor = "rm"
env = "index"
uses = "index.publish"
in = ["dists", "sbom", "sigs"]
checks = ["nothing-public", "signatures-complete", "signatures-verify"]
[[steps]]
id = "fetch-back"
actor = "ci"
env = "index"
uses = "index.fetch_back"
in = ["dists", "sbom", "sigs"]
after = ["publish"]
checks = ["fetched-back"]
"""

Before = Callable[[StepRun], None]


@dataclass
class ShipWords(Words):
    """Real words from the stage on. ``before`` is called with the step that is about to be done, ``after`` when it is."""

    files: Mapping[str, Mapping[str, bytes]]
    """What the build makes: bodies by name, by artifact."""
    before: dict[str, Before] = field(default_factory=dict)
    after: dict[str, Before] = field(default_factory=dict)

    def check(self, name: str) -> Check:
        return registry.check(name)

    def action(self, name: str) -> Action:
        made: Action = self._toy(name) or registry.action(name)
        return _Hooked(made, self)

    def _toy(self, name: str) -> Toy | None:
        if name == "build.exec":
            return Toy(self._build)
        if name == "test.exec":
            return Toy(lambda run: Outcome(facts={"tested": str(len(run.fetch("dists", run.folder / "in")))}))
        return None

    def _build(self, run: StepRun) -> Outcome:
        outputs = {}
        for artifact, files in self.files.items():
            for name, body in files.items():
                (run.folder / name).write_bytes(body)
            outputs[artifact] = run.put(*(run.folder / name for name in files))
        return Outcome(outputs)


@dataclass
class _Hooked:
    inner: Action
    words: ShipWords

    def do(self, run: StepRun) -> Outcome:
        self.words.before.get(run.step.id, _nothing)(run)
        done = self.inner.do(run)
        self.words.after.get(run.step.id, _nothing)(run)
        return done

    def probe(self, run: StepRun) -> Outcome | None:
        return self.inner.probe(run)

    def undo(self, run: StepRun) -> str:
        return self.inner.undo(run)


def _nothing(_run: StepRun) -> None:
    """No hook."""


@dataclass
class Shipping:
    """One run. ``conduct`` goes on with it until it has ended or stands still; made again, it is taken up again."""

    folder: Path
    harbour: Harbour
    project: str = "sealed"
    version: str = VERSION
    pipeline: str = PIPELINE
    places: dict[str, dict[str, str]] = field(default_factory=dict)
    words: ShipWords = field(init=False)
    crowd: Crowd = field(default_factory=lambda: Crowd(silent=("macos",)))
    secret: dict[str, Callable[[], str]] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)
    more: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.words = ShipWords(self.files())
        port = self.harbour
        self.places = {
            "index": {"url": port.server.url, "cache_seconds": "5"},
            "sigstore": {"trust_config": str(port.trust_config)},
            "gpg": {"home": str(port.gpg.path), "key": port.gpg.fingerprint},
            "signing": {"notes": str(self.folder / "notes")},
        } | self.places
        token = port.sigstore_token()
        self.secret = {"index-token": lambda: port.index_token, "sigstore-token": lambda: token} | self.secret

    def files(self) -> dict[str, dict[str, bytes]]:
        """What is built."""
        dists = [wheel(self.project, self.version), sdist(self.project, self.version)]
        bill = json.dumps({"bomFormat": "CycloneDX", "components": []}).encode()
        return {
            "dists": {one.filename: one.body for one in dists},
            "sbom": {f"{self.project}-{self.version}.cdx.json": bill},
        }

    @property
    def text(self) -> str:
        """The pipeline, for this harbour."""
        return (
            self.pipeline.replace("PROJECT", self.project)
            .replace("MODULE", self.project.replace("-", "_"))
            .replace("FINGERPRINT", self.harbour.gpg.fingerprint)
            .replace("ISSUER", self.harbour.issuer.url)
        )

    @property
    def journal(self) -> FileJournal:
        """Its journal, begun."""
        journal = FileJournal(self.folder / "journal.jsonl")
        if journal.head() == EMPTY:
            event = created({"version": self.version}, text=self.text, version=1, places=self.places)
            event = replace(event, project=self.project)
            now = SystemClock().now()
            line = seal(event, run=f"{self.project}-{self.version}-1", head=EMPTY, at=now, by="engine", key=ENGINE_KEY)
            begin(line)
            journal.append([line], EMPTY)
        return journal

    def conductor(self, **more: Any) -> Conductor:
        """Somebody who conducts it."""
        return Conductor(
            journal=self.journal, store=FolderStore(self.folder / "objects"), key=ENGINE_KEY,
            work=self.folder / "work", words=self.words, watch=False, answer=self.crowd, secrets=self.secrets,
            tell=self.told.append, **{**self.more, **more},
        )  # fmt: skip

    def conduct(self, **more: Any) -> State:
        """Go on."""
        return self.conductor(**more).conduct()

    def secrets(self, name: str) -> str:
        """A secret of this machine."""
        if name not in self.secret:
            raise Problem("no-secret", f"there is no secret {name!r}", place=name)
        return self.secret[name]()

    def run_of(self, step: str, inputs: Mapping[str, tuple[Thing, ...]] | None = None) -> StepRun:
        """A step as an action gets it, for tests that call actions themselves."""
        conductor = self.conductor()
        state = conductor.catch_up()
        one = state.pipeline.step(step)
        found = state.steps[step]
        folder = self.folder / "alone" / step
        folder.mkdir(parents=True, exist_ok=True)
        known = {name: state.artifacts.get(name, ()) for name in one.inputs} if inputs is None else inputs
        return StepRun(
            run=state.run, step=one, attempt=found.attempt, idempotency_key="k", pipeline=state.pipeline,
            params={**state.params, "tag": state.pipeline.tag, "project": self.project}, places=state.places,
            state=state, inputs=known, store=FolderStore(self.folder / "objects"), folder=folder,
            repository=self.folder / "work" / "source", children=Children(), clock=SystemClock(),
            tell=self.told.append, secrets=self.secrets, journal=lambda: tuple(self.journal.read()),
        )  # fmt: skip

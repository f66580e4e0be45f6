"""A made-up release of CPython by its template: the source is real, and so is everything that is done with it.

Three people and two builders meet at a running Customhouse, as in `demonstration`. Stand-ins are: the Windows and the
macOS experts' installers (files of a few bytes that say what they are), the people and their security keys, the service
that vouches for the builders, and the version. The evidence of the experts is really signed, by each with his own
identity. What is published lies in a folder that a plain web server shows.
"""

from __future__ import annotations

import hashlib
import http.server
import json
import os
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import httpx2 as httpx

from build_service import BuildService
from cpython_source import BRANCH, MADE_UP_VERSION, adopt
from customhouse.release.codec import read_line
from customhouse.release.events import Rebuilt
from customhouse.release.rules import replay
from customhouse.release.sealed import Sealed
from customhouse.release.sealing import verify_lines
from customhouse.release.signing.sealer import SigstoreSealer
from customhouse.release.state import State
from demonstration import Host, Machine, Together, signing_token
from servers import MORTAL
from shipping import gpg_home

EXPERTS = {"windows": "build-win", "macos": "build-mac"}
"""Who hands in files, and at which step."""
AFRESH_SECONDS = 100.0
"""ID tokens of the build service end after five minutes, and this release takes longer."""


@dataclass
class CpythonRelease(Together):
    """The world of this release."""

    accounts: ClassVar[Mapping[str, str]] = {"rm": "rosa", "windows": "wim", "macos": "mia"}
    name: ClassVar[str] = "cpython"
    patience_seconds: ClassVar[float] = 5400.0

    source: Path = field(kw_only=True)
    downloads: str = field(kw_only=True)
    """The address of the download server."""
    tests: tuple[str, ...] = field(kw_only=True)
    """What ``release.py --test`` is told besides the version."""
    text: str = ""
    _refreshed: float = 0.0
    _handed_in: set[str] = field(default_factory=set)

    def adopted(self) -> None:
        """The pipeline, as the release manager would write and commit it: who is who, and what is tested."""
        words = ", ".join(f'"{one}"' for one in ("--test", "{version}", *self.tests))
        told = {
            '"user:rm", "oidc:https://index.example#rm"': f'"user:rosa", "{self.identity_of("rosa")}"',
            '"user:windows-expert", "oidc:https://index.example#windows-expert"':
                f'"user:wim", "{self.identity_of("wim")}"',
            '"user:macos-expert", "oidc:https://index.example#macos-expert"': f'"user:mia", "{self.identity_of("mia")}"',
            "gpg:0123456789ABCDEF0123456789ABCDEF01234567": f"gpg:{self.gpg.fingerprint}",
            "oidc:https://ci-a.example#cpython:release": f"oidc:{self.builds.url}#builder-a",
            "oidc:https://ci-b.example#cpython:rebuild": f"oidc:{self.builds.url}#builder-b",
            '"--test", "{version}"': words,
        }  # fmt: skip
        self.text = adopt(self.source, told)

    def pipeline(self) -> str:
        """As it was adopted."""
        return self.text

    def params(self) -> dict[str, str]:
        """What the run is told. The documentation is left out: Sphinx takes minutes, and proves nothing more here."""
        return {"version": self.version, "branch": BRANCH, "kind": "bugfix", "docs": "no"}

    @property
    def public(self) -> Path:
        """What the download server shows."""
        return self.folder / "public"

    def places(self) -> dict[str, dict[str, str]]:
        """Where things are."""
        index = {
            "adapter": "folder", "path": str(self.public), "stage": str(self.folder / "staged"), "url": self.downloads,
        }  # fmt: skip
        empty: dict[str, dict[str, str]] = {name: {} for name in ("laptop", "ci", "ci-b", "azure", "mac")}
        return {**super().places(), **empty, "index": index}

    def meanwhile(self, found: dict[str, Any]) -> None:
        """Machines get fresh ID tokens, as their services give them; experts hand in when there is a commit."""
        if time.monotonic() - self._refreshed > AFRESH_SECONDS:
            self._refreshed = time.monotonic()
            for machine in self.machines.values():
                self.secrets(machine)
        if found["steps"]["push-fork"]["status"] == "done":
            for expert in EXPERTS.keys() - self._handed_in:
                self._handed_in.add(expert)
                self.hand_in(expert)

    def hand_in(self, expert: str) -> Machine:
        """An expert's stand-in files, with a provenance that he signs by his own identity."""
        machine = self.machines.setdefault(expert, Machine(expert, self.folder / f"home-{expert}"))
        machine.home.mkdir(mode=0o700)
        files = stand_ins(machine.home / "files", expert, self.version)
        sealer = SigstoreSealer(
            httpx.get(f"{self.host.url}/sigstore/trust_config.json", timeout=60).text,
            signing_token(self.people[expert].person, self.host.url),
        )
        evidence = machine.home / "files" / f"{expert}.sigstore.json"
        evidence.write_text(sealer.statement(_provenance(files, self.state().commit)))
        command = [
            *MORTAL, sys.executable, "-m", "customhouse", "release", "hand-in", self.page, *map(str, files),
            str(evidence), "--actor", expert, "--folder", str(machine.home / "work"), *self.identity(machine),
        ]  # fmt: skip
        kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        env = kept | {"HOME": str(machine.home)} | self.secrets(machine)
        with (machine.home / "log.txt").open("ab") as log:
            machine.process = subprocess.Popen(command, env=env, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        return machine

    def lines(self) -> list[Sealed]:
        """The journal, verified."""
        answer = httpx.get(
            f"{self.host.url}/api/release/runs/{self.run}/lines?after=-1",
            headers={"authorization": f"Bearer {self.people['rm'].token}"}, timeout=60,
        )  # fmt: skip
        lines = [read_line(line) for line in answer.raise_for_status().text.splitlines()]
        verify_lines(lines)
        return lines

    def state(self) -> At:
        """What the journal folds to, and its commit."""
        return At(replay(self.lines()))


@dataclass(frozen=True)
class At:
    """A state, with what the proof asks of it."""

    state: State

    @property
    def commit(self) -> str:
        """The release's."""
        return self.state.artifacts["commit"][0].digest

    @property
    def tag(self) -> str:
        """Its object."""
        return next(one.digest for one in self.state.artifacts["tag"] if one.algorithm == "gitTag")


@contextmanager
def cpython_release(
    host: Host, folder: Path, builds: BuildService, source: Path, tests: tuple[str, ...]
) -> Iterator[CpythonRelease]:  # fmt: skip
    """The world, furnished; the download server runs until the end of the block."""
    for name in ("public", "staged"):
        (folder / name).mkdir(parents=True)
    with gpg_home() as home, _shown(folder / "public") as address:
        made = CpythonRelease(
            host, folder, builds, home, version=MADE_UP_VERSION, source=source, downloads=address, tests=tests
        )
        made.adopted()
        made.furnish(source)
        try:
            yield made
        finally:
            made.end()


def stand_ins(folder: Path, expert: str, version: str) -> list[Path]:
    """Files under the names that belong there. They are no installers, and say so."""
    folder.mkdir(parents=True, exist_ok=True)
    said = f"A stand-in for what the {expert} expert of CPython would build of {version}. It installs nothing.\n"
    if expert == "macos":
        package = folder / f"python-{version}-macos11.pkg"
        package.write_text(said)
        return [package]
    installer, embeddable = folder / f"python-{version}-amd64.exe", folder / f"python-{version}-embed-amd64.zip"
    installer.write_text(said)
    with zipfile.ZipFile(embeddable, "w") as archive:
        archive.writestr("README.txt", said)
    return [installer, embeddable]


def _provenance(files: list[Path], commit: str) -> bytes:
    statement = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [
            {"name": one.name, "digest": {"sha256": hashlib.sha256(one.read_bytes()).hexdigest()}} for one in files
        ],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": "https://builds.example/stand-in/v1",
                "externalParameters": {"note": "stand-in files: nothing was built"},
                "resolvedDependencies": [
                    {"uri": "git+https://forge.example/cpython", "digest": {"gitCommit": commit}},
                ],
            },
            "runDetails": {"builder": {"id": "https://builds.example/expert"}},
        },
    }
    return json.dumps(statement).encode()


@contextmanager
def _shown(folder: Path) -> Iterator[str]:
    """A web server that shows a folder; its address."""
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), partial(_Quiet, directory=str(folder))
    )  # fmt: skip
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


# --- how long it took


@dataclass(frozen=True)
class Took:
    """How long a step took."""

    step: str
    seconds: float
    """From its start to its end, in the attempt that counts; with its rebuild, where somebody else builds it again."""
    people_seconds: float
    """From the question at its gate to its start: what people needed. 0 where nobody was asked."""


def durations(lines: list[Sealed]) -> list[Took]:
    """Of each step that was done, in the order in which they ended."""
    state = replay(lines)
    ends = {one.id: one.ended_at for one in state.steps.values() if one.status == "done" and one.ended_at is not None}
    for line in lines:
        if isinstance(line.event, Rebuilt) and line.event.step in ends:
            ends[line.event.step] = max(ends[line.event.step], line.at)
    found = []
    for name, end in sorted(ends.items(), key=lambda one: one[1]):
        step = state.steps[name]
        began = step.started_at or end
        people = (began - step.asked_at).total_seconds() if step.asked_at is not None else 0.0
        found.append(Took(name, (end - began).total_seconds(), people))
    return found

"""An external expert hands in by command, from a home, with a key and an identity of his own, at a running server."""

from __future__ import annotations

import hashlib
import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from command_line import Done, customhouse
from customhouse.accounts.users import find_user
from customhouse.index.new_project import CreateProject, new_project
from customhouse.release.codec import read_line
from customhouse.release.events import Attested, Joined
from customhouse.release.rules import replay
from customhouse.release.sealed import Sealed
from customhouse.release.sealing import verify_lines
from customhouse.release.things import Thing
from customhouse.release.work.identity import account_evidence
from customhouse.terms.clock import Clock, SystemClock
from meeting import Machine, Meeting
from servers import MORTAL
from shipping import Harbour
from signed_evidence import envelope, statement

pytestmark = pytest.mark.slow
COMMIT = "c" * 40
SIGNS = Ed25519PrivateKey.from_private_bytes(b"windows".ljust(32))
PIPELINE = """\
[pipeline]
schema = 1
version = 1
project = "abroad"
tag = "v{{version}}"
[params]
version = {{ pattern = '\\d+\\.\\d+' }}
[actors.rm]
title = "Release manager"
identities = ["user:alice"]
[actors.windows]
title = "Windows expert"
machine = true
identities = ["oidc:{issuer}#windows-expert", "key:{key}"]
[environments]
desk = {{ kind = "local" }}
azure = {{ kind = "ci", title = "Windows expert's machine" }}
[artifacts]
commit = {{ type = "git-commit" }}
win = {{ type = "files", names = ["abroad-{{version}}-amd64.exe"] }}
[[steps]]
id = "commit"
actor = "rm"
env = "desk"
uses = "exec"
run = ["true"]
out = ["commit"]
[[steps]]
id = "installer"
title = "Build the Windows installer"
actor = "windows"
env = "azure"
uses = "external.hand_in"
in = ["commit"]
out = ["win"]
"""
_versions = count(1)


@dataclass
class Elsewhere:
    """What `meeting.Meeting` asks of a world: here it is a server."""

    client: httpx.Client
    token: str
    clock: Clock

    def user(self, _name: str) -> str:
        """A token of the release manager."""
        return self.token


@dataclass
class Expert:
    """The expert's machine: its home, and what lies in it."""

    meeting: Meeting
    home: Path
    server: str
    audience: str
    name: str
    """Of the installer."""

    def built(self, text: str, *, signed_for: str = "", commit: str = COMMIT) -> list[str]:
        """An installer and its evidence, whose digest may be of something else."""
        folder = self.home / "built"
        folder.mkdir(exist_ok=True)
        installer, evidence = folder / self.name, folder / "windows.dsse.json"
        installer.write_text(signed_for or text)
        evidence.write_text(envelope(statement([installer], commit), SIGNS))
        installer.write_text(text)
        return [str(installer), str(evidence)]

    def command(self, files: list[str], *, actor: str = "windows", subject: str = "windows-expert") -> list[str]:
        """What he types."""
        token = self.home / "identity"
        token.touch(mode=0o600)
        token.write_text(self.meeting.service.token({"sub": subject}, aud=self.audience))
        page = f"{self.server}/release/run/{self.meeting.run}/"
        return ["release", "hand-in", page, *files, "--actor", actor, "--identity-token", str(token)]

    def hands_in(self, files: list[str], **more: str) -> Done:
        """In this process: a process of its own takes a second to start, and one of them is enough."""
        return customhouse(*self.command(files, **more), environment={"HOME": str(self.home)}, folder=self.home)

    def lines(self) -> list[Sealed]:
        """The journal, verified."""
        headers = self.meeting.program("alice")
        text = self.meeting.client.get(f"{self.meeting.address}/lines?after=-1", headers=headers).text
        found = [read_line(line) for line in text.splitlines()]
        verify_lines(found)
        return found


@pytest.fixture
def expert(harbour: Harbour, tmp_path: Path) -> Iterator[Expert]:
    """A run that waits for him: its commit is made."""
    with harbour.server.opened() as app, app.database.read() as sql:
        known = sql.exec_driver_sql("SELECT 1 FROM project WHERE normalized = 'abroad'").first()
        alice = find_user(sql, "alice").actor
    if known is None:
        with harbour.server.opened() as app:
            new_project(app.deeds, CreateProject("abroad", alice))
    with httpx.Client(base_url=harbour.server.url, timeout=60) as client:
        world: Any = Elsewhere(client, harbour.index_token, SystemClock())
        meeting = Meeting(world, harbour.issuer)
        text = PIPELINE.format(issuer=harbour.issuer.url, key=SIGNS.public_key().public_bytes_raw().hex())
        version = f"1.{next(_versions)}"  # only one run of a version may be open
        assert meeting.open("alice", text=text, version=version).status_code == 201
        rm = Machine(meeting, "rm")
        shown = {"identity": "user:alice", "evidence": account_evidence("alice")}
        assert rm.join(headers=meeting.program("alice"), **shown).status_code == 201
        done = rm.do("commit", {"commit": (Thing("main", "gitCommit", COMMIT),)})
        assert done.is_success, done.text
        home = tmp_path / "expert"
        home.mkdir(mode=0o700)
        audience = client.get("/_/oidc/audience").json()["audience"]
        yield Expert(meeting, home, harbour.server.url, audience, f"abroad-{version}-amd64.exe")


def test_what_he_has_built_is_in_the_room_with_his_evidence_and_under_his_own_key(expert: Expert) -> None:
    files = expert.built("an installer")
    done = subprocess.run(
        [*MORTAL, sys.executable, "-m", "customhouse", *expert.command(files)], cwd=expert.home, check=False,
        env={"HOME": str(expert.home), "PATH": os.environ["PATH"]}, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = expert.lines()
    (thing,) = replay(lines).artifacts["win"]
    assert (thing.name, thing.digest) == (expert.name, hashlib.sha256(b"an installer").hexdigest())
    address = f"{expert.meeting.address}/objects/{thing.digest}"
    assert expert.meeting.client.get(address, headers=expert.meeting.program("alice")).content == b"an installer"
    (joined,) = [one.event for one in lines if isinstance(one.event, Joined) and one.event.actor == "windows"]
    assert joined.identity.endswith("#windows-expert")
    (attested,) = [one.event for one in lines if isinstance(one.event, Attested)]
    assert attested.subjects == (thing,)
    (key,) = expert.home.rglob("machine.key")
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert "handed in" in done.stderr

    again = expert.hands_in(files)
    assert (again.returncode, "already" in again.stderr) == (0, True), again.stderr
    other = expert.hands_in(expert.built("another installer"))
    assert other.returncode not in (0, 3), other.stderr
    assert thing.digest in other.stderr
    assert hashlib.sha256(b"another installer").hexdigest() in other.stderr
    assert replay(expert.lines()).artifacts["win"] == (thing,)


def test_what_is_not_as_it_was_signed_for_is_refused_before_the_run_hears_of_it(expert: Expert) -> None:
    """He sees why, and hands in what is right: nobody has to restart anything for a slip of his."""
    before = len(expert.lines())
    slips: list[tuple[str, Callable[[], list[str]]]] = [
        ("other-file", lambda: expert.built("swapped", signed_for="an installer")),
        ("other-commit", lambda: expert.built("an installer", commit="d" * 40)),
        ("no-evidence", lambda: expert.built("an installer")[:1]),
    ]
    for words, build in slips:
        done = expert.hands_in(build())
        assert done.returncode not in (0, 3), done.stderr
        assert words in done.stderr, done.stderr
        assert "Traceback" not in done.stderr
    said = [one.event.kind for one in expert.lines()[before:]]
    assert said == ["joined"], said
    assert expert.hands_in(expert.built("an installer")).returncode == 0


def test_nobody_else_hands_in_for_him(expert: Expert) -> None:
    before = [one.event.kind for one in expert.lines()]
    files = expert.built("an installer")
    for more in ({"subject": "somebody"}, {"actor": "rm"}, {"actor": "macos"}):
        done = expert.hands_in(files, **more)
        assert done.returncode not in (0, 3), (more, done.stderr)
        assert "There is no such release run, or it is not yours" in done.stderr, (more, done.stderr)
    assert [one.event.kind for one in expert.lines()] == before

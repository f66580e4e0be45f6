"""Files and a tag of mine that OpenPGP keys have signed: verified with the bundle's key, and the key is named."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from clock import TurnableClock
from customhouse.release.events import Event, SignedThing, TagSeen
from customhouse.release.evidence.points.case import Point
from customhouse.release.evidence.verify import verify
from customhouse.release.standing import flat, inputs_of
from customhouse.release.things import Thing, Things
from released import VERSION, Puppet
from shipping import GpgHome, gpg, gpg_home

pytestmark = pytest.mark.slow
THEN = ("--faked-system-time", f"{int(datetime(2025, 1, 1, tzinfo=UTC).timestamp())}!")
ENDS = "2d"
"""The key has expired long since, and had not when it signed."""


@pytest.fixture(scope="module")
def rosa() -> Iterator[GpgHome]:
    with gpg_home() as home:
        name = "Rosa of 2025 <rosa@example.org>"
        gpg(home.path, *THEN, "--passphrase", "", "--quick-gen-key", name, "ed25519", "sign", ENDS)
        listed = gpg(home.path, "--with-colons", "--list-keys", f"={name}").splitlines()
        yield GpgHome(home.path, next(line.split(":")[9] for line in listed if line.startswith("fpr")))


@dataclass
class SignedByGpg(Puppet):
    """Rosa signs files and the tag with an OpenPGP key."""

    rosa: GpgHome = field(kw_only=True)
    files_by: str = ""
    """Another key that signs the files."""

    @property
    def pipeline(self) -> str:
        text = super().pipeline.replace('"user:rosa", ', f'"user:rosa", "gpg:{self.rosa.fingerprint}", ')
        return text.replace('how = ["sigstore"]', 'how = ["gpg"]').replace("{artifact}.sigstore.json", "{artifact}.asc")

    @property
    def repository(self) -> Path:
        return self.folder / "repository"

    def clone(self) -> tuple[str, str]:
        """The release's commit and tag, in a repository of a stranger's."""
        self.repository.mkdir(parents=True)
        (self.repository / "release.toml").write_text(self.pipeline)
        program = self.folder / "gpg-then"
        program.write_text(f'#!/bin/sh\nexec gpg {" ".join(THEN)} "$@"\n')
        program.chmod(0o755)
        who = ["-c", "user.name=Rosa", "-c", "user.email=rosa@example.org", "-c", f"gpg.program={program}"]
        self.git("init", "-q")
        self.git("add", "release.toml")
        self.git(*who, "commit", "-qm", "x")
        message = f"sealed {VERSION}\n\nWhat follows -----BEGIN PGP SIGNATURE----- is by Rosa."
        self.git(*who, "tag", "-s", "-u", self.rosa.fingerprint, "-m", message, f"v{VERSION}")
        return self.git("rev-parse", "HEAD"), self.git("rev-parse", f"refs/tags/v{VERSION}")

    def git(self, *words: str) -> str:
        env = {
            "PATH": os.environ["PATH"], "HOME": str(self.folder), "GIT_CONFIG_NOSYSTEM": "1",
            "GNUPGHOME": str(self.rosa.path),
        }  # fmt: skip
        done = subprocess.run(["git", *words], cwd=self.repository, env=env, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def made(self, name: str) -> tuple[dict[str, Things], dict[str, str]]:
        outputs, facts = super().made(name)
        if name == "commit":
            commit, tag = self.clone()
            outputs = {
                "commit": (Thing("main", "gitCommit", commit),), "tag": (Thing(f"v{VERSION}", "gitTag", tag),),
            }  # fmt: skip
        if name in ("commit", "sign"):
            public = gpg(self.rosa.path, "--armor", "--export", self.rosa.fingerprint)
            facts |= {"gpg_fingerprint": self.rosa.fingerprint, "gpg_public_key": public}
        return outputs, facts

    def sign(self, who: str, attempt: int, outputs: dict[str, Things]) -> None:
        assert self.state is not None
        made, key = [], self.files_by or self.rosa.fingerprint
        for thing in flat(inputs_of(self.state, self.state.pipeline.step("sign"))):
            body = self.store.fetch(thing, self.folder / "fetched").read_bytes()
            then = () if self.files_by else THEN
            text = gpg(self.rosa.path, *then, "--armor", "--local-user", key, "--detach-sign", stdin=body)
            made.append(self.put(f"{thing.name}.asc", text.encode()))
            self.speak(who, SignedThing("sign", attempt, thing, made[-1], "gpg", f"gpg:{self.rosa.fingerprint}", ""))
        outputs["sigs"] = tuple(sorted(made))

    def say(self, event: Event) -> None:
        if isinstance(event, TagSeen) and self.state is not None:
            event = replace(event, oid=self.state.artifacts["tag"][0].digest, commit=self.git("rev-parse", "HEAD"))
        super().say(event)


def made(folder: Path, rosa: GpgHome, at: datetime, *, files_by: str = "") -> SignedByGpg:
    run = SignedByGpg(folder, sigstore=False, room=False, clock=TurnableClock(at), rosa=rosa, files_by=files_by)
    run.release()
    return run


@pytest.fixture(scope="module")
def released(rosa: GpgHome, tmp_path_factory: pytest.TempPathFactory) -> SignedByGpg:
    return made(tmp_path_factory.mktemp("released"), rosa, datetime(2025, 1, 1, 9, tzinfo=UTC))


def mine(run: SignedByGpg, folder: Path) -> tuple[int, Point]:
    """Point 8 of a stranger who has one file and a clone."""
    name, body = next(iter(run.bodies.items()))
    (folder / name).write_bytes(body)
    report = verify(run.bundle(), run.brought(artifacts=(folder / name,), repository=run.repository))
    return report.exit_code, report.points[7]


def test_signatures_of_files_and_tag_are_verified_and_the_key_is_named(
    released: SignedByGpg, rosa: GpgHome, tmp_path: Path
) -> None:
    """Years after, when the key has expired: it had not when it signed."""
    _, point = mine(released, tmp_path)
    said = [one.text for one in point.findings]
    name = next(iter(released.bodies))
    assert point.sign == "holds", said
    assert f"{name}.asc is by the OpenPGP key {rosa.fingerprint}, which the pipeline names" in said
    assert f"the tag v{VERSION} is signed by the OpenPGP key {rosa.fingerprint}, which the pipeline names" in said


def test_without_gpg_signatures_of_files_and_tag_are_unknown_and_the_program_is_named(
    released: SignedByGpg, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    git = next(path for folder in os.get_exec_path() if (path := Path(folder) / "git").is_file())
    (programs / "git").symlink_to(git)
    monkeypatch.setenv("PATH", str(programs))
    code, point = mine(released, tmp_path)
    assert (code, point.sign) == (3, "unknown")
    doubts = [one.text for one in point.findings if one.sign == "unknown"]
    assert len([one for one in doubts if "install gnupg" in one]) == 2


def test_a_key_that_had_expired_when_it_signed_files_and_tag_is_seen(rosa: GpgHome, tmp_path: Path) -> None:
    run = made(tmp_path / "run", rosa, datetime(2025, 1, 20, tzinfo=UTC))
    code, point = mine(run, tmp_path)
    wrong = [one.text for one in point.findings if one.sign == "fails"]
    assert (code, len(wrong)) == (1, 2)
    assert all("the key has expired" in one for one in wrong)


def test_files_that_another_key_has_signed_are_seen(released: SignedByGpg, tmp_path: Path) -> None:
    """The bundle has the declared key, the journal says that it signed, and another one of its home has."""
    with gpg_home() as home:
        gpg(home.path, "--import", stdin=gpg(released.rosa.path, "--armor", "--export-secret-keys").encode())
        both = GpgHome(home.path, released.rosa.fingerprint)
        run = made(tmp_path / "run", both, datetime(2025, 1, 1, 9, tzinfo=UTC), files_by=home.fingerprint)
        code, point = mine(run, tmp_path)
    assert (code, point.sign) == (1, "fails")
    assert "it was signed by the key" in " ".join(one.text for one in point.findings)

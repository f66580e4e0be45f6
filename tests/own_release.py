"""Customhouse released by its own engine: HEAD as a made-up version, by two people and two builders at a local server.

Stand-ins are the people with their security keys, the service that vouches for the builders, and the version. The
pipeline is the repository's `release.toml` with these people and machines written in, and committed: the release's commit
holds the very pipeline by which it was made. What is published is fetched by a stranger who installs it, without a
network, and has the released command verify itself.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import httpx2 as httpx
from packaging.version import Version

from build_service import BuildService
from command_line import customhouse
from customhouse.release.rules import replay
from customhouse.release.state import State
from demonstration import Host, Together, told_anew
from sealed_project import commit_all, git
from shipping import gpg_home

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ("requirements/build.txt", "requirements/runtime.txt")
"""What a release is built with, and what is installed beside it."""


@dataclass
class OwnRelease(Together):
    """The world of this release."""

    accounts: ClassVar[Mapping[str, str]] = {"rm": "rosa", "reviewer": "ravi"}
    name: ClassVar[str] = "customhouse"
    patience_seconds: ClassVar[float] = 1500.0

    source: Path = field(kw_only=True)
    """A clone of HEAD, on ``main``, with these people and machines in its pipeline."""
    wheelhouse: Path = field(kw_only=True)

    def adopt(self) -> None:
        """Write these people and machines into the pipeline, as somebody does who sets up releases; commit it."""
        told = {
            "oidc:https://index.example/sigstore/oidc#https://index.example/user/rosa": self.identity_of("rosa"),
            '"user:rosa",': f'"user:rosa", "gpg:{self.gpg.fingerprint}",',
            "oidc:https://ci-a.example#builder-a": f"oidc:{self.builds.url}#builder-a",
            "oidc:https://ci-b.example#builder-b": f"oidc:{self.builds.url}#builder-b",
            'names = ["{artifact}.sigstore.json"]': 'names = ["{artifact}.sigstore.json", "{artifact}.asc"]',
            'how = ["sigstore"]': 'how = ["sigstore", "gpg"]',
        }
        path = self.source / "release.toml"
        path.write_text(told_anew(path.read_text("utf-8"), told), "utf-8")
        commit_all(self.source, "Release with the people and machines of this rehearsal")

    def pipeline(self) -> str:
        """As it was adopted."""
        return (self.source / "release.toml").read_text("utf-8")

    def places(self) -> dict[str, dict[str, str]]:
        """Where things are."""
        builder = {"wheelhouse": str(self.wheelhouse)}
        index = {"url": self.host.url, "project": self.name}
        return {**super().places(), "desk": {}, "ci": builder, "ci-b": builder, "index": index}

    def state(self) -> State:
        """What the journal folds to."""
        return replay(self.read_journal())

    def bundle(self) -> Path:
        """The release's bundle, as the release manager writes it."""
        done = customhouse(
            "release", "bundle", self.page, "--actor", "rm", "--folder", str(self.machines["rm"].home / "work"),
            "-o", str(self.folder),
        )  # fmt: skip
        if done.returncode != 0:
            raise RuntimeError(done.stderr)
        return self.folder / f"{self.name}-{self.version}.release.tar"


@contextmanager
def own_release(host: Host, folder: Path, builds: BuildService) -> Iterator[OwnRelease]:
    """The world, furnished. The server must know the build service (`settings_for_builders`)."""
    folder.mkdir(parents=True, exist_ok=True)
    source = clone_of_head(folder / "source")
    with gpg_home() as home:
        made = OwnRelease(
            host, folder, builds, home, version=next_version(source), source=source,
            wheelhouse=fetch_wheels(source, folder / "wheelhouse"),
        )  # fmt: skip
        made.adopt()
        made.furnish(source)
        try:
            yield made
        finally:
            made.end()


def clone_of_head(folder: Path) -> Path:
    """What is committed here, on a branch called ``main``; nothing that is not."""
    subprocess.run(["git", "clone", "--quiet", "--", str(ROOT), str(folder)], check=True, capture_output=True)
    git(folder, "checkout", "--quiet", "-B", "main")
    git(folder, "remote", "remove", "origin")
    return folder


def next_version(source: Path) -> str:
    """A version after the one that the tree says, made up."""
    now = Version(tomllib.loads((source / "pyproject.toml").read_text("utf-8"))["project"]["version"])
    return f"{now.major}.{now.minor + 1}.0"


def fetch_wheels(source: Path, folder: Path) -> Path:
    """Everything that the locks name for this Python, from where pip's settings say; each is compared with its hash."""
    _pip(
        Path(sys.executable),
        "download",
        "--only-binary",
        ":all:",
        "--no-deps",
        "--dest",
        folder,
        *_locked(source, LOCKS),
    )
    return folder


@dataclass(frozen=True)
class Stranger:
    """Somebody who has what everybody can get, and an environment with the released wheel in it."""

    folder: Path
    wheel: Path
    sdist: Path
    bundle: Path
    repository: Path
    trust_root: Path
    """From elsewhere: by it he knows whose certificates to believe."""

    @property
    def command(self) -> Path:
        """The released wheel's own."""
        return self.folder / "env" / "bin" / "customhouse"

    def verifies(self, *artifacts: Path) -> subprocess.CompletedProcess[str]:
        """``customhouse release verify`` by the released command, shut in: no network, nothing to write but ``/tmp``."""
        files: list[str | Path] = [word for one in artifacts for word in ("--artifact", one)]
        brought = ["--trust-root", self.trust_root, "--repo", self.repository, *files]
        return shut_in(self.folder, [self.command, "release", "verify", self.bundle, *brought])


EMPTY = "/tmp"  # noqa: S108 - of the cell alone


def shut_in(folder: Path, command: Sequence[str | Path]) -> subprocess.CompletedProcess[str]:
    """Run it without a network, without our environment, with a home and a ``/tmp`` that are empty."""
    return subprocess.run(
        ["bwrap", "--unshare-all", "--die-with-parent", "--clearenv", "--setenv", "PATH", "/usr/bin:/bin",
         "--setenv", "HOME", EMPTY, "--setenv", "LC_ALL", "C.UTF-8", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc",
         "--tmpfs", EMPTY, "--ro-bind", folder, folder, "--chdir", folder, *command],
        check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def stranger(world: OwnRelease, folder: Path) -> Stranger:
    """Fetch everything as a stranger does, and install the wheel with its locked dependencies from the wheelhouse."""
    folder.mkdir(parents=True)
    page = httpx.get(
        f"{world.host.url}/simple/{world.name}/", headers={"accept": "application/vnd.pypi.simple.v1+json"}, timeout=60
    ).raise_for_status().json()  # fmt: skip
    for file in page["files"]:
        (folder / file["filename"]).write_bytes(
            httpx.get(httpx.URL(str(world.host.url)).join(file["url"]), timeout=60).content
        )
    bundle = world.bundle().rename(folder / f"{world.name}-{world.version}.release.tar")
    config = httpx.get(f"{world.host.url}/sigstore/trust_config.json", timeout=60).raise_for_status().json()
    (folder / "trusted_root.json").write_text(json.dumps(config["trustedRoot"]))
    git(folder, "clone", "--quiet", str(world.upstream), str(folder / "clone"))
    python = folder / "env" / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", str(folder / "env")], check=True, capture_output=True)
    found = Stranger(
        folder, folder / f"{world.name}-{world.version}-py3-none-any.whl", folder / f"{world.name}-{world.version}.tar.gz",
        bundle, folder / "clone", folder / "trusted_root.json",
    )  # fmt: skip
    _pip(
        python,
        "install",
        "--no-index",
        "--find-links",
        world.wheelhouse,
        "--no-deps",
        *_locked(folder / "clone", LOCKS[1:]),
    )
    _pip(python, "install", "--no-index", "--no-deps", found.wheel)
    return found


def _locked(source: Path, locks: Sequence[str]) -> list[str | Path]:
    return ["--require-hashes", *(word for one in locks for word in ("-r", source / one))]


def _pip(python: Path, *words: str | Path) -> None:
    done = subprocess.run(
        [python, "-m", "pip", "--quiet", "--disable-pip-version-check", *words],
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        raise RuntimeError(f"pip {words[0]}: {done.stderr}")

"""Unmodified pip, uv and poetry through a view: they take the newest version that is let in, and hear why not."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from installers import install
from venvs import UV, clean_environment, client

from packages import wheel
from upstream_world import UpstreamFile, UpstreamWorld, upstream_world
from world import Server, running

pytestmark = [pytest.mark.slow]
RULES = 'level = "balanced"\n[[rule]]\nname = "not this one"\ndeny-if.version = "==0.9"\npackages = ["demo"]\n'


@dataclass
class Street:
    """A real server with a view of an upstream."""

    server: Server
    upstream: UpstreamWorld
    young: UpstreamFile

    @property
    def view(self) -> str:
        return f"{self.server.url}/view/main"


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Street]:
    folder = tmp_path_factory.mktemp("street")
    with upstream_world() as upstream:
        upstream.add(wheel("demo", "0.9"))
        upstream.add(wheel("demo", "1.0", headers={"Requires-Dist": "base-thing>=1"}))
        young = upstream.add(wheel("demo", "2.0"), uploaded_at=datetime.now(UTC) - timedelta(days=1))
        upstream.add(wheel("base-thing", "1.4"))
        said = upstream.settings()
        environment = {f"CUSTOMHOUSE_{key.upper()}": json.dumps(value) for key, value in said.items()}
        with running(folder / "data", environment=environment, prepared=False) as server:
            (folder / "policy.toml").write_text(RULES)
            policy = str(folder / "policy.toml")
            told = server.command("view", "add", "main", "--upstream", "pypi", "--policy", policy)
            assert "'balanced' with 1 rule of its own" in told
            yield Street(server, upstream, young)
            server.command("check")


@pytest.mark.parametrize("installer", ["pip-23.2.1", "pip-newest", "uv", "poetry"])
def test_an_installer_falls_back_to_the_newest_version_that_is_let_in(
    street: Street, tmp_path: Path, installer: str
) -> None:
    there = install(installer, ["demo"], street.view, tmp_path / "work")
    assert there["demo"] == "1.0"
    assert there["base-thing"] == "1.4"


def ask(folder: Path, *command: str) -> str:
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env=clean_environment(folder / "home"), cwd=folder
    )
    assert done.returncode != 0
    return done.stdout + done.stderr


def test_a_lock_made_before_is_refused_and_the_developer_hears_why(street: Street, tmp_path: Path) -> None:
    (tmp_path / "locked.txt").write_text(
        f"demo @ {street.view}/files/demo/{street.young.filename} --hash=sha256:{street.young.sha256}\n"
    )
    told = ask(tmp_path, str(UV), "pip", "install", "--python", sys.executable, "--target", "t", "--require-hashes",
               "--no-deps", "-r", "locked.txt")  # fmt: skip
    assert "cooldown" in told
    assert "the nearest version that is let in is 1.0" in told
    told = ask(tmp_path, str(client("pip-newest") / "bin" / "python"), "-m", "pip", "install", "--target", "t2",
               "--no-deps", "--require-hashes", "-r", "locked.txt")  # fmt: skip
    assert "403" in told


def test_a_pin_of_what_is_hidden_is_not_found(street: Street, tmp_path: Path) -> None:
    told = ask(tmp_path, str(client("pip-newest") / "bin" / "python"), "-m", "pip", "install", "--target", "t",
               "--index-url", f"{street.view}/simple/", "demo==2.0")  # fmt: skip
    assert "from versions: 1.0" in told

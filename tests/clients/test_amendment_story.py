"""The upper bound that blocks a security fix, told to its end: found, amended by its owner, locked by uv, installed by pip.

betalib 1.9 is vulnerable and 2.1 is mended; alphalib 1.4 says betalib<2, and its authors are gone for weeks. Then one of
them says in a minute that it works with 2.1 after all, and does not work with 3.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import httpx2 as httpx
import pytest
from venvs import UV, clean_environment

from advising import record
from auditing import BIN, snapshot_of
from customhouse.views.define import AddView, add_view
from packages import wheel
from world import Server, running, upload

pytestmark = pytest.mark.slow
PROJECT = """[project]
name = "shop"
version = "0"
requires-python = ">=3.11"
dependencies = ["alphalib==1.4", "betalib>=1"]
"""


def released(server: Server, token: str, name: str, version: str, *requires: str) -> None:
    headers = {"Requires-Dist": "\nRequires-Dist: ".join(requires)} if requires else {}
    with httpx.Client(base_url=server.url, timeout=30) as http:
        dist = wheel(name, version, headers=headers)
        assert upload(http, token, dist, name=name, version=version).status == 200


class Team:
    """Somebody who uses it: a project with a lock, an audit, and installers."""

    def __init__(self, place: Path, view: str) -> None:
        self.place, self.view = place, view
        self.environment = {**clean_environment(place / "home"), "PATH": f"{BIN}:/usr/bin:/bin"}
        self.environment.pop("UV_NO_CONFIG")
        (place / "pyproject.toml").write_text(PROJECT)
        wrong = record("PYSEC-2026-1", "betalib", fixed="2.1")
        snapshot_of(place / "s.sqlite", wrong)
        (place / "one.json").write_text(json.dumps(wrong.document, default=str))

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, cwd=self.place, env=self.environment, capture_output=True, text=True, check=False
        )

    def lock(self, *flags: str) -> str:
        done = self.run(str(UV), "lock", "--default-index", f"{self.view}simple/", "--python", sys.executable, *flags)
        assert done.returncode == 0, done.stderr
        return (self.place / "uv.lock").read_text()

    def audit(self, *what: str) -> subprocess.CompletedProcess[str]:
        return self.run(
            str(BIN / "customhouse"), "audit", "--snapshot", "s.sqlite", "--old-after-days", "100000", "--advisories",
            "one.json", "--index-url", f"{self.view}simple/", *what,
        )  # fmt: skip


def test_an_upper_bound_that_blocks_a_fix_is_amended_by_its_owner_and_everybody_gets_the_fix(tmp_path: Path) -> None:
    with running(tmp_path / "data", prepared=False) as server:
        with server.opened() as app:
            app.do(add_view, AddView("all", (), 'level = "open"\n', ()))
        owner, other = server.new_token("alpha"), server.new_token("beta")
        for version in ("1.9", "2.1", "3.0"):
            released(server, other, "betalib", version)
        released(server, owner, "alphalib", "1.4", "betalib<2")
        view = f"{server.url}/view/all/"
        (tmp_path / "team").mkdir()
        team = Team(tmp_path / "team", view)
        # The fix is out, and the bound keeps it away.
        assert 'name = "betalib"\nversion = "1.9"' in team.lock()
        found = team.audit("uv.lock")
        words = " ".join(found.stdout.split())
        assert found.returncode == 1, found.stdout + found.stderr
        assert "alphalib 1.4 requires betalib<2" in words
        assert "said afterwards" not in words
        # Its owner says so, with what he has seen and where.
        said = httpx.post(
            f"{server.url}/api/projects/alphalib/amendments", headers={"Authorization": f"Bearer {owner}"}, timeout=30,
            json={
                "versions": "1.4", "requirement": "betalib<3", "reason": "Our tests pass with betalib 2.1.",
                "evidence": "https://example.org/alphalib/issues/12",
            },
        )  # fmt: skip
        assert said.status_code == 201, said.text
        assert said.json()["signed"]["kind"] == "widening"
        # The audit of the same lock now knows a way, with who said it, when, and that it is signed.
        told = team.audit("uv.lock").stdout
        words = " ".join(told.split())
        assert "Go by what was said afterwards: alphalib 1.4 takes betalib<3, as its owner has said on" in words
        assert "(signed; Our tests pass with betalib 2.1. https://example.org/alphalib/issues/12)" in words
        address = f"{view}uv.toml?widening=1&for=alphalib==1.4"
        assert address in "".join(told.split())
        # The team does what is written there.
        (team.place / "uv.toml").write_text(httpx.get(address).text)
        text = team.lock("--upgrade-package", "betalib==2.1")
        assert 'name = "betalib"\nversion = "2.1"' in text
        clean = team.audit("uv.lock")
        assert clean.returncode == 0, clean.stdout + clean.stderr
        # pip has no overrides: it installs exactly what was locked, and its own check goes on naming the old bound.
        exported = team.run(str(UV), "export", "--no-emit-project", "--quiet", "--frozen", "-o", "requirements.txt")
        assert exported.returncode == 0, exported.stderr
        done = team.run(
            sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes", "--target", "there",
            "--index-url", f"{view}simple/", "-r", "requirements.txt",
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert (team.place / "there/betalib-2.1.dist-info").is_dir()
        metadata = (team.place / "there/alphalib-1.4.dist-info/METADATA").read_text()
        assert "Requires-Dist: betalib<2\n" in metadata
        # It turns out to be wrong: withdrawn, and nobody is sent that way any more.
        answer = httpx.post(
            f"{server.url}/api/projects/alphalib/amendments/{said.json()['signed']['id']}/withdraw", timeout=30,
            headers={"Authorization": f"Bearer {owner}"}, json={"reason": "It fails on Windows."},
        )  # fmt: skip
        assert answer.status_code == 200, answer.text
        (team.place / "uv.toml").unlink()
        assert 'name = "betalib"\nversion = "1.9"' in team.lock("--upgrade")
        assert "said afterwards" not in team.audit("uv.lock").stdout
        assert "[[dependency-metadata]]" not in httpx.get(address).text
        server.command("check")

"""Releases that wait, with unmodified clients: twine and uv stage them, pip and uv try them out (PEP 694)."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import httpx2 as httpx
import pytest
from venvs import UV, clean_environment, client, run

from packages import sdist, wheel
from staging import Stager
from world import Server

pytestmark = pytest.mark.slow


def stage_token(server: Server) -> str:
    """A token that may do nothing but stage."""
    server.new_token("stager")
    return server.command("token", "create", "stager", "--action", "stage")


@pytest.mark.parametrize("publisher", ["twine-3.8", "twine-7", "uv"])
def test_a_publisher_takes_202_for_success_and_may_send_the_same_again(
    running_index: Server, publisher: str, tmp_path: Path
) -> None:
    name = f"waits-{publisher.replace('.', '-')}"
    files = []
    for dist in (wheel(name, "1.0"), sdist(name, "1.0")):
        (tmp_path / dist.filename).write_bytes(dist.body)
        files.append(str(tmp_path / dist.filename))
    token, upload_url = stage_token(running_index), f"{running_index.url}/legacy/"
    if publisher == "uv":
        command = [str(UV), "publish", "--publish-url", upload_url, "--token", token, "--trusted-publishing", "never",
                   *files]  # fmt: skip
    else:
        command = [str(client(publisher) / "bin" / "twine"), "upload", "--non-interactive", "--disable-progress-bar",
                   "--verbose", "--repository-url", upload_url, "-u", "__token__", "-p", token, *files]  # fmt: skip
    for _again in range(2):
        done = run(command, cwd=tmp_path, environment=clean_environment(tmp_path / "home"))
        assert done.returncode == 0, done.stdout + done.stderr
    assert httpx.get(f"{running_index.url}/simple/{name}/").status_code == 404


def test_pip_and_uv_install_a_staged_release_and_nothing_else_sees_it(running_index: Server, tmp_path: Path) -> None:
    """With the metadata beside the file, in one round trip, and by its hash."""
    token = running_index.new_token("tryer")
    name, version = "tried-before", "2.0"
    dist = wheel(name, version, headers={"Requires-Python": ">=3.8"})
    with httpx.Client(base_url=running_index.url, timeout=30) as http:
        tryer = Stager(http, token)
        session = tryer.session(name, version)
        tryer.add(session, dist)
        tryer.add(session, sdist(name, version, headers={"Requires-Python": ">=3.8"}))
        stage, simple = session["links"]["stage"], f"{running_index.url}/simple/"
        pip = [str(client("pip-newest") / "bin" / "python"), "-m", "pip", "install", "--no-cache-dir"]
        commands = {
            "pip": [*pip, "--index-url", simple, "--extra-index-url", stage],
            "uv": [str(UV), "pip", "install", "--python", sys.executable, "--default-index", simple, "--index", stage],
        }
        for installer, command in commands.items():
            target = tmp_path / installer
            whole = [*command, "--target", str(target), name]
            done = run(whole, cwd=tmp_path, environment=clean_environment(tmp_path / "home"))
            assert done.returncode == 0, f"{installer}: {done.stdout}{done.stderr}"
            found = subprocess.run([str(UV), "pip", "list", "--no-config", "--format", "json", "--target", str(target)],
                                   check=True, capture_output=True, text=True)  # fmt: skip
            assert {one["name"]: one["version"] for one in json.loads(found.stdout)} == {name: version}
        assert http.get(f"/simple/{name}/").status_code == 404
        assert tryer.publish(session).status_code == 201
        assert http.get(stage).status_code == 404
        assert http.get(f"/simple/{name}/").status_code == 200

"""December 2022, replayed: PyTorch's own index had ``torchtriton``, and somebody put a higher version of it on PyPI.

pip with two indexes took the higher version: 2,300 machines gave their keys away. Through a view the name is ours, so it
never comes from an upstream, whatever version that has; and the upstream does not even hear of it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2 as httpx
import pytest
from installers import install
from venvs import UV, clean_environment

from packages import wheel
from upstream_world import UpstreamWorld, upstream_world
from world import Server, running, upload

pytestmark = pytest.mark.slow


@dataclass
class Replay:
    """PyTorch's index, with a view over PyPI, where the attacker waits."""

    server: Server
    upstream: UpstreamWorld

    @property
    def view(self) -> str:
        return f"{self.server.url}/view/nightly"


@pytest.fixture(scope="module")
def replay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replay]:
    folder = tmp_path_factory.mktemp("torchtriton")
    with upstream_world() as upstream:
        upstream.add(wheel("torchtriton", "3.0.0", files={"torchtriton/__init__.py": b"STOLEN = True\n"}))
        upstream.add(wheel("secret-plans", "9.0"))
        upstream.add(wheel("filelock", "3.9"))
        said = upstream.settings() | {"internal_names": ["secret-*"]}
        environment = {f"CUSTOMHOUSE_{key.upper()}": json.dumps(value) for key, value in said.items()}
        with running(folder / "data", environment=environment, prepared=False) as server:
            server.command("view", "add", "nightly", "--upstream", "pypi", "--policy", "open")
            token = server.new_token("pytorch")
            with httpx.Client(base_url=server.url, timeout=60) as client:
                for dist, name, version in (
                    (wheel("torchtriton", "2.0.0"), "torchtriton", "2.0.0"),
                    (wheel("torch", "2.0", headers={"Requires-Dist": "torchtriton"}), "torch", "2.0"),
                ):
                    assert upload(client, token, dist, name=name, version=version).status == httpx.codes.OK
            yield Replay(server, upstream)
            server.command("check")


@pytest.mark.parametrize("installer", ["pip-newest", "uv"])
@pytest.mark.parametrize("wanted", ["torch", "torchtriton", "torchtriton>=2", "TorchTriton"])
def test_torchtriton_confusion(replay: Replay, tmp_path: Path, installer: str, wanted: str) -> None:
    """Real installers get ours, asked for by name, by a higher bound, or through what needs it."""
    there = install(installer, [wanted, "filelock"], replay.view, tmp_path / "work")
    assert there["torchtriton"] == "2.0.0"
    assert there["filelock"] == "3.9", "everything else does come from upstream"
    assert replay.upstream.asked_about("torchtriton") == [], "the upstream has not even heard of it"


def test_torchtriton_confusion_by_a_pin_or_an_address(replay: Replay, tmp_path: Path) -> None:
    """Upstream's version is not to be had by asking for exactly it, nor by an address in the view."""
    done = subprocess.run(
        [str(UV), "pip", "install", "--python", sys.executable, "--target", "t", "--default-index",
         f"{replay.view}/simple/", "torchtriton==3.0.0"],
        capture_output=True, text=True, check=False, cwd=tmp_path, env=clean_environment(tmp_path / "home"),
    )  # fmt: skip
    assert done.returncode != 0
    filename = replay.upstream.projects["torchtriton"].files[0].filename
    for tail in ("", ".metadata"):
        answer = httpx.get(f"{replay.view}/files/torchtriton/{filename}{tail}")
        assert answer.status_code == httpx.codes.NOT_FOUND
    assert replay.upstream.asked_about("torchtriton") == []


@pytest.mark.parametrize("wanted", ["secret-plans", "Secret.Plans", "secret_plans", "secret-anything"])
def test_internal_names_do_not_leak(replay: Replay, wanted: str) -> None:
    for address in ("simple/{}/", "project/{}/", "files/{}/secret_plans-9.0-py3-none-any.whl"):
        answer = httpx.get(f"{replay.view}/{address.format(wanted)}", follow_redirects=True)
        assert answer.status_code == httpx.codes.NOT_FOUND, address
    assert replay.upstream.asked_about("secret") == []


def test_a_deleted_name_of_ours_never_comes_from_upstream(replay: Replay) -> None:
    """Revival: who deletes a name does not give it away."""
    replay.server.command("project", "delete", "torchtriton", "--typed", "torchtriton", "--reason", "the test is over")
    answer = httpx.get(f"{replay.view}/simple/torchtriton/")
    assert answer.status_code == httpx.codes.NOT_FOUND or "3.0.0" not in answer.text
    assert replay.upstream.asked_about("torchtriton") == []
    told = replay.server.command("name", "owner", "torchtriton")
    assert "hosted here, deleted" in told
    assert "names of ours are told to no upstream" in told

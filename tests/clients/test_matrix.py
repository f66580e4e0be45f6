"""Every publisher publishes, every installer installs what all of them published; unmodified and from a real server."""

from __future__ import annotations

from pathlib import Path

import httpx2 as httpx
import pytest
from installers import install
from publishers import build, make_project, project_name, publish
from venvs import INSTALLERS, PUBLISHERS, UV, clean_environment, client, run

from packages import wheel
from world import Server, upload

pytestmark = pytest.mark.slow
JSON = {"accept": "application/vnd.pypi.simple.v1+json"}


@pytest.fixture(scope="session")
def published(running_index: Server, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """What each publisher has published, by its name."""
    folder, token = tmp_path_factory.mktemp("projects"), running_index.new_token("publisher")
    # Resolvers that lock for every platform want what the projects depend on elsewhere, too.
    with httpx.Client(base_url=running_index.url, timeout=30) as http:
        for name, version in (("colorama", "0.4.6"), ("six", "1.16.0")):
            assert upload(http, token, wheel(name, version), name=name, version=version).status == httpx.codes.OK
    projects = {}
    for publisher in PUBLISHERS:
        project = make_project(publisher, folder)
        done = publish(publisher, project, running_index.url, token)
        assert done.returncode == 0, f"{publisher}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
        projects[publisher] = project
    return projects


@pytest.mark.parametrize("publisher", PUBLISHERS)
def test_what_a_publisher_sent_is_listed_as_it_was_built(
    running_index: Server, published: dict[str, Path], publisher: str
) -> None:
    page = httpx.get(f"{running_index.url}/simple/{project_name(publisher)}/", headers=JSON).json()
    assert page["versions"] == ["1.0.0"]
    kinds = sorted(file["filename"].rpartition(".")[2] for file in page["files"])
    assert kinds == ["gz", "whl"]
    assert all(file["requires-python"] == ">=3.8" for file in page["files"])
    document = httpx.get(f"{running_index.url}/pypi/{project_name(publisher)}/json").json()
    assert document["info"]["summary"] == f"Published by {publisher}"
    assert "ünïcode" in document["info"]["description"]
    assert (published[publisher] / "pyproject.toml").exists()


@pytest.mark.parametrize("installer", INSTALLERS)
def test_an_installer_installs_what_every_publisher_published(
    running_index: Server, published: dict[str, Path], installer: str, tmp_path: Path
) -> None:
    names = [project_name(publisher) for publisher in published]
    found = install(installer, [f"{name}==1.0.0" for name in names], running_index.url, tmp_path / "consumer")
    assert {name: found.get(name) for name in names} == dict.fromkeys(names, "1.0.0")


def test_twine_skips_what_exists_with_other_bytes(
    running_index: Server, published: dict[str, Path], tmp_path: Path
) -> None:
    """By the oldest twine: the newer ones refuse --skip-existing for every index but PyPI, before they ask it."""
    twine = "twine-3.8"
    project = make_project(twine, tmp_path)
    (project / project_name(twine).replace("-", "_") / "more.py").write_text("changed = True\n")
    files = [str(path) for path in build(project)]
    command = [str(client(twine) / "bin" / "twine"), "upload", "--non-interactive", "--disable-progress-bar",
               "--repository-url", f"{running_index.url}/legacy/", "-u", "__token__",
               "-p", running_index.new_token("publisher")]  # fmt: skip
    refused = run([*command, *files], cwd=project, environment=clean_environment(tmp_path / "home"))
    assert refused.returncode != 0
    assert "400" in refused.stdout + refused.stderr
    skipped = run([*command, "--skip-existing", *files], cwd=project, environment=clean_environment(tmp_path / "home"))
    assert skipped.returncode == 0, skipped.stdout + skipped.stderr
    assert twine in published


def test_uv_sends_nothing_that_is_there_already(
    running_index: Server, published: dict[str, Path], tmp_path: Path
) -> None:
    project = published["uv"]
    command = [str(UV), "publish", "--publish-url", f"{running_index.url}/legacy/", "--check-url",
               f"{running_index.url}/simple/", "--token", running_index.new_token("publisher"), "--trusted-publishing",
               "never", *(str(path) for path in sorted((project / "dist").iterdir()) if path.suffix in (".whl", ".gz"))]  # fmt: skip
    again = run(command, cwd=project, environment=clean_environment(tmp_path / "home"))
    assert again.returncode == 0, again.stderr
    assert "already exists, skipping" in again.stderr

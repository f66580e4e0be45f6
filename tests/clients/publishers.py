"""Each publisher as its users call it: build a project with its own backend where it has one, then upload."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from venvs import UV, clean_environment, client, run

BACKENDS = {
    "twine": ("hatchling", "hatchling.build"),
    "uv": ("uv_build", "uv_build"),
    "poetry": ("poetry-core", "poetry.core.masonry.api"),
    "flit": ("flit_core", "flit_core.buildapi"),
    "hatch": ("hatchling", "hatchling.build"),
    "pdm": ("pdm-backend", "pdm.backend"),
}


def project_name(publisher: str) -> str:
    """What the project of a publisher is called."""
    return f"matrix-{publisher.replace('.', '-')}"


def make_project(publisher: str, folder: Path, version: str = "1.0.0") -> Path:
    """A small project with a description, a dependency marker, an extra and a script."""
    name = project_name(publisher)
    module = name.replace("-", "_")
    requirement, backend = BACKENDS[publisher.partition("-")[0]]
    place = folder / name
    package = place / "src" / module if backend == "uv_build" else place / module
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(f'"""A package of the client matrix."""\n\n__version__ = "{version}"\n')
    (place / "README.md").write_text(f"# {name}\n\nPublished by **{publisher}**, with ünïcode.\n")
    (place / "pyproject.toml").write_text(
        f"""\
[build-system]
requires = ["{requirement}"]
build-backend = "{backend}"

[project]
name = "{name}"
version = "{version}"
description = "Published by {publisher}"
readme = "README.md"
requires-python = ">=3.8"
keywords = ["matrix", "customs"]
authors = [{{ name = "Ada Example", email = "ada@example.org" }}]
classifiers = ["Programming Language :: Python :: 3", "Topic :: Software Development"]
dependencies = ["colorama>=0.4; sys_platform == 'win32'"]

[project.optional-dependencies]
extra = ["six>=1.16,<2"]

[project.urls]
Documentation = "https://example.org/{name}"
{_for_old_twine(publisher)}"""
    )
    return place


def _for_old_twine(publisher: str) -> str:
    """The older twines refuse metadata that is newer than they are."""
    tables = ("wheel", "sdist") if publisher in ("twine-3.8", "twine-6.2") else ()
    return "".join(f'\n[tool.hatch.build.targets.{table}]\ncore-metadata-version = "2.4"\n' for table in tables)


def publish(publisher: str, project: Path, index_url: str, token: str) -> subprocess.CompletedProcess[str]:
    """Build and upload the project to ``index_url`` (without a slash at the end)."""
    tool = publisher.partition("-")[0]
    upload_url, home = f"{index_url}/legacy/", project / "home"
    environment = clean_environment(home)
    if tool == "flit":
        environment |= {"FLIT_INDEX_URL": upload_url, "FLIT_USERNAME": "__token__", "FLIT_PASSWORD": token}
        return run([str(client("flit") / "bin" / "flit"), "publish"], cwd=project, environment=environment)
    built = build(project)
    files = [str(path) for path in built]
    if tool == "twine":
        command = [str(client(publisher) / "bin" / "twine"), "upload", "--non-interactive", "--disable-progress-bar",
                   "--repository-url", upload_url, "-u", "__token__", "-p", token, *files]  # fmt: skip
    elif tool == "uv":
        command = [str(UV), "publish", "--publish-url", upload_url, "--token", token, "--trusted-publishing", "never",
                   *files]  # fmt: skip
    elif tool == "poetry":
        environment |= {"POETRY_REPOSITORIES_HERE_URL": upload_url, "POETRY_HTTP_BASIC_HERE_USERNAME": "__token__",
                        "POETRY_HTTP_BASIC_HERE_PASSWORD": token}  # fmt: skip
        command = [str(client("poetry") / "bin" / "poetry"), "publish", "--repository", "here", "--no-interaction"]
    elif tool == "hatch":
        command = [str(client("hatch") / "bin" / "hatch"), "publish", "--no-prompt", "--repo", upload_url, "--user",
                   "__token__", "--auth", token, *files]  # fmt: skip
    else:
        command = [str(client("pdm") / "bin" / "pdm"), "publish", "--no-build", "--repository", upload_url,
                   "--username", "__token__", "--password", token]  # fmt: skip
    return run(command, cwd=project, environment=environment)


def build(project: Path) -> list[Path]:
    """Wheel and sdist in ``dist/``, by the project's own backend, from an environment that has all of them."""
    beside = str(Path(sys.executable).parent)
    done = subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", str(project)],
        env=os.environ | {"PATH": f"{beside}:{os.environ['PATH']}"}, check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-1500:] + done.stderr[-1500:]
    return sorted((project / "dist").iterdir())

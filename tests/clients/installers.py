"""Each installer as its users call it: everything from one index, into an environment of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from venvs import UV, clean_environment, client, run


def install(installer: str, requirements: list[str], index_url: str, folder: Path) -> dict[str, str]:
    """Install and tell what is there afterwards: normalised names and versions."""
    folder.mkdir(parents=True)
    simple = f"{index_url}/simple/"
    tool = installer.partition("-")[0]
    steps = {"pip": _pip, "uv": _uv, "poetry": _poetry, "pdm": _pdm, "hatch": _hatch}
    place = steps[tool](installer, requirements, simple, folder)
    listed = subprocess.run(
        [str(UV), "pip", "list", "--no-config", "--format", "freeze", *place],
        check=True,
        capture_output=True,
        text=True,
    )
    return dict(line.split("==") for line in listed.stdout.split())


def _pip(installer: str, requirements: list[str], simple: str, folder: Path) -> list[str]:
    target = folder / "target"
    _do([str(client(installer) / "bin" / "python"), "-m", "pip", "install", "--no-cache-dir", "--index-url", simple,
         "--target", str(target), *requirements], folder)  # fmt: skip
    return ["--target", str(target)]


def _uv(_installer: str, requirements: list[str], simple: str, folder: Path) -> list[str]:
    target = folder / "target"
    _do([str(UV), "pip", "install", "--python", sys.executable, "--default-index", simple, "--target", str(target),
         *requirements], folder)  # fmt: skip
    return ["--target", str(target)]


def _project(folder: Path, extra: str, requirements: list[str]) -> None:
    dependencies = ", ".join(f'"{one}"' for one in requirements)
    (folder / "pyproject.toml").write_text(
        f'[project]\nname = "consumer"\nversion = "1"\nrequires-python = ">=3.11"\ndependencies = [{dependencies}]\n{extra}'
    )


def _poetry(_installer: str, requirements: list[str], simple: str, folder: Path) -> list[str]:
    _project(folder, f'\n[tool.poetry]\npackage-mode = false\n\n[[tool.poetry.source]]\nname = "here"\nurl = "{simple}"\n'
             'priority = "primary"\n', requirements)  # fmt: skip
    _do([str(client("poetry") / "bin" / "poetry"), "install", "--no-interaction"], folder,
        POETRY_VIRTUALENVS_IN_PROJECT="true", POETRY_VIRTUALENVS_CREATE="true")  # fmt: skip
    return ["--python", str(folder / ".venv" / "bin" / "python")]


def _pdm(_installer: str, requirements: list[str], simple: str, folder: Path) -> list[str]:
    _project(folder, f'\n[tool.pdm]\ndistribution = false\n\n[[tool.pdm.source]]\nname = "pypi"\nurl = "{simple}"\n'
             "verify_ssl = false\n", requirements)  # fmt: skip
    pdm = str(client("pdm") / "bin" / "pdm")
    _do([pdm, "venv", "create", "--with", "venv", sys.executable], folder)
    _do([pdm, "install", "--no-self"], folder, PDM_CHECK_UPDATE="false")
    return ["--python", str(folder / ".venv" / "bin" / "python")]


def _hatch(_installer: str, requirements: list[str], simple: str, folder: Path) -> list[str]:
    _project(folder, '\n[tool.hatch.envs.default]\nskip-install = true\ninstaller = "uv"\npath = ".venv"\n'
             f"dependencies = [{', '.join(repr(one) for one in requirements)}]\n", [])  # fmt: skip
    _do([str(client("hatch") / "bin" / "hatch"), "env", "create"], folder, UV_DEFAULT_INDEX=simple,
        HATCH_PYTHON=sys.executable, HATCH_ENV_TYPE_VIRTUAL_UV_PATH=str(UV))  # fmt: skip
    return ["--python", str(folder / ".venv" / "bin" / "python")]


def _do(command: list[str], folder: Path, **more: str) -> None:
    done = run(command, cwd=folder, environment=clean_environment(folder / "home", **more))
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-2500:]}\n{done.stderr[-2500:]}"

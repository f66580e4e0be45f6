"""The changelog from news fragments, by towncrier itself (https://towncrier.readthedocs.io)."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from pathlib import PurePosixPath
from typing import Any

from customhouse.release.actions import Outcome, Problem, StepRun
from customhouse.release.prepare.copy import Copy, copied, found, left, taken, today, tool

_CONFIGS = ("towncrier.toml", "pyproject.toml")


class Towncrier:
    """`changelog.towncrier`."""

    def do(self, run: StepRun) -> Outcome:
        """Build the changelog of this version from the fragments, which go."""
        copy = copied(run)
        config, settings = _settings(run, copy)
        version = run.params["version"]
        arguments = ["build", "--yes", "--version", version, "--date", today(run), "--name", _name(run, settings)]
        ran = tool(run, copy, "towncrier", [*arguments, "--config", config])
        news = _news(config, settings)
        text = copy.file(news).read_text("utf-8", "replace") if copy.file(news).is_file() else ""
        if version not in text:
            raise Problem("no-heading", f"{news} does not name {version}", "a heading for it", place=news)
        return taken(run, copy, _may_write(config, settings, news), {"changelog": news, "tool": "towncrier",
                                                                     "said": ran.tail[-500:]})  # fmt: skip

    def probe(self, run: StepRun) -> Outcome | None:
        """Whether this attempt has left a tree in which the heading is there and the fragments are gone."""
        tree, changes = left(run)
        if not tree or not any(change.how in "AM" for change in changes):
            return None
        return found(run, {"tool": "towncrier"})

    def undo(self, run: StepRun) -> str:
        """Nothing has left this machine: the next attempt starts from the tree before."""
        del run
        return "nothing to undo"


def _settings(run: StepRun, copy: Copy) -> tuple[str, Mapping[str, Any]]:
    named = str(run.step.options.get("config", ""))
    for path in (named,) if named else _CONFIGS:
        file = copy.file(path)
        if not file.is_file():
            continue
        try:
            read = tomllib.loads(file.read_text("utf-8"))
        except (ValueError, UnicodeDecodeError) as error:
            raise Problem("bad-config", f"{path} is no TOML: {error}", place=path) from error
        settings = read.get("tool", {}).get("towncrier")
        if isinstance(settings, dict):
            return path, settings
    raise Problem(
        "no-config", "no file has a table [tool.towncrier]", named or " or ".join(_CONFIGS), place=run.step.id,
        next_step="towncrier's manual says how to begin.",
    )  # fmt: skip


def _name(run: StepRun, settings: Mapping[str, Any]) -> str:
    """A name that is given keeps towncrier from importing the project to ask for it."""
    return str(settings.get("name") or run.pipeline.project)


def _news(config: str, settings: Mapping[str, Any]) -> str:
    base = PurePosixPath(config).parent
    return str(base / str(settings.get("filename", "NEWS.rst")).replace("{version}", ""))


def _may_write(config: str, settings: Mapping[str, Any], news: str) -> Callable[[str], bool]:
    """The changelog, and whatever lies in a folder of fragments."""
    base = PurePosixPath(config).parent
    if settings.get("directory"):
        folders = [base / str(settings["directory"])]
    else:
        package = base / str(settings.get("package_dir", ".")) / str(settings.get("package", ""))
        folders = [base / "newsfragments", package / "newsfragments"]
    return lambda path: path == news or any(PurePosixPath(path).is_relative_to(folder) for folder in folders)

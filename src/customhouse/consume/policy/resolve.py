"""Requirements resolved by the real uv against the very pages that a policy would make. Nothing is installed or built.

What is tried belongs to somebody, and must not choose how uv runs (see `consume/audit/read/uv_settings.py`): uv is
started in a folder of ours, with the harmless settings alone and no index but the candidate's, and without the
variables of the environment by which uv or pip could be told of others.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess  # uv is called by a list of arguments, never by a shell
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from customhouse.consume.audit.read.source import read_text
from customhouse.consume.audit.read.uv_settings import settings_for
from customhouse.consume.policy.model import Root
from customhouse.formats.inventory.requirements_file import Wanted as Line
from customhouse.formats.inventory.requirements_file import read_lines
from customhouse.formats.plain import plain
from customhouse.terms.errors import Rejected, Unavailable
from customhouse.terms.names import normalize

MOST_OUTPUT_BYTES = 16 * 2**20
MOST_UNBUILT = 20
MOST_SAID = 3000
_OTHERS = ("UV_", "PIP_", "PYTHON", "RUST_")
"""Beginnings of variables by which a resolution could be told of other places, or a Python of other code."""
_NEEDS_BUILD = re.compile(r"Wheels are required for `([A-Za-z0-9._-]{1,200})` because building from source is disabled")
_LOG_LINE = re.compile(r"\s*(?:DEBUG|TRACE|INFO|WARN|warning:)\b")
_UNSOLVED = re.compile(r"No solution found|unsatisfiable", re.IGNORECASE)


class Chosen(NamedTuple):
    """One project of a plan."""

    name: str
    version: str
    by: tuple[str, ...]
    """The projects that require it, as uv says; empty if the user alone does."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """What uv says."""

    chosen: tuple[Chosen, ...] | None
    """The plan; None if there is no solution."""
    said: str = ""
    """Its explanation, one line."""
    asked: frozenset[str] = frozenset()
    """The projects whose pages it has looked at."""
    unbuilt: tuple[str, ...] = ()
    """Projects that were left out, because only a build would tell what they require."""


@dataclass(frozen=True, slots=True)
class Resolver:
    """uv, with the requirements of one target."""

    roots: Sequence[Root]
    constraints: Sequence[str] = ()
    beside: Path | None = None
    """The folder of the project, whose harmless settings of uv count."""
    uv: str = "uv"
    python: str = ""
    seconds: float = 120.0

    def against(self, address: str) -> Resolved:
        """The plan of a simple repository. Raises `Unavailable` if uv does not run to an answer."""
        unbuilt: list[str] = []
        while True:
            status, out, plan = self._run(address, unbuilt)
            asked = frozenset(_asked(out, address))
            if status == 0:
                return Resolved(tuple(_chosen(plan)), "", asked, tuple(unbuilt))
            new = [name for one in _NEEDS_BUILD.findall(out) if (name := normalize(one)) not in unbuilt]
            if new and len(unbuilt) + len(new) <= MOST_UNBUILT:
                unbuilt += dict.fromkeys(new)
                continue
            said = _said(out)
            if _UNSOLVED.search(said):
                return Resolved(None, said, asked, tuple(unbuilt))
            raise Unavailable("uv pip compile", said or f"it ended with {status}")

    def _run(self, address: str, unbuilt: Sequence[str]) -> tuple[int, str, str]:
        with TemporaryDirectory(prefix="customhouse-simulate-") as name:
            folder = Path(name)
            (folder / "uv.toml").write_text(self._settings(), "utf-8")
            arguments = [*self._arguments(folder, unbuilt), f"--default-index={address}"]
            try:
                process = subprocess.Popen(  # noqa: S603  # no shell, and requirements go through a file
                    arguments, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd=folder,
                    start_new_session=True, env=environment(os.environ),
                )  # fmt: skip
            except OSError as error:
                raise Unavailable("uv", f"it cannot be started: {error.strerror}; `pip install uv`") from error
            try:
                _, err = process.communicate(timeout=self.seconds)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.communicate()
                raise Unavailable("uv pip compile", f"no answer within {self.seconds:g} s") from None
            plan = folder / "plan.txt"
            text = read_text(plan, MOST_OUTPUT_BYTES) if process.returncode == 0 else ""
            return process.returncode, err[:MOST_OUTPUT_BYTES].decode("utf-8", "replace"), text

    def _settings(self) -> str:
        if self.beside is None:
            return ""
        try:
            return settings_for(self.beside, places=False)
        except Rejected as error:
            raise Unavailable("uv", f"the settings of the project cannot be read: {error}") from error

    def _arguments(self, folder: Path, unbuilt: Sequence[str]) -> list[str]:
        wanted, constraints = folder / "wanted.txt", folder / "constraints.txt"
        wanted.write_text("".join(f"{one.text}\n" for one in self.roots), "utf-8")
        constraints.write_text("".join(f"{one}\n" for one in self.constraints), "utf-8")
        arguments = [
            program(self.uv), "pip", "compile", str(wanted), "--constraints", str(constraints),
            # Named, so that the user's own settings do not count: an index there would answer for the view.
            f"--config-file={folder / 'uv.toml'}",
            # Our own Python: uv would look for one in the folder that is audited, and run it.
            "--python", sys.executable, "--no-python-downloads", "--no-build",
            # Its log says which pages it asks for. Nothing of a candidate is kept, so that each run asks anew.
            "--verbose", "--no-header", "--no-progress", "--color=never", "--annotation-style=line",
            f"--cache-dir={folder / 'cache'}", f"--output-file={folder / 'plan.txt'}",
        ]  # fmt: skip
        if unbuilt:
            excludes = folder / "excludes.txt"
            excludes.write_text("".join(f"{name}\n" for name in unbuilt), "utf-8")
            arguments.append(f"--excludes={excludes}")
        if self.python:
            arguments.append(f"--python-version={self.python}")
        return arguments


def program(name: str) -> str:
    """Uv by its path: what lies beside our own Python counts where the search path has none."""
    beside = Path(sys.executable).parent / name
    return shutil.which(name) or (str(beside) if beside.is_file() else name)


def environment(around: Mapping[str, str]) -> dict[str, str]:
    """The environment without what tells uv where to look, what to build or where to write."""
    return {key: value for key, value in around.items() if not key.upper().startswith(_OTHERS)}


def _asked(log: str, address: str) -> list[str]:
    """The projects of the pages that uv's log names."""
    pages = re.compile(re.escape(address) + r"([a-z0-9-]{1,100})/")
    return pages.findall(log)


def _said(log: str) -> str:
    """What uv says to people: its log's lines are not for them."""
    lines = [line.strip() for line in log.splitlines() if not _LOG_LINE.match(line)]
    # Warnings come before the error, and are of files that we have written.
    told = " ".join(filter(None, lines)).partition("error: ")
    return plain(told[2] or told[0], MOST_SAID)


def _chosen(plan: str) -> list[Chosen]:
    found = []
    for one in read_lines(plan):
        if isinstance(one, Line) and not one.address:
            by = tuple(normalize(who) for who in one.via if not who.startswith("-"))
            found.append(Chosen(one.name, one.specifier.removeprefix("=="), by))
    return found

"""The part of ``make demo`` that ships: a C extension, released by two builders and three people, tag last.

The people and their security keys are software (`tests/demonstration.py`), and so is the service that vouches for the
builders; everything else is what a team would run: the server's release room and private Sigstore, one `customhouse
release join` for each machine, git and gpg.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "clients")]

import httpx2 as httpx
from rich.console import Console

from build_service import BuildService
from customhouse.app import App, open_app
from customhouse.cli.options import read_settings
from customhouse.release.codec import read_line
from customhouse.release.picture.terminal import progress
from customhouse.release.rules import replay
from customhouse.release.sealing import verify_lines
from customhouse.release.state import State
from customhouse.terms.clock import SystemClock
from demonstration import Demonstration, builders, demonstration, settings_for_builders

__all__ = ["BuildService", "ReleaseFailed", "Released", "builders", "settings_for_builders", "ship"]
COLUMNS = 80


class ReleaseFailed(Exception):
    """The release did not come to its end."""


@dataclass(frozen=True)
class Beside:
    """The demo's server, and its data in this process."""

    url: str
    environment: Mapping[str, str]

    @contextmanager
    def opened(self) -> Iterator[App]:
        """As `customhouse user add` would open it."""
        before = dict(os.environ)
        os.environ.update(self.environment)
        try:
            settings = read_settings()
        finally:
            os.environ.clear()
            os.environ.update(before)
        with open_app(settings) as app:
            yield app


@dataclass(frozen=True)
class Released:
    """Where to look now."""

    page: str
    bundle: Path


def ship(
    console: Console, step: Callable[[str, str], AbstractContextManager[None]], url: str,
    environment: Mapping[str, str], folder: Path, builds: BuildService,
) -> Released:  # fmt: skip
    """Release ``sealed`` 1.1.0; then verify its bundle as a stranger would."""
    with step("customhouse", "makes accounts with security keys for rosa, ravi and tora, and two repositories"):
        world = demonstration(Beside(url, environment), folder, builds)
        shown = world.__enter__()
    try:
        with step("customhouse", f"releases sealed {shown.version}: two builders, three approvers, tag last"):
            shown.release()
        state = _state(shown)
        console.print(progress(state.pipeline, state, SystemClock().now(), COLUMNS))
        if state.status != "released":
            raise ReleaseFailed(f"the release is {state.status}:\n{shown.logs()}")
        with step("customhouse", "writes the release's bundle, and verifies it as a stranger would, offline"):
            home = shown.machines["rm"].home / "work"
            _customhouse("release", "bundle", shown.page, "--actor", "rm", "--folder", str(home), "-o", str(folder))
            bundle = next(folder.glob("*.release.tar"))
            said = _verified(bundle, _brought(shown, folder))
        console.print(said, style="dim", markup=False)
        with step("customhouse", "reads off the checklist what is attested of these files, and SLSA's level"):
            said = _level(shown)
        console.print(said, style="dim", markup=False)
    finally:
        world.__exit__(None, None, None)
    return Released(shown.page, bundle)


def _brought(shown: Demonstration, folder: Path) -> list[str]:
    """What a stranger has from elsewhere: whose certificates he believes, the pipeline that he expects, a clone."""
    root, pipeline = folder / "trusted_root.json", folder / "release.toml"
    root.write_bytes(httpx.get(f"{shown.host.url}/sigstore/trusted_root.json").raise_for_status().content)
    pipeline.write_text(shown.pipeline())
    return ["--trust-root", str(root), "--pipeline", str(pipeline), "--repo", str(shown.upstream)]


def _verified(bundle: Path, brought: list[str]) -> str:
    done = _run("release", "verify", str(bundle), *brought)
    # 3: something could not be checked with what was brought, and it says what.
    if done.returncode not in (0, 3):
        raise ReleaseFailed(f"the bundle does not verify:\n{done.stdout}{done.stderr}")
    return done.stdout.rstrip()


def _level(shown: Demonstration) -> str:
    """What the project's page says: builder B has uploaded, builder A has built and said how."""
    done = _run("release", "checklist", shown.name, "--index", shown.host.url)
    level, _, rest = done.stdout.partition("\n\n")[2].partition("\n\n")
    attested = [line for line in rest.splitlines() if "is attested:" in line]
    if done.returncode not in (0, 1, 3) or not level.startswith("SLSA build level 2") or not attested:
        raise ReleaseFailed(f"the index does not show how the release was built:\n{done.stdout}{done.stderr}")
    return "\n".join([level, *attested, f"All of it: {shown.host.url}/project/{shown.name}/checklist/"])


def _customhouse(*arguments: str) -> None:
    done = _run(*arguments)
    if done.returncode != 0:
        raise ReleaseFailed(f"customhouse {' '.join(arguments)} ended with {done.returncode}:\n{done.stderr}")


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    kept = {name: text for name, text in os.environ.items() if not name.startswith("CUSTOMHOUSE_")}
    return subprocess.run(
        [sys.executable, "-m", "customhouse", *arguments], check=False, capture_output=True, text=True, env=kept,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip


def _state(shown: Demonstration) -> State:
    token = shown.people["rm"].token
    answer = httpx.get(
        f"{shown.host.url}/api/release/runs/{shown.run}/lines?after=-1", headers={"authorization": f"Bearer {token}"}
    )
    lines = [read_line(line) for line in answer.raise_for_status().text.splitlines()]
    verify_lines(lines)
    return replay(lines)

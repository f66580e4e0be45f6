"""``customhouse audit override``: runs of your own tests with versions that somebody's bound excludes."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from customhouse.consume.audit.override import NAME, Wish, find_source, read_pins, read_runs, record_run, save_runs
from customhouse.formats.plain import plain
from customhouse.terms.clock import SystemClock

FINE, FINDINGS = 0, 1

app = App(name="override", help="Your own tests with what a bound excludes.")


@app.command
def record(
    packages: list[str], /, *, command: str, source: Annotated[Path | None, Parameter(name="--from")] = None,
    python: str = "", index_url: str = "", seconds: float = 1800.0, file: Path = Path(NAME),
) -> int:  # fmt: skip
    """Run your tests in a new environment with these versions, and keep what came of it.

    uv makes the environment from your lock or requirements, with the override in place; nothing of yours is changed.
    An audit then shows the run beside the fix that is blocked. Exit code 0: the tests passed; 1: they failed; 2: usage;
    4: the environment could not be made.

    Args:
        packages: What to override: b==2.1. Several belong to one run.
        command: The tests: "pytest -q". It is run without a shell, where your lock is.
        source: The lock, requirements or project to install (default: the first of uv.lock, pylock.toml,
            requirements.txt, pyproject.toml that is here).
        python: The interpreter, as uv takes it (default: the one that runs this).
        index_url: The simple repository to install from.
        seconds: The most that the tests may take.
        file: The file to keep runs in (default customhouse.overrides.json).
    """
    wish = Wish(read_pins(packages), command, (source or find_source(Path.cwd())).resolve(), python, index_url, seconds)
    read_runs(file)
    done = record_run(wish, SystemClock().now(), os.environ)
    save_runs(file, done.runs)
    sys.stderr.write(done.log.decode("utf-8", "replace"))
    sys.stderr.flush()
    first = done.runs[0]
    pins = ", ".join(f"{one.package} {one.version}" for one in done.runs)
    words = "passed" if first.exit_code == 0 else f"failed with exit code {first.exit_code}"
    print(plain(f"{file}: `{command}` {words} with {pins}; log sha256 {first.log_sha256[:12]}.", 500))
    return FINE if first.exit_code == 0 else FINDINGS


@app.command(name="list")
def list_(*, file: Path = Path(NAME)) -> None:
    """List the runs that are kept.

    Args:
        file: The file of runs (default customhouse.overrides.json).
    """
    for one in read_runs(file):
        words = "passed" if one.exit_code == 0 else f"failed ({one.exit_code})"
        print(plain(f"{one.day} {one.package} {one.version} {words}: {one.command}", 200))

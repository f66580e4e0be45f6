"""Look whether an installed Customhouse works: run by the release's test step, from the stage, without a network.

``python scripts/try_installed.py VERSION`` imports every module, asks the installed command for its version, has it
lay out an empty installation and check it, and lints the pipeline that it is released by. No source is used.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

LEFT_OUT = {"customhouse.__main__", "customhouse.infra.migrations.env"}
"""What runs when it is imported; the second is alembic's, and `check` has run it."""


def import_everything() -> int:
    """Every module, once; returns how many there are."""
    package = importlib.import_module("customhouse")
    names = [one.name for one in pkgutil.walk_packages(package.__path__, "customhouse.") if one.name not in LEFT_OUT]
    for name in names:
        importlib.import_module(name)
    return len(names)


def say(*words: str, home: Path) -> str:
    """Run the installed command; its output."""
    done = subprocess.run(
        [Path(sys.executable).parent / "customhouse", *words], check=False, capture_output=True, text=True, cwd=home,
        stdin=subprocess.DEVNULL, env={"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "HOME": str(home)},
    )  # fmt: skip
    if done.returncode != 0:
        sys.exit(f"customhouse {' '.join(words)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout.strip()


def main(wanted: str) -> None:
    """Try it; leaves with a sentence if something does not work."""
    pipeline = Path("release.toml").resolve()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        for told in (version("customhouse"), say("--version", home=home)):
            if told != wanted:
                sys.exit(f"it says that it is {told}, and should be {wanted}")
        say("check", home=home)
        say("release", "lint", str(pipeline), home=home)
    print(f"customhouse {wanted}: {import_everything()} modules, an empty installation, its own pipeline")


if __name__ == "__main__":
    main(sys.argv[1])

"""``make rehearse``: HEAD is released by its own pipeline, as a made-up version, and nothing leaves this machine.

Two people and two builders meet at a Customhouse that is started for this, with a private Sigstore; upstream and fork
are bare repositories in a temporary folder. People, their security keys and the builders' ID tokens are software
(`tests/demonstration.py`); git, gpg, builds, signatures, the index and the verification are real. At the end a stranger
fetches what is published, installs it, and has the released command verify it without a network.

``python scripts/release_rehearsal.py [--keep FOLDER]``. Exit code 0 only if it was released and everything holds.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "clients")]

from rich.console import Console

from customhouse.release.picture.draw import draw
from customhouse.release.picture.terminal import progress
from customhouse.terms.clock import SystemClock
from demonstration import builders, settings_for_builders
from own_release import OwnRelease, own_release, stranger
from world import Server

COLUMNS = 80
console = Console(highlight=False, width=COLUMNS)


@contextmanager
def step(what: str) -> Iterator[None]:
    """Say what happens, and how long it took."""
    began = time.monotonic()
    with console.status(f"{what} …"):
        yield
    console.print(f"[green]✓[/] {what} [dim]{time.monotonic() - began:.1f} s[/]")


def rehearse(folder: Path) -> int:
    """Release HEAD in that folder; returns the exit code of its verification, or 1 if it was not released."""
    with builders() as builds:
        server = Server(folder / "data", environment=settings_for_builders(builds), named=True)
        with step("customhouse starts, with a private Sigstore"):
            server.start()
        try:
            with own_release(server, folder / "release", builds) as world:
                return played(world, folder)
        finally:
            server.stop()


def played(world: OwnRelease, folder: Path) -> int:
    """The release, and what a stranger says of it."""
    with step(f"customhouse {world.version}: two people, two builders, tag last"):
        world.release()
    state = world.state()
    console.print(progress(state.pipeline, state, SystemClock().now(), COLUMNS))
    (folder / "run.svg").write_text(draw(state.pipeline, state, now=SystemClock().now()), "utf-8")
    if state.status != "released":
        console.print(world.logs(), markup=False)
        return 1
    with step("a stranger fetches it, and installs the wheel with its locked dependencies"):
        found = stranger(world, folder / "stranger")
    with step("the released command verifies wheel, sdist and bundle, without a network"):
        done = found.verifies(found.wheel, found.sdist)
    console.print(done.stdout + done.stderr, markup=False)
    return done.returncode


def main() -> int:
    """Rehearse, in a temporary folder unless one is to be kept."""
    flags = argparse.ArgumentParser(description="Release HEAD by its own pipeline; nothing leaves this machine.")
    flags.add_argument("--keep", type=Path, metavar="FOLDER", help="leave everything there (a new folder)")
    keep = flags.parse_args().keep
    if keep is None:
        with tempfile.TemporaryDirectory(prefix="customhouse-rehearsal-") as folder:
            return rehearse(Path(folder))
    keep.mkdir(parents=True)
    return rehearse(keep.resolve())


if __name__ == "__main__":
    sys.exit(main())

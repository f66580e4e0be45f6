"""``customhouse release join`` as a program of tests: the real machine, that can be held, killed or implanted.

The arguments are those of the command. What is to happen, variables of the environment say:

- ``HOLD_AT`` and ``HOLD_MARK``: stand still at that place of the worker until ``HOLD_MARK.go`` is there. ``HOLD_MARK``
  is written when the place is reached. Several places are separated by ``|``; one is enough.
- ``DIE_AT``: kill this process (SIGKILL) at that many places; the name of the place is written into ``DIE_MARK``.
- ``VANISH``: what happens inside publishing: ``before`` the index has it or ``after`` that, this process is killed
  (SIGKILL); ``asleep`` stands still before it, as ``HOLD_AT`` does.
- ``LEASE_SECONDS``: how long a lease is asked for.
- ``IMPLANT``: ``function`` adds a function to the C source while the wheel is built, ``macro`` a file to the sdist.
- ``CHILDREN``: a file to which each program that a step runs adds a line: when it began and ended (seconds, epoch).
"""

from __future__ import annotations

import gzip
import io
import os
import runpy
import signal
import sys
import tarfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from customhouse.client.session import Session
from customhouse.client.upload_2 import Upload2
from customhouse.release.actions import Action, Outcome, StepRun
from customhouse.release.building.python import BuildPython
from customhouse.release.children import Children, Ran
from customhouse.release.engine.perform import Words
from customhouse.release.work import starting
from customhouse.release.work.worker import Worker
from patience import until

HELD_SECONDS = 300.0
"""So long somebody else may act while this machine stands still."""
MACRO = "m4/build-to-host.m4"
FUNCTION = "sunburst"


class Places:
    """What happens where."""

    def __init__(self) -> None:
        self.hold = [one for one in os.environ.get("HOLD_AT", "").split("|") if one]
        self.mark = Path(os.environ.get("HOLD_MARK", "/nonexistent"))
        self.left = int(os.environ.get("DIE_AT", "0"))
        self.guard = threading.Lock()

    def __call__(self, where: str) -> None:
        """Called by the worker at each place that has a name."""
        with self.guard:
            self.left -= 1
            if self.left == 0:
                self.die(where)
        if where in self.hold:
            self.stand_still(where)

    @staticmethod
    def die(where: str) -> None:
        """Say where, and be gone."""
        Path(os.environ["DIE_MARK"]).write_text(where)
        os.kill(os.getpid(), signal.SIGKILL)

    def stand_still(self, where: str) -> None:
        """Until somebody lets it go on."""
        go = self.mark.with_name(f"{self.mark.name}.go")
        if not go.exists():
            self.mark.write_text(where)
            until(go.exists, why=f"nobody has let go of {where}", seconds=HELD_SECONDS)


def vanish_inside_publishing(places: Places, how: str) -> None:
    """Between the machine's last look whether the step is its own and the request; or between answer and journal."""
    real = Upload2.publish

    def publish(self: Upload2, session: Session, *, manifest: str = "") -> Session:
        if how == "asleep":
            places.stand_still(how)
        if how == "before":
            places.die(how)
        done = real(self, session, manifest=manifest)
        if how == "after":
            places.die(how)
        return done

    Upload2.publish = publish  # type: ignore[method-assign]


class Implanted(Children):
    """A builder's machine with an implant: while a wheel is built, it exchanges a source file (SolarWinds, 2020)."""

    def __init__(self, folder: Path, real: Children) -> None:
        super().__init__(stop=real.stop)
        self.folder, self.real = folder, real

    def run(
        self, argv: Sequence[str], *, cwd: Path | None = None, env: Mapping[str, str] | None = None, stdin: bytes = b"",
        timeout: float = 3600.0, halt: Sequence[threading.Event] = (),
    ) -> Ran:  # fmt: skip
        """As the real one, with other sources."""
        for source in self.folder.glob("unpacked/*/src/sealed/_seal.c"):
            body = source.read_text()
            if FUNCTION not in body:
                implant = f"unsigned int\n{FUNCTION}(void)\n{{\n    return 20;\n}}\n\nPyMODINIT_FUNC"
                source.write_text(body.replace("PyMODINIT_FUNC", implant))
        return self.real.run(argv, cwd=cwd, env=env, stdin=stdin, timeout=timeout, halt=halt)


class BuildWithFunction(BuildPython):
    """The wheel is not of the sources that were given."""

    def do(self, run: StepRun) -> Outcome:
        """Build."""
        return super().do(replace(run, children=Implanted(run.folder, run.children)))


class BuildWithMacro(BuildPython):
    """The sdist holds what no commit has (xz-utils, 2024)."""

    def do(self, run: StepRun) -> Outcome:
        """Build, and add a file."""
        done = super().do(run)
        things = list(done.outputs["dists"])
        (number,) = [at for at, one in enumerate(things) if one.name.endswith(".tar.gz")]
        things[number] = run.store.put(_with_macro(run.store.fetch(things[number], run.folder / "macro")))
        return replace(done, outputs={"dists": tuple(sorted(things))})


def _with_macro(sdist: Path) -> Path:
    out = io.BytesIO()
    with tarfile.open(sdist) as old, tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as new:
        for member in old:
            new.addfile(member, old.extractfile(member) if member.isreg() else None)
        body = b"dnl gl_BUILD_TO_HOST\n"
        added = tarfile.TarInfo(f"{sdist.name.removesuffix('.tar.gz')}/{MACRO}")
        added.size = len(body)
        new.addfile(added, io.BytesIO(body))
    sdist.write_bytes(gzip.compress(out.getvalue(), mtime=0))
    return sdist


class Evil(Words):
    """The real words, but for the build."""

    def action(self, name: str) -> Action:
        """A new instance."""
        if name == "build.python":
            return BuildWithFunction() if os.environ["IMPLANT"] == "function" else BuildWithMacro()
        return super().action(name)


def note_children(path: Path) -> None:
    """Let each program that a step runs be noted; what a watcher runs is no work of a step."""
    real = Children.run

    def run(self: Children, *args: Any, **more: Any) -> Ran:
        began = time.time()
        try:
            return real(self, *args, **more)
        finally:
            if threading.current_thread().name != "watch":
                with path.open("a") as out:
                    out.write(f"{began} {time.time()}\n")

    Children.run = run  # type: ignore[method-assign]


def main() -> None:
    """Join and work."""
    real, places = starting.start, Places()

    def start(*args: Any, **more: Any) -> Worker:
        worker = real(*args, **more)
        worker.at = places
        if seconds := os.environ.get("LEASE_SECONDS"):
            worker.lease = timedelta(seconds=float(seconds))
        if os.environ.get("IMPLANT"):
            worker.words = Evil()
        return worker

    starting.start = start
    if os.environ.get("VANISH"):
        vanish_inside_publishing(places, os.environ["VANISH"])
    if os.environ.get("CHILDREN"):
        note_children(Path(os.environ["CHILDREN"]))
    sys.argv[0] = "customhouse"
    runpy.run_module("customhouse", run_name="__main__")


if __name__ == "__main__":
    main()

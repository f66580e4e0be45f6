"""An actor's machine as a program, for tests: joins a run and works, with actions that make small files.

``python acting.py URL ACTOR FOLDER TOKEN_FILE``. With ``DIE_AT`` (and ``DIE_MARK``, a file) it kills itself at that
place of the conductor, once. ``LIE`` names an actor whose builds are not the same as others'.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from customhouse.release.actions import Action, Check, Outcome, StepRun
from customhouse.release.engine.perform import Words
from customhouse.release.work.joining import join
from customhouse.release.work.room_door import Place, RoomDoor
from customhouse.release.work.starting import start


class Make:
    """Writes each file that the step declares; what is in it depends on the inputs alone, unless somebody lies."""

    def do(self, run: StepRun) -> Outcome:
        """Make them, and note it in a folder beside, as a forge would know that it was done."""
        outputs = {}
        done = _done(run)
        assert not done.exists(), "done twice"
        taken = sorted(thing.digest for things in run.inputs.values() for thing in things)
        for artifact in run.step.outputs:
            things = []
            for name in run.pipeline.artifact(artifact).names:
                path = run.folder / name
                lie = " a lie" if os.environ.get("LIE") == run.step.actor else ""
                path.write_text(f"{run.step.id} of {taken}{lie}")
                things.append(run.store.put(path))
            outputs[artifact] = tuple(sorted(things))
        done.write_text("done")
        return Outcome(outputs, {"by": run.step.actor})

    def probe(self, run: StepRun) -> Outcome | None:
        """Whether it was."""
        if not _done(run).exists():
            return None
        outputs = {
            artifact: tuple(sorted(run.store.put(run.folder / name) for name in run.pipeline.artifact(artifact).names))
            for artifact in run.step.outputs
        }
        return Outcome(outputs, {"by": run.step.actor})

    def undo(self, run: StepRun) -> str:
        """Forget it."""
        _done(run).unlink(missing_ok=True)
        return "undone"


class Acting(Words):
    """``exec`` makes small files; checks are the real ones."""

    def action(self, name: str) -> Action:
        """A new instance."""
        return Make() if name == "exec" else super().action(name)

    def check(self, name: str) -> Check:
        """A new instance."""
        return super().check(name)


def _done(run: StepRun) -> Path:
    return run.folder.parent.parent / f"done-{run.step.actor}-{run.step.id}.{run.attempt}"


def main() -> int:
    """Join and work."""
    url, actor, folder, token = sys.argv[1:5]
    door = RoomDoor(Place.parse(url), tell=_say)
    home = Path(folder)
    member = join(door, actor, home, identity_token=lambda: Path(token).read_text().strip(), api_token="")
    worker = start(door, member, home, {}, tell=_say, words=Acting())
    wanted, mark = os.environ.get("DIE_AT", ""), Path(os.environ.get("DIE_MARK", "/nonexistent"))

    def at(where: str) -> None:
        if where == wanted and not mark.exists():
            mark.write_text(where)
            os.kill(os.getpid(), signal.SIGKILL)

    worker.at = at
    state = worker.go()
    _say(f"over: {state.status}")
    return 0 if state.status == "released" else 1


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    raise SystemExit(main())

"""Handing in what an expert has built elsewhere: his machine judges the files as the step does, and sends them.

What the step would not take is told to him alone, and he hands in again: the run hears of files that are good. What was
handed in stays. Nobody exchanges it, unless somebody in charge begins again from there.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from customhouse.formats.pipeline.model import Step
from customhouse.release.actions import Problem
from customhouse.release.building.hand_in import accept, is_evidence
from customhouse.release.children import Children
from customhouse.release.moves import Start, TakeUp, next_moves
from customhouse.release.standing import flat
from customhouse.release.state import State, StepState
from customhouse.release.store_folder import FolderStore
from customhouse.release.work.joining import Member
from customhouse.release.work.room_door import RoomDoor
from customhouse.release.work.starting import start
from customhouse.release.work.worker import Worker
from customhouse.terms.errors import Refused, Rejected

ACTION = "external.hand_in"
_NO_STEP = frozenset({""})
"""The machine only listens."""
_STILL = ("stopped", "aborting", "released", "abandoned")


@contextmanager
def laid_together(files: Sequence[Path], folder: Path) -> Iterator[Path]:
    """A folder that holds these files and no other."""
    names = [path.name for path in files]
    if len(set(names)) != len(names):
        raise Rejected("twice", "FILES", "two files have one name", "each name once")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder, prefix="hand-in-") as made:
        for path in files:
            try:
                shutil.copyfile(path, Path(made) / path.name)
            except OSError as error:
                raise Rejected("unreadable", str(path), str(error.strerror), "a file") from error
        yield Path(made)


def handed_in(
    door: RoomDoor, member: Member, folder: Path, files: Path, step: str, *, tell: Callable[[str], None]
) -> None:  # fmt: skip
    """Do the expert's step with these files, once the run has come to it.

    Raises `Refused` for files that the step would not take, before the run hears of any; for others than were handed in
    before; and where the run stands still.
    """
    worker = start(door, member, folder, {}, tell=tell, shows_tokens=False)
    wanted = _step_of(worker.catch_up(), member.actor, step)
    worker.only = _NO_STEP
    state = worker.conduct(lambda now: _has_come(now, wanted.id, worker))
    found = state.steps[wanted.id]
    if found.status == "done":
        _refuse_others(found, files)
        tell(f"{wanted.id}: these files were handed in already.")
        return
    _refuse_still(state)
    worker.places = {wanted.env: {"folder": str(files), "wait": "no"}}
    _judge(worker, state, found, files, folder)
    worker.only = frozenset({wanted.id})
    state = worker.conduct(lambda now: _is_over(now, found))
    now = state.steps[wanted.id]
    if now.status != "done":
        why = now.failure or (state.stop.saw if state.stop is not None else "the run has begun again")
        raise Refused("not-taken", f"{wanted.id}: {why}", "Look at the page of the run.")
    for thing in flat(now.outputs):
        tell(f"{wanted.id}: handed in {thing.name}, SHA-256 {thing.digest}")


def _step_of(state: State, actor: str, name: str) -> Step:
    mine = [one for one in state.pipeline.steps if one.uses == ACTION and one.actor == actor]
    if name:
        mine = [one for one in mine if one.id == name]
    if len(mine) != 1:
        names = ", ".join(one.id for one in mine) or "none"
        raise Refused("which-step", f"Steps in which {actor} hands files in: {names}.", "Name one with --step.")
    return mine[0]


def _has_come(state: State, step: str, worker: Worker) -> bool:
    """Whether it is his turn, or never will be."""
    if state.status in _STILL or state.steps[step].status in ("done", "failed", "skipped"):
        return True
    moves = next_moves(state, worker.clock.now())
    return any(isinstance(one, (Start, TakeUp)) and one.step == step for one in moves)


def _is_over(state: State, before: StepState) -> bool:
    now = state.steps[before.id]
    return now.status in ("done", "failed") or state.status in _STILL or now.attempt != before.attempt


def _refuse_others(found: StepState, files: Path) -> None:
    """The same files once more are no harm. Others would be another release."""
    there = {thing.name: thing.digest for thing in flat(found.outputs)}
    here = {path.name: _sha256(path) for path in sorted(files.iterdir()) if not is_evidence(path.name)}
    for name, digest in here.items():
        if there.get(name) != digest:
            taken = f"with SHA-256 {there[name]}" if name in there else "without it"
            raise Refused(
                "handed-in-already", f"{found.id} is done {taken}; your {name} has SHA-256 {digest}.",
                "If it must be another, somebody in charge restarts the run from there.", status=409,
            )  # fmt: skip


def _refuse_still(state: State) -> None:
    if state.status in _STILL:
        why = f": {state.stop.saw}" if state.stop is not None else ""
        raise Refused("not-now", f"The run is {state.status}{why}.", "Look at its page; hand in when it goes on.")


def _judge(worker: Worker, state: State, found: StepState, files: Path, folder: Path) -> None:
    """The step's own judgement, with everything that it keeps in a folder that is thrown away."""
    with TemporaryDirectory(dir=folder, prefix="judged-") as made:
        aside = Path(made)
        run = replace(worker.step_run(state, found, Children()), store=FolderStore(aside / "objects"), folder=aside)
        try:
            accept(run, files)
        except Problem as problem:
            again = "The run has heard of nothing: mend it, and hand in again."
            raise Refused(problem.code, f"Not handed in, {problem.code}: {problem}", again) from problem


def _sha256(path: Path) -> str:
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()

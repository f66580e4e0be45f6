"""Handing in what an expert has built elsewhere: his machine judges the files as the step does, and sends them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from customhouse.release.state import State
from customhouse.release.work.joining import Member
from customhouse.release.work.room_door import RoomDoor
from customhouse.release.work.starting import start
from customhouse.terms.errors import Refused, Rejected

ACTION = "external.hand_in"


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
) -> State:  # fmt: skip
    """Do the expert's step with these files; returns the state when it is over."""
    worker = start(door, member, folder, {}, tell=tell, shows_tokens=False)
    state = worker.catch_up()
    mine = [one for one in state.pipeline.steps if one.uses == ACTION and one.actor == member.actor]
    if step:
        mine = [one for one in mine if one.id == step]
    if len(mine) != 1:
        names = ", ".join(one.id for one in mine) or "none"
        raise Refused("which-step", f"Steps in which {member.actor} hands files in: {names}.", "Name one with --step.")
    wanted = mine[0]
    worker.places = {wanted.env: {"folder": str(files), "wait": "no"}}
    worker.only = frozenset({wanted.id})
    return worker.conduct(lambda now: now.steps[wanted.id].status in ("done", "failed") or now.status == "stopped")

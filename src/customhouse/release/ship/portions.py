"""Which files of a step go where: wheels and sdists to the index, everything else to a download server's folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from customhouse.formats.filenames import parse_filename
from customhouse.release.actions import Outcome, Problem, StepRun
from customhouse.release.signing.declared import files_of
from customhouse.release.things import Things
from customhouse.terms.errors import Rejected

Facts: TypeAlias = dict[str, str]
FOLDER = "folder"
"""The place's ``adapter`` for a download server's folder; anything else is an index."""


@dataclass(frozen=True, slots=True)
class Portions:
    """The files of one step."""

    dists: Things
    """For the index of the step's environment."""
    files: Things
    """For the folder of the place ``env``."""
    env: str
    left: Things
    """For nobody: an index takes no such files, and its place names no folder for them (``files``)."""

    @property
    def all(self) -> Things:
        """What goes somewhere."""
        return tuple(sorted({*self.dists, *self.files}))

    def done(
        self, run: StepRun, index: Callable[[StepRun, Things], Facts], folder: Callable[[StepRun, Things, str], Facts]
    ) -> Facts:
        """What these two do with their files, the index first, which may say no: facts of both."""
        return {
            **(index(run, self.dists) if self.dists else {}),
            **(folder(run, self.files, self.env) if self.files else {}),
        }

    def seen(
        self, run: StepRun, index: Callable[[StepRun, Things], Facts | None],
        folder: Callable[[StepRun, Things, str], Facts | None],
    ) -> Facts | None:  # fmt: skip
        """What these two see of their files: facts of both; None as soon as one of them sees that it is not done."""
        of_index = index(run, self.dists) if self.dists else {}
        if of_index is None:
            return None
        of_folder = folder(run, self.files, self.env) if self.files else {}
        return None if of_folder is None else {**of_index, **of_folder}

    def outcome(self, run: StepRun, facts: Mapping[str, str]) -> Outcome:
        """The step's outcome with these facts."""
        said = {**facts, "files": str(len(self.all))}
        if self.left:
            said["not_for_an_index"] = ", ".join(sorted(one.name for one in self.left))
        return Outcome(outputs=dict.fromkeys(run.step.outputs, self.all), facts=said)


def portions(run: StepRun, things: Things | None = None, env: str = "") -> Portions:
    """Where these files go (what comes into the step, if nothing is said), of this environment; raises `Problem`."""
    env = env or run.step.env
    place = run.place(env)
    things = files_of(run) if things is None else things
    if is_folder(place):
        return Portions((), things, env, ())
    dists = taken(things)
    rest = tuple(one for one in things if one not in dists)
    beside = place.get("files", "")
    if beside and not is_folder(run.place(beside)):
        raise Problem("bad-place", f"files names {beside!r}, which is no folder", "adapter = folder", place=env)
    return Portions(dists, rest if beside else (), beside, () if beside else rest)


def some(found: Portions, run: StepRun) -> Portions:
    """The portions, if there is anything in them; raises `Problem`."""
    if found.all:
        return found
    others = f"; {found.left[0].name} is no wheel and no sdist" if found.left else ""
    raise Problem(
        "no-files", f"no file comes in that goes anywhere{others}", "the files of a release", place=run.step.id,
        next_step="Name a folder for other files: the setting files of the index's place.",
    )  # fmt: skip


def is_folder(place: Mapping[str, str]) -> bool:
    """Whether the place is a folder of a download server, and not an index of Python packages."""
    adapter = place.get("adapter", "index")
    if adapter not in ("index", FOLDER):
        raise Problem("bad-adapter", f"the adapter is {adapter!r}", "index or folder", place="places")
    return adapter == FOLDER


def taken(things: Things) -> Things:
    """Those of the files that an index of Python packages takes: wheels and sdists."""
    found = []
    for thing in things:
        try:
            parse_filename(thing.name)
        except Rejected:
            continue
        found.append(thing)
    return tuple(found)

"""What would be changed in which file: computed as a whole before anything is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from customhouse.consume.setup.places import Target, named, read_plain, refuse_unwritable
from customhouse.consume.setup.record import RECORD, Use
from customhouse.consume.setup.undo import Edit, our_lines, restored
from customhouse.terms.errors import Refused


@dataclass(frozen=True, slots=True)
class Step:
    """One file."""

    path: Path
    now: str | None
    """Its text as it is; None if there is none."""
    new: str | None
    """What becomes of it; None: the file goes."""
    edit: Edit | None
    """What is to be remembered; None if nothing is."""

    @property
    def changes(self) -> bool:
        """Whether anything is to be written."""
        return self.now != self.new


def to_use(targets: Sequence[Target], before: Use | None) -> list[Step]:
    """The files with the new index.

    What an earlier use has changed is taken back on the way, so that the record always leads to what the user had
    himself. Raises `Rejected`, and `Refused` for a file that was edited meanwhile.
    """
    known = {one.path: one for one in before.edits} if before is not None else {}
    steps: dict[str, Step] = {}
    for target in targets:
        path = str(target.path)
        now = read_plain(target.path)
        edit = known.pop(path, None)
        if edit is not None and now is not None and target.change(now) == now:
            # It is as it shall be already.
            steps[path] = Step(target.path, now, now, edit)
            continue
        base = _restored(target.path, now, edit) if edit is not None else now
        new = target.change(base or "")
        made = Edit(path, base, new) if new != (base or "") else None
        steps[path] = Step(target.path, now, new if made is not None else base, made)
    # Files that are none of the targets any more: the project has no environment now, say.
    steps |= {path: _back(Path(path), edit) for path, edit in known.items()}
    return _writable(list(steps.values()))


def to_undo(use: Use) -> list[Step]:
    """The files as they were. Raises `Refused` for those that cannot be."""
    return _writable([_back(Path(one.path), one) for one in use.edits])


def _back(path: Path, edit: Edit) -> Step:
    now = read_plain(path)
    return Step(path, now, _restored(path, now, edit), None)


def _restored(path: Path, now: str | None, edit: Edit) -> str | None:
    if now is None:
        # Somebody has taken it away as a whole; what stood in it before us went with it.
        return None
    text = restored(now, edit)
    if text is None:
        ours, lost = our_lines(edit)
        # What stood there may hold a password: it is in the record, and not on a screen.
        theirs = f", put back what stood there (`before` in {RECORD})" if lost.strip() else ""
        raise Refused(
            "edited-since", f"{named(path)} was edited where `customhouse use` had changed it, and is left alone.",
            f"Take these lines out by hand{theirs}, then do it again: {ours.strip() or 'none'}", status=409,
        )  # fmt: skip
    return None if not text and edit.before is None else text


def _writable(steps: list[Step]) -> list[Step]:
    for one in steps:
        if one.changes:
            refuse_unwritable(one.path)
    return steps

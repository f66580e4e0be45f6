"""Freeze a branch, and unfreeze it: nobody but the release moves it, and its tag, until all is done.

The lock comes first and the look at the commit second, so that what is noted is what is locked. What protection was
before is written to the step's folder before anything is changed, and to the journal afterwards: exactly that is put
back.
"""

from __future__ import annotations

import os
from pathlib import Path

from customhouse.release.actions import Outcome, Problem, StepRun
from customhouse.release.events import TagSeen
from customhouse.release.git.forges.choose import forge_of
from customhouse.release.git.forges.forge import Forge
from customhouse.release.git.names import short
from customhouse.release.git.released import FREEZE, branch, outputs, step_using, tag
from customhouse.release.git.remotes import Remote, remote, where

BEFORE, LOG = "protection_before", "log"
"""Facts of a freeze: the protection that was there, JSON, and the forge's cursor of its log of refs."""
_FILE = "protection-before.json"


class Freeze:
    """`git.freeze`."""

    def do(self, run: StepRun) -> Outcome:
        """Lock branch and tag for this run, then note the branch's commit."""
        place, forge = _place(run)
        _refuse_tag(run, place)
        forge.lock(_refs(run), run.run, _before(run, forge))
        found = self.probe(run)
        if found is None:
            raise Problem(
                "not-locked", forge.protection(branch(run)).how, "a branch that nobody but this run can push to",
                place=place.name, next_step="Look at the forge's settings; docs/forges.md says what each needs.",
            )  # fmt: skip
        return found

    def probe(self, run: StepRun) -> Outcome | None:
        """Whether the branch is locked, by this run where the forge can say; and where it stands."""
        place, forge = _place(run)
        ref = branch(run)
        said = forge.protection(ref)
        kept = run.folder / _FILE
        if not said.locked or said.by not in ("", run.run) or not (said.by or kept.exists()):
            return None
        seen = place.refs(ref, tag(run))
        oid, commit = where(seen, ref)
        if not oid:
            raise Problem("no-branch", f"there is no {short(ref)}", "a branch with commits", place=place.name)
        log = forge.log([ref], "")
        facts = {
            "adapter": place.place.get("adapter", ""),
            "lock": said.how,
            BEFORE: kept.read_text("utf-8") if kept.exists() else "{}",
            LOG: log.cursor if log is not None else "",
            "branch": short(ref),
            "remote": place.url,
        }
        events = (TagSeen(place.name, ref, oid, commit), TagSeen(place.name, tag(run), "", ""))
        return Outcome(outputs(run, git_commit=(short(ref), commit)), facts, events=events)

    def undo(self, run: StepRun) -> str:
        """Unlock what is locked."""
        place, forge = _place(run)
        del place
        kept = run.folder / _FILE
        before = kept.read_text("utf-8") if kept.exists() else _noted(run)
        return "undone" if forge.unlock(_refs(run), run.run, before) else "nothing to undo"


class Unfreeze:
    """`git.unfreeze`."""

    def do(self, run: StepRun) -> Outcome:
        """Put back the protection that was there before the freeze."""
        place, forge = _frozen_place(run)
        forge.unlock(_refs(run), run.run, _noted(run))
        return self._found(place, forge, run)

    def probe(self, run: StepRun) -> Outcome | None:
        """Whether this run locks nothing any more.

        A forge that cannot say whose a lock is, is written to once more: twice is harmless.
        """
        place, forge = _frozen_place(run)
        if any((said := forge.protection(ref)).locked and said.by in ("", run.run) for ref in _refs(run)):
            return None
        return self._found(place, forge, run) if place.place.get("adapter") == "hook" else None

    def undo(self, run: StepRun) -> str:
        """A branch is not frozen again."""
        del run
        return "nothing to undo"

    @staticmethod
    def _found(place: Remote, forge: Forge, run: StepRun) -> Outcome:
        said = forge.protection(branch(run))
        return Outcome(facts={"remote": place.url, "branch": short(branch(run)), "lock": said.how})


def _place(run: StepRun) -> tuple[Remote, Forge]:
    found = remote(run, run.step.env)
    return found, forge_of(run, found)


def _frozen_place(run: StepRun) -> tuple[Remote, Forge]:
    step = step_using(run, FREEZE)
    found = remote(run, step.env if step is not None else run.step.env)
    return found, forge_of(run, found)


def _refs(run: StepRun) -> list[str]:
    return [branch(run), tag(run)]


def _noted(run: StepRun) -> str:
    step = step_using(run, FREEZE)
    state = run.state.steps.get(step.id) if step is not None else None
    return state.facts.get(BEFORE, "{}") if state is not None else "{}"


def _before(run: StepRun, forge: Forge) -> str:
    """What protection was, from the note of an attempt that was killed, or asked for and noted now."""
    kept = run.folder / _FILE
    if not kept.exists():
        _keep(kept, forge.before(_refs(run)))
    return kept.read_text("utf-8")


def _keep(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    with new.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


def _refuse_tag(run: StepRun, place: Remote) -> None:
    oid, _commit = where(place.refs(tag(run)), tag(run))
    if oid:
        raise Problem(
            "tag-exists", f"{short(tag(run))} is there already, at {oid}", "no such tag before the release",
            place=place.name, next_step="Choose another version, or delete the tag if nobody has it.",
        )  # fmt: skip

"""The stage as whoever installs from it sees it now."""

from __future__ import annotations

from dataclasses import dataclass

from customhouse.formats.pipeline.model import Step
from customhouse.formats.upstream.model import ListedFile
from customhouse.release.actions import Outcome, Problem, StepRun
from customhouse.release.ship.compare import digests
from customhouse.release.ship.download_folder import folder_of
from customhouse.release.ship.index_door import project_of
from customhouse.release.ship.portions import Portions, portions
from customhouse.release.ship.public_page import JSON, SMALL_BYTES, Stranger, stranger
from customhouse.release.ship.staged import stage_facts, stage_step
from customhouse.release.standing import flat, to_sign
from customhouse.release.things import Things


@dataclass(frozen=True, slots=True)
class StageNow:
    """What is staged, and what should be."""

    expected: dict[str, str]
    """SHA-256 by name of what was handed to the stage."""
    seen: dict[str, str]
    place: str
    how: str = ""
    """Where it was not looked at itself: what stands for it."""


def staged_things(run: StepRun) -> Things:
    """The files that the stage step took in; raises `Problem` if none is done."""
    step = stage_step_of(run)
    state = run.state.steps.get(step.id)
    inputs = run.inputs if step.id == run.step.id else state.inputs if state is not None else {}
    return to_sign(flat(inputs))


def stage_step_of(run: StepRun) -> Step:
    """The step that stages; raises `Problem` if there is none."""
    step = run.step if run.step.uses == "index.stage" else stage_step(run)
    if step is None:
        raise Problem("not-staged", "no step stages", "a step that uses index.stage", place=run.step.id)
    return step


def stage_now(run: StepRun, outcome: Outcome | None) -> StageNow:
    """Look at the stage as installers do: its page, and the bytes of each file; raises `Problem`."""
    step = stage_step_of(run)
    facts = stage_facts(run, outcome)
    found: Portions = portions(run, staged_things(run), step.env)
    seen: dict[str, str] = {}
    places, how = [], ""
    if found.dists:
        address = facts.get("stage", "")
        if not address:
            raise Problem("not-staged", "nothing says where the stage is", "a stage", place=step.id)
        url = page_of(address, project_of(run, step.env))
        seen |= served_digests(run, url, project_of(run, step.env))
        places.append(url)
    if found.files:
        folder = folder_of(run, found.env)
        there = folder.staged_digests()
        if there is None and not folder.staged.parent.is_dir():
            there, how = digests(found.files), "the journal (the folder is on another machine)"
        seen |= there or {}
        places.append(str(folder.staged))
    return StageNow(digests(found.all), seen, ", ".join(places), how)


def page_of(stage: str, project: str) -> str:
    """The stage's page of the project."""
    return f"{stage.rstrip('/')}/{project}/"


def served_digests(run: StepRun, page: str, project: str) -> dict[str, str]:
    """SHA-256 by name of the bytes that come from a page of an index, whatever the page says of them."""
    with stranger() as public:
        found = public.page(page, project, JSON)
        return {one.filename: _digest(run, public, one) for one in (found.files if found is not None else ())}


def _digest(run: StepRun, public: Stranger, listed: ListedFile) -> str:
    """Of the bytes that come, and not what the page says of them."""
    into = run.folder / "staged"
    into.mkdir(parents=True, exist_ok=True)
    path = into / listed.filename
    try:
        return public.download(listed.url, path, listed.size_bytes or SMALL_BYTES) or "nothing: it is not there"
    finally:
        path.unlink(missing_ok=True)

"""Publishing on a download server: what was staged, and what belongs to it since (signatures), by one rename."""

from __future__ import annotations

from collections.abc import Mapping

from customhouse.release.actions import Problem, StepRun, Tampered
from customhouse.release.ship.compare import Difference, compare, digests, refuse_difference
from customhouse.release.ship.download_folder import DownloadFolder, folder_of
from customhouse.release.ship.portions import portions
from customhouse.release.ship.staged import stage_step
from customhouse.release.standing import flat, to_sign
from customhouse.release.things import Things


def publish(run: StepRun, things: Things, env: str) -> dict[str, str]:
    """Publish; returns facts. Raises `Tampered` if the stage is not what was staged, or others are public there."""
    done = probe(run, things, env)
    if done is not None:
        return done
    folder, wanted = folder_of(run, env), digests(things)
    seen = folder.staged_digests()
    if seen is None:
        raise Problem("stage-gone", "there is no stage", "the staged release", place=str(folder.staged))
    _refuse_other_stage(_staged(run), wanted, seen, folder)
    for thing in things:
        if seen.get(thing.name) != thing.digest:
            folder.put(run.store.fetch(thing, run.folder / "files"), thing.name)
    folder.write_sums(wanted)
    refuse_difference(wanted, folder.staged_digests() or {}, str(folder.staged), "Nothing was published.")
    run.held()
    if folder.publish():
        return _facts(folder)
    done = probe(run, things, env)
    if done is None:
        raise Problem("not-published", "a folder came and went", "a folder of our own", place=str(folder.public))
    return done


def probe(run: StepRun, things: Things, env: str) -> dict[str, str] | None:
    """Facts, if these files and no others are public. Raises `Tampered` if others are."""
    folder = folder_of(run, env)
    seen = folder.public_digests()
    if not seen:
        return None
    found = compare(digests(things), seen)
    if found:
        raise Tampered(
            "published-others", found.sentence, found.expected, place=str(folder.public),
            next_step="This version is public there and is not this release. Find out who has put it there.",
        )  # fmt: skip
    return _facts(folder)


def _refuse_other_stage(
    was: Mapping[str, str], wanted: Mapping[str, str], seen: Mapping[str, str], folder: DownloadFolder
) -> None:
    """The stage must hold what was staged; what this step has added before a crash is no stranger's."""
    found = compare(was, seen)
    extra = tuple(name for name in found.extra if wanted.get(name) != seen[name])
    stays = Difference(found.missing, found.other, extra, found.digests)
    if stays:
        raise Tampered(
            stays.code, stays.sentence, stays.expected, place=str(folder.staged), next_step="Nothing was published."
        )


def _staged(run: StepRun) -> dict[str, str]:
    """What the stage step has put there."""
    step = stage_step(run)
    state = run.state.steps.get(step.id) if step is not None else None
    if state is None or state.status != "done":
        raise Problem("not-staged", "no step has staged the release here", "a stage", place=run.step.env)
    return digests(portions(run, to_sign(flat(state.inputs))).files)


def _facts(folder: DownloadFolder) -> dict[str, str]:
    return {"files_address": folder.url}

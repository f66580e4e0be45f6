"""Staging beside a download server: whole files in a folder that nobody sees yet."""

from __future__ import annotations

from customhouse.release.actions import StepRun
from customhouse.release.ship.compare import compare, digests, refuse_difference
from customhouse.release.ship.download_folder import DownloadFolder, folder_of
from customhouse.release.things import Things


def stage(run: StepRun, things: Things, env: str) -> dict[str, str]:
    """Copy the files; the stage holds exactly these afterwards. Returns facts: ``folder``, a ``file:`` address."""
    folder = folder_of(run, env)
    if run.attempt > 1:
        _take_out_others(folder, things)
    for thing in things:
        folder.put(run.store.fetch(thing, run.folder / "files"), thing.name)
    refuse_difference(digests(things), folder.staged_digests() or {}, str(folder.staged))
    return _facts(folder)


def probe(run: StepRun, things: Things, env: str) -> dict[str, str] | None:
    """The same facts, if the stage holds exactly these files."""
    folder = folder_of(run, env)
    seen = folder.staged_digests()
    return None if seen is None or compare(digests(things), seen) else _facts(folder)


def undo(run: StepRun, env: str) -> str:
    """Remove the stage."""
    return "undone" if folder_of(run, env).discard() else "nothing to undo"


def _take_out_others(folder: DownloadFolder, things: Things) -> None:
    """What an earlier attempt has left under other names."""
    for name in set(folder.staged_digests() or {}) - set(digests(things)):
        (folder.staged / name).unlink()


def _facts(folder: DownloadFolder) -> dict[str, str]:
    return {"folder": folder.staged.resolve().as_uri()}

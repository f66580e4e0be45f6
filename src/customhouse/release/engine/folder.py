"""Runs in a folder beside the pipeline: ``.customhouse/release/RUN/`` with journal, objects, work and the engine's key.

``journal.jsonl`` is the run; ``objects/`` holds its files by digest; ``work/`` the clone and the folders of attempts;
``engine.key`` (0600) seals the journal; ``lock`` is held by the one process that conducts.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from customhouse.formats.pipeline.read import read_pipeline
from customhouse.formats.pipeline.resolve import resolve, values_of
from customhouse.release import rules
from customhouse.release.events import Created
from customhouse.release.journal_file import FileJournal
from customhouse.release.machine_key import MachineKey, open_key
from customhouse.release.sealing import EMPTY, Chain, seal, verify_lines
from customhouse.release.secret_places import secret_in
from customhouse.release.state import State
from customhouse.release.store_folder import FolderStore
from customhouse.terms.clock import Clock
from customhouse.terms.errors import Refused, Rejected

RUNS = Path(".customhouse") / "release"
_ENDED = ("released", "abandoned")


@dataclass(frozen=True, slots=True)
class RunFolder:
    """One run."""

    path: Path

    @property
    def name(self) -> str:
        """The run's id."""
        return self.path.name

    @property
    def journal(self) -> FileJournal:
        """Its lines, read anew."""
        return FileJournal(self.path / "journal.jsonl")

    @property
    def store(self) -> FolderStore:
        """Its files."""
        return FolderStore(self.path / "objects")

    @property
    def work(self) -> Path:
        """What this machine needs while it works."""
        return self.path / "work"

    @property
    def key(self) -> MachineKey:
        """The engine's key; raises `Rejected` if it is missing or open to others."""
        return open_key(self.path / "engine.key", make=False)

    def created(self) -> Created:
        """Its first event; raises `Refused` if there is none."""
        lines = self.journal.read()
        if not lines or not isinstance(lines[0].event, Created):
            raise Refused("no-run", f"There is no run in {self.path}.", status=404)
        return lines[0].event

    def state(self) -> State:
        """The state, of a journal that was verified; raises `Rejected`, `Refused`."""
        lines = self.journal.read()
        verify_lines(lines, Chain(engine_key=self.key.public))
        return rules.replay(lines)

    @contextmanager
    def conducting(self) -> Iterator[None]:
        """Hold the run for one process; raises `Refused` ("conducted-elsewhere") if another one has it."""
        descriptor = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise Refused(
                    "conducted-elsewhere", f"Another process conducts the run {self.name} now.",
                    f"See how far it is: customhouse release status {self.name}", status=409,
                ) from error  # fmt: skip
            yield
        finally:
            os.close(descriptor)


def runs_in(runs: Path) -> list[RunFolder]:
    """All runs of a folder, the oldest first."""
    found = [RunFolder(path.parent) for path in runs.glob("*/journal.jsonl")] if runs.is_dir() else []
    return sorted((one for one in found if one.journal.head() != EMPTY), key=lambda one: one.journal.read()[0].at)


def find_run(runs: Path, name: str = "") -> RunFolder:
    """The run of this name; without one, the newest that has not ended, or the newest; raises `Refused`."""
    found = runs_in(runs)
    if name:
        for one in found:
            if one.name == name:
                return one
        raise Refused("no-run", f"There is no run {name!r} in {runs}.", f"There are: {_names(found)}.", status=404)
    going_on = [one for one in found if one.state().status not in _ENDED]
    if len(going_on) > 1:
        raise Refused("which-run", f"Several runs go on: {_names(going_on)}.", "Name one.")
    if not found:
        raise Refused("no-run", f"There is no run in {runs}.", "Start one: customhouse release run", status=404)
    return (going_on or found)[-1]


def begun_before(runs: Path, name: str) -> list[RunFolder]:
    """The runs of the same project that were begun before the run of this name, the newest first; no rehearsals."""
    found = runs_in(runs)
    own = next((place for place, one in enumerate(found) if one.name == name), 0)
    return [
        one
        for one in reversed(found[:own])
        if one.created().project == found[own].created().project and not one.created().rehearsal
    ]


def unfinished(runs: Path, project: str, params: Mapping[str, str], *, rehearsal: bool) -> RunFolder | None:
    """A run of the same project with the same parameters that has not ended."""
    for one in reversed(runs_in(runs)):
        first = one.created()
        if (first.project, dict(first.params), first.rehearsal) == (project, dict(params), rehearsal):
            return one if one.state().status not in _ENDED else None
    return None


def begin_run(
    runs: Path,
    text: str,
    params: Mapping[str, str],
    places: Mapping[str, Mapping[str, str]],
    clock: Clock,
    *,
    rehearsal: bool = False,
) -> RunFolder:
    """Make a run's folder with its first line; raises `Rejected` for pipeline, parameters or places that are none.

    Raises `Refused` if this definition is older than one that the project was released by here, or is another of the
    same version: no definition goes back.
    """
    pipeline = read_pipeline(text)
    resolved = resolve(pipeline, params)
    check_places(places)
    if not rehearsal:
        refuse_older(runs, pipeline.project, pipeline.version, _sha256(text))
    values = values_of(pipeline, params)
    name = re.sub(r"[^A-Za-z0-9._-]", "-", f"{pipeline.project}-{values.get('version', resolved.tag)}")
    folder = _new_folder(runs, f"{name}-rehearsal" if rehearsal else name)
    key = open_key(folder.path / "engine.key")
    event = Created(
        project=pipeline.project, pipeline=text, pipeline_sha256=_sha256(text), pipeline_version=pipeline.version,
        params=dict(params), places={name: dict(one) for name, one in places.items()}, engine_key=key.public,
        rehearsal=rehearsal, rules=rules.EDITION,
    )  # fmt: skip
    line = seal(event, run=folder.name, head=EMPTY, at=clock.now(), by="engine", key=key)
    rules.begin(line)
    folder.journal.append([line], EMPTY)
    return folder


def refuse_older(runs: Path, project: str, version: int, sha256: str) -> None:
    """Raises `Refused` if a run here was made by a newer definition, or by another one of the same version."""
    for one in runs_in(runs):
        first = one.created()
        if first.project != project or first.rehearsal:
            continue
        if first.pipeline_version > version:
            raise Refused(
                "pipeline-rolled-back",
                f"This pipeline is version {version}, and version {first.pipeline_version} made the run {one.name}.",
                "Use the newest definition, or raise its version.", status=409,
            )  # fmt: skip
        if first.pipeline_version == version and first.pipeline_sha256 != sha256:
            raise Refused(
                "pipeline-changed", f"Another pipeline made the run {one.name} as version {version}.",
                "Raise `version` in [pipeline] whenever you change anything.", status=409,
            )  # fmt: skip


def check_places(places: Mapping[str, Mapping[str, str]]) -> None:
    """Raises `Rejected` for a setting that looks like a secret: everybody who gets the bundle reads the places."""
    for name, settings in places.items():
        for setting, value in settings.items():
            if secret := secret_in(setting, value):
                raise Rejected(
                    "secret-in-places", f"{name}.{setting}", f"{secret}, and places stand in the journal",
                    f"the variable CUSTOMHOUSE_RELEASE_{setting.upper().replace('-', '_')}",
                )  # fmt: skip


def _new_folder(runs: Path, name: str) -> RunFolder:
    runs.mkdir(parents=True, exist_ok=True)
    ignore = runs.parent / ".gitignore"
    if not ignore.exists():
        ignore.write_text("*\n", encoding="utf-8")
    for number in range(1, 10_000):
        path = runs / f"{name}-{number}"
        try:
            path.mkdir(mode=0o700)
        except FileExistsError:
            continue
        return RunFolder(path)
    raise Refused("too-many-runs", f"There are too many runs of {name} in {runs}.", "Move old ones away.")


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _names(found: list[RunFolder]) -> str:
    return ", ".join(one.name for one in found) or "none"

"""Fetching beforehand what a lock names, through a view and under its policy, so that nothing is asked for later."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta

from packaging.tags import Tag
from packaging.utils import InvalidWheelFilename, parse_wheel_filename
from packaging.version import InvalidVersion, Version

from customhouse.formats.inventory.model import Component
from customhouse.mirror.model import MirroredFile, MirroredProject
from customhouse.mirror.objects import Objects
from customhouse.terms.errors import CustomhouseError
from customhouse.views.model import Offered, View
from customhouse.views.offering import Views

AT_ONCE = 4
WITHIN = timedelta(seconds=60)
"""As for files that somebody waits for."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """One file that is here now."""

    name: str
    version: str
    filename: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Missing:
    """Something that the lock names and that is not here, or would not be handed out."""

    name: str
    version: str
    why: str


@dataclass(frozen=True, slots=True)
class Prefetched:
    """What came of it."""

    files: Sequence[Fetched]
    hosted: Sequence[str]
    """Names that are hosted here anyway."""
    missing: Sequence[Missing]

    @property
    def size_bytes(self) -> int:
        """Of all files together."""
        return sum(one.size_bytes for one in self.files)


@dataclass(frozen=True)
class Prefetch:
    """Fetching into one view."""

    views: Views
    objects: Objects
    view: View
    tags: Collection[Tag] | None
    """Wheels for these alone, sdists where there is no such wheel; None: every file of each version."""
    tell: Callable[[str], None] = lambda _line: None

    def all_of(self, components: Collection[Component]) -> Prefetched:
        """Fetch the files of all these versions; whatever fails is told at the end and stops nothing else."""
        files: list[Fetched] = []
        hosted: list[str] = []
        missing: list[Missing] = []
        wanted = {(one.name, one.version): one for one in components}
        with ThreadPoolExecutor(AT_ONCE) as threads:
            for found in threads.map(self._one, wanted.values()):
                for one in found:
                    if isinstance(one, str):
                        hosted.append(one)
                    elif isinstance(one, Missing):
                        missing.append(one)
                    else:
                        files.append(one)
        return Prefetched(files, sorted(set(hosted)), missing)

    def _one(self, wanted: Component) -> list[Fetched | Missing | str]:
        name, version = wanted.name, wanted.version
        try:
            offered = self.views.offered(self.view, name, within=WITHIN)
            if offered is None:
                return [Missing(name, version, f"the view {self.view.name} has no such project")]
            if offered.mirrored is None:
                return [name]
            return [
                self._fetch(wanted, offered, offered.mirrored, file) for file in self._chosen(wanted, offered.mirrored)
            ]
        except LookupError as error:
            return [Missing(name, version, str(error.args[0]))]
        except CustomhouseError as error:
            return [Missing(name, version, str(error))]

    def _fetch(
        self, wanted: Component, offered: Offered, project: MirroredProject, file: MirroredFile
    ) -> Fetched | Missing:
        name, version = wanted.name, wanted.version
        decision = offered.decisions[file.filename]
        if not decision.lets_through:
            return Missing(name, version, f"{file.filename}: {decision.reason or decision.action}")
        try:
            found = self.objects.ensure(file, project)
            # Clients ask for it first.
            if file.filename.endswith(".whl"):
                self.objects.metadata(file, project)
        except CustomhouseError as error:
            return Missing(name, version, f"{file.filename}: {error}")
        if wanted.hashes and f"sha256:{found.digest}" not in wanted.hashes:
            return Missing(name, version, f"{file.filename}: it has none of the digests of the lock")
        # What only the whole file tells may be against the policy.
        decision = self.views.judge(self.view, offered, file.filename, found)
        if not decision.lets_through:
            return Missing(name, version, f"{file.filename}: it is here, and {decision.reason or decision.action}")
        self.tell(file.filename)
        return Fetched(name, version, file.filename, found.size_bytes)

    def _chosen(self, wanted: Component, project: MirroredProject) -> list[MirroredFile]:
        """The files of that version; raises `LookupError` saying why there is none."""
        if project.removed_at is not None:
            raise LookupError(f"{project.upstream} no longer has the project")
        files = [one for one in project.files if _same(one.version, wanted.version)]
        if not files:
            raise LookupError(f"{project.upstream} has no such version")
        digests = {one.removeprefix("sha256:") for one in wanted.hashes if one.startswith("sha256:")}
        if digests:
            files = [one for one in files if not one.sha256 or one.sha256 in digests]
            if not files:
                raise LookupError(f"{project.upstream} has no file with a digest of the lock")
        if self.tags is None:
            return files
        wheels = [one for one in files if one.filename.endswith(".whl")]
        fitting = [one for one in wheels if _tags(one.filename) & set(self.tags)]
        chosen = fitting or [one for one in files if one not in wheels]
        if not chosen:
            raise LookupError("it has no wheel for this platform and no sdist; --all fetches every file")
        return chosen


def _same(one: str, other: str) -> bool:
    try:
        return Version(one) == Version(other)
    except InvalidVersion:
        return False


def _tags(filename: str) -> frozenset[Tag]:
    try:
        return parse_wheel_filename(filename)[3]
    except InvalidWheelFilename:
        return frozenset()

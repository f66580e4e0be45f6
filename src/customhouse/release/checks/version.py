"""``version-everywhere``: parameter, tag, file names, metadata and the declared member all say one version.

Versions of Python packages are compared as PEP 440 has them (``1.0rc1`` is ``1.0.0rc1``), others letter by letter.
"""

from __future__ import annotations

import re
from pathlib import Path

from customhouse.formats.filenames import SdistName, parse_filename
from customhouse.formats.inspection import Limits
from customhouse.formats.plain import plain
from customhouse.formats.sdist import inspect_sdist
from customhouse.formats.wheel import inspect_wheel
from customhouse.release.actions import Look, Outcome, StepRun
from customhouse.release.building.archives import walk_archive
from customhouse.release.checks.files import fetched, looked_at, told
from customhouse.release.things import Thing
from customhouse.terms.errors import Rejected
from customhouse.terms.versions import version_of

_CHECK = "version-everywhere"
_MEMBER_BYTES = 4 * 2**20
_METADATA = ("", "PKG-INFO", "METADATA")


class VersionEverywhere:
    """See the module."""

    def look(self, run: StepRun, outcome: Outcome | None) -> Look:
        """Compare."""
        version = run.params.get("version", "")
        faults = _of_tag(run, version)
        count = 0
        for artifact, things in looked_at(run, outcome).items():
            member = run.pipeline.artifact(artifact).version_in
            for thing in things:
                count += 1
                faults += _of_file(run, thing, version, member)
        expected = f"{version} in the tag {run.pipeline.tag} and in each file"
        return Look(
            _CHECK, not faults, expected, told(faults) or f"{version} in the tag and {count} files", run.step.id
        )


def _of_tag(run: StepRun, version: str) -> list[str]:
    faults = []
    if version not in run.pipeline.tag:
        faults.append(f"the tag is {run.pipeline.tag}")
    for artifact in run.pipeline.artifacts:
        if artifact.type != "git-tag":
            continue
        for thing in run.state.artifacts.get(artifact.id, ()):
            name = thing.name.removeprefix("refs/tags/")
            if thing.algorithm == "gitTag" and name not in (run.pipeline.tag, artifact.id):
                faults.append(f"the tag that was made is {plain(name, 100)}")
    return faults


def _of_file(run: StepRun, thing: Thing, version: str, member: str) -> list[str]:
    faults = []
    path = fetched(run, thing)
    try:
        name = parse_filename(thing.name)
    except Rejected:
        name = None
    if name is None:
        if not _says(thing.name, version):
            faults.append(f"the name {plain(thing.name, 100)} says another")
    else:
        if version_of(version) != name.version:
            faults.append(f"the name {thing.name} says {name.version}")
        try:
            # Reads PKG-INFO or METADATA, and refuses one that says another version than the name.
            with path.open("rb") as file:
                if isinstance(name, SdistName):
                    inspect_sdist(file, name, Limits())
                else:
                    inspect_wheel(file, name, Limits())
        except Rejected as error:
            faults.append(f"{thing.name}: {plain(str(error), 200)}")
    if member not in _METADATA and not faults:
        faults += _of_member(path, member, version)
    return faults


def _of_member(path: Path, member: str, version: str) -> list[str]:
    """The declared member of an archive; wheels lack the top folder, and often the member."""
    try:
        walk = walk_archive(path, lambda name: _MEMBER_BYTES if _is(name, member) else 0, path.parent)
    except Rejected as error:
        return [f"{path.name}: {plain(str(error), 200)}"]
    if walk is None:
        return []
    bodies = walk.kept
    if not bodies:
        return [] if path.name.endswith(".whl") else [f"{path.name} has no {member}"]
    return [
        f"{path.name}: {name} does not say {version}"
        for name, body in bodies.items()
        if not _says(body.decode("utf-8", "replace"), version)
    ]


def _is(name: str, member: str) -> bool:
    return name in (member, name.partition("/")[0] + "/" + member)


def _says(text: str, version: str) -> bool:
    """Whether the version stands there by itself: 3.1 does not stand in 3.11."""
    return re.search(rf"(?<![0-9A-Za-z.]){re.escape(version)}(?![0-9A-Za-z]|\.[0-9])", text) is not None

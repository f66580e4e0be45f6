"""Is what a step made what its pipeline declares? Names, kinds of digest, and nothing beside. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from customhouse.formats.pipeline import graph
from customhouse.formats.pipeline.model import Artifact, Pipeline, Step
from customhouse.release.things import Thing, Things

_ALGORITHMS = {"git-commit": "gitCommit", "git-tag": "gitTag", "tree": "gitTree", "files": "sha256"}
_DIGESTS = {
    "sha256": re.compile(r"[0-9a-f]{64}"),
    "gitCommit": re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}"),
    "gitTag": re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}"),
    "gitTree": re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}"),
}
_COVERED = "{artifact}"
_ONE = ("git-commit", "git-tag")


def output_faults(
    pipeline: Pipeline,
    step: Step,
    params: Mapping[str, str],
    outputs: Mapping[str, Things],
    artifacts: Mapping[str, Things],
) -> list[str]:
    """What is wrong with what a step made, as sentences; empty if it is what the pipeline declares.

    ``artifacts`` is all that was made before it: signatures are named after the files that they cover.
    """
    found = [f"it made {name!r}, which it does not declare" for name in outputs if name not in step.outputs]
    known = {**artifacts, **outputs}
    for name in step.outputs:
        artifact = pipeline.artifact(name)
        things = outputs.get(name, ())
        if not things and not graph.applies(artifact, params):
            continue
        found += [f"{name}: {fault}" for fault in _faults(artifact, things, known)]
    return found


def names_declared(artifact: Artifact, known: Mapping[str, Things]) -> list[str]:
    """The patterns of an artifact's file names; of signatures, one for each file that they cover."""
    covered = sorted({thing.name for name in artifact.covers for thing in known.get(name, ())})
    found = []
    for pattern in artifact.names:
        if _COVERED in pattern:
            found += [pattern.replace(_COVERED, _literally(name)) for name in covered]
        else:
            found.append(pattern)
    return found


def _faults(artifact: Artifact, things: Things, known: Mapping[str, Things]) -> Iterator[str]:
    if not things:
        yield "nothing was made"
        return
    if artifact.type in _ONE and len(things) != 1:
        yield f"{len(things)} were made, and it is one"
    names = [thing.name for thing in things]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"{name!r} is there twice"
    for thing in things:
        yield from _thing_faults(artifact, thing)
    if artifact.type == "files" and artifact.names:
        patterns = names_declared(artifact, known)
        for name in sorted(set(names)):
            if not any(fnmatchcase(name, pattern) for pattern in patterns):
                yield f"{name!r} is not declared"
        for pattern in patterns:
            if not any(fnmatchcase(name, pattern) for name in names):
                yield f"nothing is called {pattern!r}"


def _thing_faults(artifact: Artifact, thing: Thing) -> Iterator[str]:
    wanted = _ALGORITHMS[artifact.type]
    if thing.algorithm != wanted:
        yield f"{thing.name!r} is named by {thing.algorithm}, and a {artifact.type} is named by {wanted}"
    if not _DIGESTS[thing.algorithm].fullmatch(thing.digest):
        yield f"{thing.name!r} has no digest"
    if thing.size_bytes < 0:
        yield f"{thing.name!r} has a size below nothing"
    path = PurePosixPath(thing.name)
    if artifact.type == "files" and (not thing.name or path.is_absolute() or ".." in path.parts or "\0" in thing.name):
        yield f"{thing.name!r} leads out of its folder"


def _literally(name: str) -> str:
    """A name as a pattern that matches nothing else."""
    return re.sub(r"([*?[])", r"[\1]", name)

"""What a build hands over: its files sorted into the declared artifacts, and what a crash may not make it do twice."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path

from customhouse.release.actions import Outcome, Problem, StepRun
from customhouse.release.things import Thing, Things

_DONE = "done.json"


def declared(run: StepRun, files: Iterable[Path]) -> dict[str, Things]:
    """Put files into the store, by the artifact of the step that names them; raises `Problem` for any other."""
    wanted = {name: run.pipeline.artifact(name).names for name in run.step.outputs}
    found: dict[str, list[Path]] = {name: [] for name in wanted}
    for path in sorted(files):
        fits = [name for name, patterns in wanted.items() if not patterns or matches(path.name, patterns)]
        if not fits:
            patterns = [pattern for one in wanted.values() for pattern in one]
            raise Problem(
                "undeclared-file", f"the step made {path.name}, which no artifact names",
                " or ".join(patterns) or "nothing",
                place=run.step.id, next_step="Declare it in [artifacts], or have it not made.",
            )  # fmt: skip
        found[fits[0]].append(path)
    missing = [
        pattern
        for name, patterns in wanted.items()
        for pattern in patterns
        if not any(fnmatchcase(path.name, pattern) for path in found[name])
    ]
    if missing:
        made = ", ".join(path.name for paths in found.values() for path in paths) or "nothing"
        raise Problem("missing-file", f"the step made {made}", ", ".join(missing), place=run.step.id)
    return {name: run.put(*paths) for name, paths in found.items()}


def matches(name: str, patterns: Iterable[str]) -> bool:
    """Whether a file's name fits one of the patterns, in which ``*`` stands for what the build decides."""
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def keep(run: StepRun, outcome: Outcome) -> Outcome:
    """Note in the attempt's folder that it is done: its files are in the store already."""
    body = {
        "key": run.idempotency_key,
        "outputs": {
            name: [[one.name, one.algorithm, one.digest, one.size_bytes] for one in things]
            for name, things in outcome.outputs.items()
        },
        "facts": dict(outcome.facts),
    }
    made = run.folder / f"{_DONE}.new"
    made.write_text(json.dumps(body), encoding="utf-8")
    made.replace(run.folder / _DONE)
    return outcome


def kept(run: StepRun) -> Outcome | None:
    """What `keep` noted for this attempt, if the store still has every file; else None."""
    try:
        body = json.loads((run.folder / _DONE).read_text(encoding="utf-8"))
        outputs = {name: tuple(Thing(*one) for one in things) for name, things in body["outputs"].items()}
    except (OSError, ValueError, TypeError, KeyError):
        return None
    files = [one for things in outputs.values() for one in things if one.algorithm == "sha256"]
    if body["key"] != run.idempotency_key or not all(run.store.has(one.digest) for one in files):
        return None
    return Outcome(outputs, body["facts"])


def option_text(run: StepRun, name: str, otherwise: str = "") -> str:
    """A setting of the step (``with``) as a text; raises `Problem` if it is something else."""
    value = run.step.options.get(name, otherwise)
    if not isinstance(value, str):
        raise Problem("option", f"{name} is {value!r}", "a text", place=f"step {run.step.id}, with")
    return value


def option_texts(run: StepRun, name: str, otherwise: tuple[str, ...] = ()) -> tuple[str, ...]:
    """A setting of the step as a list of texts; one text is a list of one."""
    value = run.step.options.get(name, otherwise)
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, tuple):
        raise Problem("option", f"{name} is {value!r}", "a list of texts", place=f"step {run.step.id}, with")
    return value


def option_paths(run: StepRun, name: str, otherwise: tuple[str, ...] = ()) -> tuple[str, ...]:
    """A setting of the step as patterns of paths below the work folder; raises `Problem` for one that leads out."""
    found = option_texts(run, name, otherwise)
    bad = [one for one in found if one.startswith("/") or ".." in one.split("/")]
    if bad:
        raise Problem("option", f"{name} names {bad[0]!r}", "paths below the work folder", place=run.step.id)
    return found


def option_flag(run: StepRun, name: str, *, otherwise: bool) -> bool:
    """A setting of the step that is true or false."""
    value = run.step.options.get(name, otherwise)
    if not isinstance(value, bool):
        raise Problem("option", f"{name} is {value!r}", "true or false", place=f"step {run.step.id}, with")
    return value


def place_bytes(place: Mapping[str, str], name: str, otherwise: int) -> int:
    """A bound in MiB that a place may set, in bytes."""
    value = place.get(name, "")
    if not value:
        return otherwise
    if not value.isdecimal():
        raise Problem("place", f"{name} is {value!r}", "a number of MiB", place="places")
    return int(value) * 2**20

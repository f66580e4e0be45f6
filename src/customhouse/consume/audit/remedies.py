"""What to do about a fix that is blocked, in the order in which to try it, each a sentence with the command.

A newer release of who holds it back; what its owner has said of it afterwards; an override with a recorded run of your
own tests; a VEX statement; a replacement.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from customhouse.consume.audit.model import Finding
from customhouse.formats.plain import plain


@dataclass(frozen=True, slots=True)
class Allowed:
    """What to upgrade so that a fix is allowed."""

    steps: tuple[tuple[str, str], ...]
    """Name and version; empty if no release allows it."""
    last: datetime | None
    """When who holds it back was released last, if the index tells."""
    sure: bool = True
    """Whether every newer release was looked at."""
    held: str = ""
    """Why a release that allows the fix cannot be had itself, in words."""


@dataclass(frozen=True, slots=True)
class SaidAfterwards:
    """An amendment of a release, whose signature fits."""

    id: str
    project: str
    version: str
    requires: str
    """Of which project it says it, normalised."""
    specifier: str
    """What is to be read in place of the metadata."""
    kind: str
    role: str
    day: date
    reason: str
    evidence: str
    files: str = ""
    """The address of the view that has it as files, with a slash at its end; empty for an index without views."""


class Run(Protocol):
    """A recorded run of somebody's own tests, see `blocked.Trial`."""

    @property
    def version(self) -> str:
        """With which version."""
        ...

    @property
    def command(self) -> str:
        """What was run."""
        ...

    @property
    def exit_code(self) -> int:
        """0 if the tests passed."""
        ...

    @property
    def log_sha256(self) -> str:
        """Of what they printed."""
        ...

    @property
    def day(self) -> date:
        """When."""
        ...


@dataclass(frozen=True, slots=True)
class Situation:
    """What is known of one fix that is blocked."""

    finding: Finding
    kind: str
    """Of the subject."""
    target: str
    """The version to go to."""
    blocking: tuple[str, ...]
    """Each edge in words."""
    holders: tuple[tuple[str, str], ...]
    newer: tuple[Allowed | None, ...]
    """Of each holder; None if nobody knows."""
    runs: Sequence[Run]
    own: tuple[tuple[str, str], ...] = ()
    """The user's own bounds among the edges, each with its place."""
    said: tuple[SaidAfterwards | None, ...] = ()
    """Of each holder: what was said afterwards that lets the target in."""


def remedies(situation: Situation) -> tuple[str, ...]:
    """The remedies in order."""
    if not situation.holders:
        return (*_raise(situation), *_statement(situation))
    return (
        *_all(situation),
        *_raise(situation),
        *_newer(situation),
        *_afterwards(situation),
        *_override(situation),
        *_statement(situation),
        *_replacement(situation),
    )


def _all(situation: Situation) -> Iterator[str]:
    if len(situation.blocking) > 1:
        yield f"All of these must go: {'; '.join(situation.blocking)}."


def _raise(situation: Situation) -> Iterator[str]:
    name, target = situation.finding.component.name, situation.target
    for bound, place in situation.own:
        then = "" if situation.holders else f": {_upgrade(situation.kind, [(name, target)])}"
        yield f"Raise your own bound, {bound} in {place}, so that it allows {name} {target}{then}"


def _newer(situation: Situation) -> Iterator[str]:
    name, target = situation.finding.component.name, situation.target
    known = [one for one in situation.newer if one is not None]
    if len(known) < len(situation.newer):
        holders = ", ".join(holder for holder, _ in situation.holders)
        yield f"Whether a newer {holders} allows {name} {target}, nobody could say: audit with --index-url, online."
        return
    if all(one.steps for one in known):
        steps = list(dict.fromkeys(step for one in known for step in one.steps))
        pins = [*steps, (name, target)]
        words = " and ".join(f"{holder} to {version}" for holder, version in steps)
        whom = "which allows" if len(steps) == 1 else "which allow"
        yield f"Upgrade {words}, {whom} {name} {target}: {_upgrade(situation.kind, pins)}"


def _upgrade(kind: str, pins: Sequence[tuple[str, str]]) -> str:
    match kind:
        case "uv-lock" | "pyproject":
            return "uv lock " + " ".join(f"--upgrade-package {name}=={version}" for name, version in pins)
        case "poetry-lock":
            return "poetry update " + " ".join(name for name, _ in pins)
        case "pipfile-lock":
            return "pipenv upgrade " + " ".join(f"{name}=={version}" for name, version in pins)
        case "environment":
            return "pip install " + " ".join(f"{name}=={version}" for name, version in pins)
        case _:
            return "pin " + " ".join(f"{name}=={version}" for name, version in pins)


def _afterwards(situation: Situation) -> Iterator[str]:
    """Only if it helps against everybody who holds the fix back."""
    said = [one for one in situation.said if one is not None]
    if not said or len(said) < len(situation.holders):
        return
    name, target = situation.finding.component.name, situation.target
    words = "; ".join(
        f"{one.project} {one.version} takes {name}{one.specifier}, as its {one.role} has said on {one.day.isoformat()}"
        f" (signed; {plain(one.reason, 200)} {one.evidence})"
        for one in said
    )
    yield f"Go by what was said afterwards: {words}: {_how_to_widen(situation.kind, said, name, target)}"


def _how_to_widen(kind: str, said: Sequence[SaidAfterwards], name: str, target: str) -> str:
    whose = "&".join(f"for={one.project}=={one.version}" for one in said)
    files = {one.files for one in said}
    if len(files) > 1 or "" in files:
        return _how_to_override(kind, name, target)
    where = files.pop()
    if kind in ("uv-lock", "pyproject"):
        return (
            f"put {where}uv.toml?widening=1&{whose} into uv.toml beside it,"
            f" then uv lock --upgrade-package {name}=={target}"
        )
    return f"curl -o overrides.txt '{where}overrides.txt?widening=1&{whose}'; uv pip compile --override overrides.txt …"


def _override(situation: Situation) -> Iterator[str]:
    name, target = situation.finding.component.name, situation.target
    run = max(situation.runs, key=lambda one: (one.exit_code == 0, one.day), default=None)
    if run is None:
        yield (
            f"Override the bound after a run of your own tests: customhouse audit override record"
            f' --command "pytest" {name}=={target}'
        )
    elif run.exit_code == 0:
        yield (
            f"Override the bound: `{run.command}` passed with {name} {run.version} on {run.day.isoformat()} (log sha256"
            f" {run.log_sha256[:12]}): {_how_to_override(situation.kind, name, run.version)}"
        )
    else:
        yield (
            f"An override does not do yet: `{run.command}` failed with {name} {run.version} on {run.day.isoformat()}"
            f" (exit code {run.exit_code}, log sha256 {run.log_sha256[:12]})."
        )


def _how_to_override(kind: str, name: str, version: str) -> str:
    if kind in ("uv-lock", "pyproject"):
        return f'override-dependencies = ["{name}=={version}"] in [tool.uv], then uv lock'
    return f"echo {name}=={version} > overrides.txt; uv pip compile --override overrides.txt …"


def _statement(situation: Situation) -> Iterator[str]:
    finding = situation.finding
    component = finding.component
    yield (
        "If it does not concern you, say why and until when: customhouse vex add"
        f" {finding.same.names[0]} {component.name}=={component.version} …"
    )


def _replacement(situation: Situation) -> Iterator[str]:
    stuck = [
        (holder, newer)
        for (holder, _), newer in zip(situation.holders, situation.newer, strict=True)
        if newer is not None and not newer.steps
    ]
    fix = f"{situation.finding.component.name} {situation.target}"
    for holder, newer in stuck:
        last = f"; its last release is of {newer.last.date().isoformat()}" if newer.last else ""
        if newer.held:
            yield f"Replace {holder}, or what holds it back: {newer.held}."
        elif newer.sure:
            yield f"Replace {holder}: no release of it allows {fix}{last}."
        else:
            yield f"Replace {holder}: no release of it that could be looked at allows {fix}{last}."
    if not stuck:
        names = ", ".join(dict.fromkeys(holder for holder, _ in situation.holders))
        yield f"Replace {names} by something that is not bound."

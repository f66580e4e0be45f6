"""In what two builders differ on purpose, so that nothing of it gets into what they build.

The first builder and each rebuilder work in other folders, as other users, on hosts of other names, at other times, in
other locales and time zones, with another umask, another order of files and another number of processors. Whatever
depends on one of these differs, and the comparison of the files says where (`difference.py`).

Source of the list: reproducible-builds.org ("Variations in the build environment") and reprotest's variations.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from customhouse.release.actions import StepRun
from customhouse.release.building.isolation import Cell, Person

_FAKETIME = (
    "/usr/lib/{machine}-linux-gnu/faketime/libfaketime.so.1",
    "/usr/lib/faketime/libfaketime.so.1",
    "/usr/lib64/faketime/libfaketime.so.1",
    "/usr/local/lib/faketime/libfaketime.so.1",
)


@dataclass(frozen=True, slots=True)
class Variation:
    """One builder's surroundings."""

    name: str
    folder: str
    """Where the source lies, inside the cell."""
    person: Person
    host: str
    zone: str
    locale: str
    umask: int
    order: str
    hash_seed: str
    days: int
    """How far its clock is from ours."""
    cpus: int


A = Variation("A", "/build/source", Person("builder", 1000), "kiln", "UTC", "C.UTF-8", 0o022, "sorted", "0", 0, 0)
B = Variation(
    "B", "/srv/elsewhere/and/deeper/tree", Person("rebuilder", 2017), "anvil", "Asia/Kathmandu", "C", 0o077,
    "reversed", "31415926", 398, 1,
)  # fmt: skip
"""Kathmandu is 5 h 45 min ahead. 398 days are more than a year, so that a year shows."""
C = Variation(
    "C", "/var/work/third", Person("another", 3021), "forge", "America/St_Johns", "C.UTF-8", 0o027,
    "shuffled", "27182818", -40, 0,
)  # fmt: skip
_MORE = (A, B, C)


def variation(run: StepRun) -> Variation:
    """Whose surroundings a build has: A for the step's own actor, the others for its rebuilders in turn."""
    declared = run.pipeline.step(run.step.id)
    if declared.rebuild is None or (run.step.actor, run.step.env) == (declared.actor, declared.env):
        return A
    by = declared.rebuild.by
    number = by.index(run.step.actor) + 1 if run.step.actor in by else 1
    found = _MORE[1 + (number - 1) % (len(_MORE) - 1)]
    return (
        found if number < len(_MORE) else replace(found, name=f"{found.name}{number}", folder=f"{found.folder}{number}")
    )


def varied(cell: Cell, how: Variation) -> Cell:
    """The cell in these surroundings: its environment says all that variables can say."""
    env = {
        "LC_ALL": how.locale,
        "LANG": how.locale,
        "TZ": how.zone,
        "PYTHONHASHSEED": how.hash_seed,
        **({"LANGUAGE": "ne_NP:fr"} if how is not A else {}),
        **_clock(how),
        **cell.env,
    }
    copies = tuple(replace(one, order=how.order) for one in cell.copies)
    return replace(
        cell, env=env, person=how.person, host=how.host, umask=how.umask, cpus=how.cpus, copies=copies
    )  # fmt: skip


def _clock(how: Variation) -> Mapping[str, str]:
    library = faketime()
    if not how.days or not library:
        return {}
    return {
        "LD_PRELOAD": library,
        "FAKETIME": f"{how.days:+d}d",
        "NO_FAKE_STAT": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "FAKETIME_NO_CACHE": "0",
    }


@cache
def faketime() -> str:
    """The library that turns a program's clock; empty where it is not installed."""
    from platform import machine  # noqa: PLC0415 - asks the system

    for path in _FAKETIME:
        found = path.format(machine=machine())
        if Path(found).is_file():
            return found
    return ""


def told(how: Variation) -> dict[str, str]:
    """What evidence needs to know of the surroundings."""
    clock = (
        f"{how.days:+d} days" if how.days and faketime() else "ours" if not how.days else "ours: no libfaketime here"
    )
    return {
        "variation": how.name,
        "variation.folder": how.folder,
        "variation.user": f"{how.person.name} ({how.person.uid})",
        "variation.host": how.host,
        "variation.clock": clock,
        "variation.zone": how.zone,
        "variation.locale": how.locale,
        "variation.umask": f"{how.umask:03o}",
        "variation.order": how.order,
        "variation.processors": str(how.cpus or "all"),
    }

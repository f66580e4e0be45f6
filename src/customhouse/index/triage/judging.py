"""Reads and judges the records of many files, in several processes if there are many."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from customhouse.advisories.triage.judge import judge
from customhouse.advisories.triage.known import Known
from customhouse.advisories.triage.model import Judgement
from customhouse.advisories.triage.sources import records_of
from customhouse.advisories.triage.stored import digest_of, write_candidates, write_case
from customhouse.formats.cve.model import CveRecord, Damage

FILES_AT_ONCE = 250
WORTH_PROCESSES = 2_000
"""Files from which on starting processes takes less time than they save."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What is kept of a record: nothing of its text, if nothing leads to a package."""

    id: str
    form: str
    digest: str
    state: str
    disputed: bool
    modified: datetime | None
    title: str
    score: int
    record: str | None
    candidates: str | None
    automatic: tuple[str, ...]
    """The packages for which it may become an advisory by itself."""
    packages: tuple[str, ...]
    exception: str = ""
    """Why it stands on the list of false positives."""


@dataclass(frozen=True, slots=True)
class Unchanged:
    """A record that is here as it is."""

    id: str


def judge_files(
    paths: Sequence[Path], known: Known, *, processes: int = 1, here: frozenset[str] = frozenset()
) -> Iterator[Judged | Unchanged | Damage]:
    """Each record of the files, in their order. What is ``here`` by its digest is not judged again."""
    if processes <= 1 or len(paths) < WORTH_PROCESSES:
        yield from judge_records((one for path in paths for one in records_of(path)), known, here)
        return
    # Forking a process that has threads and database connections is not safe.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, context, _remember, (known, here)) as pool:
        pieces = [paths[start : start + FILES_AT_ONCE] for start in range(0, len(paths), FILES_AT_ONCE)]
        for piece in pool.map(_judge_some, pieces):
            yield from piece


def judge_records(
    records: Iterable[CveRecord | Damage], known: Known, here: frozenset[str] = frozenset()
) -> Iterator[Judged | Unchanged | Damage]:
    """The same of records that are there."""
    for one in records:
        if isinstance(one, Damage):
            yield one
        elif (digest := digest_of(one)) in here:
            yield Unchanged(one.id)
        else:
            yield judged(judge(one, known), digest, known)


def judged(found: Judgement, digest: str, known: Known) -> Judged:
    """What is kept of a judgement."""
    record = found.record
    return Judged(
        id=record.id,
        form=record.form,
        digest=digest,
        state=record.state,
        disputed=record.disputed,
        modified=record.modified,
        title=record.title or record.description[:200],
        score=found.score,
        record=write_case(record) if found.candidates else None,
        candidates=write_candidates(found.candidates) if found.candidates else None,
        automatic=tuple(one.package for one in found.automatic),
        packages=tuple(one.package for one in found.candidates),
        exception=known.false_positives.ids.get(record.id, ""),
    )


_known: list[tuple[Known, frozenset[str]]] = []


def _remember(known: Known, here: frozenset[str]) -> None:
    _known[:] = [(known, here)]


def _judge_some(paths: Sequence[Path]) -> list[Judged | Unchanged | Damage]:
    known, here = _known[0]
    return list(judge_records((one for path in paths for one in records_of(path)), known, here))

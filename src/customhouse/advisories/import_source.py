"""Reading a source to its end: what is good is stored, what is not is remembered with its place and its reason.

Running it again is harmless: what is known is left out. A source that fails keeps its mark, so that the next run reads
what this one has missed; whatever came before the failure stays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

from customhouse.advisories.events import AdvisorySourceFailed
from customhouse.advisories.model import Written, packages_of
from customhouse.advisories.queries import every_id
from customhouse.advisories.sources.model import Reading, Source
from customhouse.advisories.sources.opening import open_source
from customhouse.advisories.sources.rows import LONGEST_PLACE, MOST_PROBLEMS, write_problems, write_state
from customhouse.advisories.store import put
from customhouse.formats.osv.documents import Damaged, read_documents
from customhouse.formats.osv.model import Record
from customhouse.infra.fetch import Outbound
from customhouse.ledger.tx import Deeds, Tx
from customhouse.terms.errors import CustomhouseError
from customhouse.terms.identity import SYSTEM, Identity

Progress = Callable[[int, int | None], None]
"""Hears how many files are read, of how many if that is known."""


@dataclass(slots=True)
class Imported:
    """What came of a source."""

    written: Written = field(default_factory=Written)
    files: int = 0
    left_out: int = 0
    """Records of other ecosystems than the source is asked for."""
    damaged: list[Damaged] = field(default_factory=list)
    more_damaged: int = 0
    """How many more there are than are kept."""
    unchanged: bool = False
    """Whether the source had nothing new to say."""
    still_damaged: int = 0
    """Of an unchanged source: what it is known to have had before."""

    @property
    def faults(self) -> int:
        """How many records are damaged."""
        return len(self.damaged) + self.more_damaged + self.still_damaged


@dataclass(slots=True)
class _Run:
    """One reading of one source."""

    source: Source
    reading: Reading
    progress: Progress
    done: Imported
    seen: set[str] = field(default_factory=set)
    """Files that were read, well or not."""

    def records(self) -> Iterator[Record]:
        for one in self.reading.files:
            self.done.files += 1
            self.progress(self.done.files, self.reading.total)
            if isinstance(one, Damaged):
                self._note(one)
                continue
            place, content = one
            self.seen.add(place)
            for found in read_documents(content, place):
                if isinstance(found, Damaged):
                    self._note(found)
                elif self._counts(found):
                    yield found
                else:
                    self.done.left_out += 1

    def _note(self, damaged: Damaged) -> None:
        self.seen.add(damaged.place.partition("[")[0])
        if len(self.done.damaged) < MOST_PROBLEMS:
            self.done.damaged.append(damaged)
        else:
            self.done.more_damaged += 1

    def _counts(self, record: Record) -> bool:
        wanted = self.source.ecosystems
        return not wanted or any(ecosystem.partition(":")[0] in wanted for ecosystem, _ in packages_of(record))


def import_source(
    deeds: Deeds,
    outbound: Outbound,
    source: Source,
    *,
    again: bool = False,
    by: Identity = SYSTEM,
    progress: Progress = lambda _files, _total: None,
) -> Imported:
    """Store what a source says, or what is new of it; ``again`` reads it from its beginning.

    Raises what opening it raises, after noting it beside the source.
    """
    done = Imported()
    try:
        with open_source(source, outbound, partial(_known, deeds), again=again) as reading:
            if reading is None:
                done.unchanged, done.still_damaged = True, len(source.problems)
                deeds.do(partial(_note_unchanged, source), None)
                return done
            run = _Run(source, reading, progress, done)
            done.written = put(deeds, run.records(), source.name, by=by)
    except CustomhouseError as error:
        deeds.do(partial(_note_failure, source), str(error))
        raise
    deeds.do(partial(_finish, run), by)
    return done


def _known(deeds: Deeds) -> set[str]:
    with deeds.database.read() as sql:
        return every_id(sql)


def _finish(run: _Run, _by: Identity, tx: Tx) -> None:
    found = {_stored(one.place): _stored(one.reason) for one in run.done.damaged}
    for usurped in run.done.written.usurped:
        found[usurped] = f"{usurped}: the id is ours, and our record stays"
    over = None if run.reading.whole else _over(run, found)
    write_problems(tx.sql, run.source.name, found, over, tx.now())
    error = f"{run.done.faults} records could not be read" if run.done.faults else ""
    _tell(tx, run.source, error)
    write_state(tx.sql, run.source.name, now=tx.now(), error=error, mark=run.reading.mark, succeeded=True)


def _over(run: _Run, found: dict[str, str]) -> set[str]:
    """The places of before that were read now and are fine, or are gone."""
    files = run.seen | run.reading.gone
    return {place for place in run.source.problems if place.partition("[")[0] in files and place not in found}


def _note_unchanged(source: Source, _command: None, tx: Tx) -> None:
    error = f"{len(source.problems)} records could not be read" if source.problems else ""
    write_state(tx.sql, source.name, now=tx.now(), error=error, mark=None, succeeded=True)


def _note_failure(source: Source, error: str, tx: Tx) -> None:
    _tell(tx, source, error)
    write_state(tx.sql, source.name, now=tx.now(), error=error, mark=None, succeeded=False)


def _tell(tx: Tx, source: Source, error: str) -> None:
    """Tell once, when a source begins to fail."""
    if error and not source.error:
        tx.record(AdvisorySourceFailed(SYSTEM, None, source=source.name, reason=error[:500]))


def _stored(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", " ")[:LONGEST_PLACE]

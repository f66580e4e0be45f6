"""Telling owners that files of theirs bundle a library with a known vulnerability: once for each file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from customhouse.accounts.users import refuse_unless_operator
from customhouse.advisories import queries as advisories
from customhouse.catalog.bundled_events import LibraryAffected
from customhouse.catalog.bundled_tables import bundled_notice
from customhouse.index.bundling.impact import impact_of, told_files
from customhouse.index.bundling.who import Bundler
from customhouse.infra.db import put_rows
from customhouse.ledger.tx import Deeds, Tx
from customhouse.terms.errors import Refused
from customhouse.terms.identity import COMMAND_LINE, Actor

MOST_PROJECTS = 50
"""In one transaction, so that no lock is held for long."""
MOST_FILES_TOLD = 20


@dataclass(frozen=True, slots=True)
class TellOwners:
    """An operator's wish that owners hear of an advisory on a library that they bundle."""

    advisory_id: str
    by: Actor = COMMAND_LINE


@dataclass(frozen=True, slots=True)
class Told:
    """Whom it was told: projects by their normalised names. ``files`` counts those that nobody had been told of."""

    projects: tuple[str, ...]
    files: int


@dataclass(frozen=True, slots=True)
class _TellProjects:
    command: TellOwners
    projects: tuple[tuple[str, tuple[Bundler, ...]], ...]
    range: str


def tell_owners(deeds: Deeds, command: TellOwners) -> Told:
    """Tell the owners of all affected files, those of private projects too, of whatever they have not been told.

    Doing it again tells only of files that came since. Raises `Refused` if the advisory is on no library.
    """
    refuse_unless_operator(command.by)
    with deeds.database.read() as sql:
        stored = advisories.find(sql, command.advisory_id)
        if stored is None:
            raise Refused("unknown-advisory", f"Nothing is known here of {command.advisory_id[:100]!r}.", status=404)
        impact = impact_of(sql, stored, deeds.clock.now(), private=True)
        told = told_files(sql, stored.id)
    if impact is None:
        raise Refused("no-library", f"{stored.id} is on no library.", "Say which library and versions it affects.")
    projects: dict[str, list[Bundler]] = {}
    for one in impact.matching:
        if one.held.file_id not in told:
            projects.setdefault(one.held.project, []).append(one)
    waiting = [(name, tuple(those)) for name, those in projects.items()]
    done: list[tuple[str, int]] = []
    for start in range(0, len(waiting), MOST_PROJECTS):
        batch = _TellProjects(command, tuple(waiting[start : start + MOST_PROJECTS]), impact.range)
        done += deeds.do(_tell, batch)
    return Told(tuple(name for name, _ in done), sum(files for _, files in done))


def _tell(command: _TellProjects, tx: Tx) -> list[tuple[str, int]]:
    """Tell the owners of some projects; what somebody else has told meanwhile is left out."""
    tx.serialize()
    told = told_files(tx.sql, command.command.advisory_id)
    done = []
    for name, bundlers in command.projects:
        new = [one for one in bundlers if one.held.file_id not in told]
        if not new:
            continue
        files = sorted({one.held.file_id for one in new})
        put_rows(
            tx.sql, bundled_notice,
            [{"advisory_id": command.command.advisory_id, "file_id": one, "told_at": tx.now()} for one in files],
        )  # fmt: skip
        tx.record(_event(command, name, new))
        done.append((name, len(files)))
    return done


def _event(command: _TellProjects, name: str, bundlers: Sequence[Bundler]) -> LibraryAffected:
    libraries = dict.fromkeys(one.held.library.name for one in bundlers)
    held = dict.fromkeys(
        f"{one.held.version} with {one.held.library.name} {one.held.library.version}" for one in bundlers
    )
    return LibraryAffected(
        command.command.by.as_operator,
        name,
        advisory=command.command.advisory_id,
        library=", ".join(libraries),
        mends=command.range,
        held=", ".join(list(held)[:MOST_FILES_TOLD]),
        wheels=tuple(list(dict.fromkeys(one.held.filename for one in bundlers))[:MOST_FILES_TOLD]),
    )

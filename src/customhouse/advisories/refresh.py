"""Asking the sources every hour: each by a job of its own, so that one that hangs holds up no other."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

import sqlalchemy as sa

from customhouse.advisories.exploitation import import_catalogue, import_scores
from customhouse.advisories.import_source import import_source
from customhouse.advisories.sources import rows
from customhouse.advisories.sources.model import Source
from customhouse.advisories.sources.opening import fetch_content
from customhouse.advisories.sources.rows import AddSource, add_source
from customhouse.advisories.tables import advisory_source
from customhouse.infra.fetch import Outbound
from customhouse.ledger.tx import Deeds, Tx
from customhouse.terms.errors import CustomhouseError, Refused
from customhouse.terms.identity import SYSTEM

REFRESH_JOB = "refresh-advisories"
READ_JOB = "read-advisory-source"
EXPLOITATION_JOB = "read-exploitation"

log = logging.getLogger("customhouse.advisories")


def refresh(deeds: Deeds, configured: Sequence[Source]) -> None:
    """Make the sources of the settings known, and have every source read that is asked regularly."""
    deeds.do(_schedule, configured)


def _schedule(configured: Sequence[Source], tx: Tx) -> None:
    wanted = {one.name: replace(one, origin="settings") for one in configured}
    for one in wanted.values():
        add_source(AddSource(one, SYSTEM), tx)
    for known in rows.sources(tx.sql):
        if known.origin == "settings" and known.name not in wanted:
            # It stands in the settings no longer: its records stay, and nobody asks it.
            tx.sql.execute(
                sa.update(advisory_source).where(advisory_source.c.name == known.name).values(origin="import")
            )
        elif known.is_asked:
            schedule_one(tx, known.name)


def schedule_one(tx: Tx, name: str) -> None:
    """Have a source read soon, once."""
    tx.later(READ_JOB, {"source": name}, key=f"{READ_JOB}:{name}")


def read_one(deeds: Deeds, outbound: Outbound, name: str) -> None:
    """Read a source. One that cannot be read is noted beside it, and asked again in an hour, not before."""
    with deeds.database.read() as sql:
        source = rows.find_source(sql, name)
    if source is None:
        return
    try:
        done = import_source(deeds, outbound, source)
    except CustomhouseError as error:
        log.warning("advisories of %s: %s", name, error)
        return
    if not done.unchanged:
        log.info(
            "advisories of %s: %d new, %d changed, %d damaged",
            name,
            done.written.new,
            done.written.changed,
            done.faults,
        )


def read_exploitation(deeds: Deeds, outbound: Outbound, catalogue: str, scores: str) -> None:
    """Read the lists of exploitation that the settings name; scores that are not newer than ours are left alone.

    Raises what reading one raises, after the other was read: the job is tried again, and shown if that does not help.
    """
    failure: CustomhouseError | None = None
    for place, take in ((catalogue, import_catalogue), (scores, import_scores)):
        if not place:
            continue
        try:
            content, where = fetch_content(place, outbound)
            taken = take(deeds, content, where, by=SYSTEM)
        except Refused as error:
            log.info("%s: %s", place, error)
        except CustomhouseError as error:
            failure = error
        else:
            log.info("%s: %d rows, %d could not be read", place, taken.rows, len(taken.bad))
    if failure is not None:
        raise failure

"""What the page of a release that waits shows: how far it is, its files, and in what they differ from those before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.accounts.tables import account
from customhouse.catalog import queries
from customhouse.catalog.model import File, Project, offered
from customhouse.catalog.staged import Session, StagedFile
from customhouse.index.approving.clearance import Clearance
from customhouse.index.approving.holds_now import attested_of, compared_with_earlier
from customhouse.index.approving.model import HOLDS
from customhouse.trust.continuity import Continuity, version_before
from customhouse.trust.publishers import find_publisher
from customhouse.web.pages.model import SignalRow
from customhouse.web.pages.signals import signal_rows

State = Literal["done", "now", "todo", "trouble"]


@dataclass(frozen=True, slots=True)
class Step:
    """One step on the way of a release."""

    title: str
    state: State
    words: str


@dataclass(frozen=True, slots=True)
class FileLine:
    """One file in the manifest."""

    filename: str
    kind: str
    size_bytes: int
    sha256: str
    state: str
    notices: Sequence[str]
    sender: str
    provenance: str
    signals: Sequence[SignalRow]


@dataclass(frozen=True, slots=True)
class StagedView:
    """The whole page."""

    steps: Sequence[Step]
    files: Sequence[FileLine]
    size_bytes: int
    before: str
    """The version to compare with, or empty."""
    kinds_gone: Sequence[str]
    """Files of that version that have no counterpart here, by what is told of them without their version."""
    kinds_come: Sequence[str]
    compared: Continuity
    titles: Mapping[str, str]
    """The holds in words, by code."""


def staged_view(
    sql: Connection, session: Session, project: Project | None, files: Sequence[StagedFile], clearance: Clearance
) -> StagedView:
    """What there is to show."""
    published = offered(project, queries.files_of(sql, project.id)) if project is not None else []
    before = version_to_compare(session.version, published)
    old = {_shape(row.filename, before): row.filename for row in published if row.version == before}
    new = {_shape(one.filename, session.version): one.filename for one in files}
    senders = _senders(sql, files)
    return StagedView(
        steps=steps_of(session, files, clearance),
        files=[_line(one, senders) for one in files],
        size_bytes=sum(one.size_bytes for one in files),
        before=before,
        kinds_gone=[name for shape, name in old.items() if shape not in new],
        kinds_come=[name for shape, name in new.items() if shape not in old] if before else [],
        compared=compared_with_earlier(sql, session, files),
        titles=HOLDS,
    )


def is_whole(files: Sequence[StagedFile]) -> bool:
    """Whether there is a file, and every file is completed."""
    return bool(files) and all(one.state == "completed" for one in files)


def version_to_compare(version: str, published: Sequence[File]) -> str:
    """The version before, or empty."""
    dates: dict[str, datetime] = {}
    for row in published:
        if row.yanked_at is None:
            dates[row.version] = min(row.uploaded_at, dates.get(row.version, row.uploaded_at))
    return version_before(version, dates) or ""


def steps_of(session: Session, files: Sequence[StagedFile], clearance: Clearance) -> list[Step]:
    """How far it is: staged, checked, approved, published. Pure."""
    if session.state == "canceled":
        return [Step("Staged", "done", _count(files)), Step("Canceled", "trouble", "nothing of it appears")]
    published = session.state == "published"
    faulty = [one for one in files if one.state == "error"]
    whole = is_whole(files)
    steps = [
        Step("Staged", "done" if files else "now", _count(files)),
        Step(
            "Checked",
            "trouble" if faulty else "done" if whole or published else "now",
            f"{len(faulty)} faulty" if faulty else "every file was read" if whole or published else "not all are here",
        ),
    ]
    asked = clearance.rule.approvals or (1 if clearance.holds else 0)
    wanted = 0 if published else clearance.wanted
    given = asked - wanted if asked else 0
    if clearance.is_held and not published:
        steps.append(Step("Approved", "trouble", f"held: {max(given, 0)} of {asked}"))
    elif asked:
        steps.append(Step("Approved", "done" if not wanted else "now" if whole else "todo", f"{given} of {asked}"))
    else:
        steps.append(Step("Approved", "done", "not asked for"))
    if clearance.not_before is not None and not published:
        steps.append(Step("Waited", "todo", f"until {clearance.not_before:%-d %b, %H:%M} UTC"))
    if clearance.held_until is not None and not published:
        steps.append(Step("Recovered", "trouble", f"until {clearance.held_until:%-d %b, %H:%M} UTC"))
    ready = whole and not wanted
    last = "for everybody" if published else "whenever you like" if ready else "not yet"
    steps.append(Step("Published", "done" if published else "now" if ready else "todo", last))
    return steps


def _count(files: Sequence[StagedFile]) -> str:
    return f"{len(files)} {'file' if len(files) == 1 else 'files'}"


def _shape(filename: str, version: str) -> str:
    """A file's name without its version."""
    return filename.replace(f"-{version}", "-", 1)


def _line(one: StagedFile, senders: Mapping[tuple[int | None, int | None], str]) -> FileLine:
    proved = attested_of(one)
    claims = [found.publisher for found in proved]
    named = [str(found.get("repository") or found.get("email") or found.get("kind") or "") for found in claims]
    return FileLine(
        filename=one.filename,
        kind={"bdist_wheel": "Wheel", "sdist": "Source"}.get(one.kind or "", ""),
        size_bytes=one.size_bytes,
        sha256=one.digest or "",
        state=one.state,
        notices=one.notices,
        sender=senders.get((one.account_id, one.publisher_id), ""),
        provenance=", ".join(sorted(set(named))),
        signals=signal_rows(one.signals or []),
    )


def _senders(sql: Connection, files: Sequence[StagedFile]) -> dict[tuple[int | None, int | None], str]:
    ids = {one.account_id for one in files if one.account_id is not None}
    rows = sql.execute(sa.select(account.c.id, account.c.name).where(account.c.id.in_(ids)))
    names: dict[int, str] = {row.id: row.name for row in rows}
    found: dict[tuple[int | None, int | None], str] = {}
    for one in files:
        if one.account_id is not None:
            found[one.account_id, one.publisher_id] = names.get(one.account_id, "")
        elif one.publisher_id is not None:
            found[None, one.publisher_id] = find_publisher(sql, one.publisher_id).title
    return found

"""Rendering what `serve` sends: the pages and gates of one project, or the list of projects, from one serial.

Pages are rendered by whoever needs them first: the door after a commit, or the first reader of a missing page. Only one
thread of a process renders a given name of a given serial at a time; the others wait for its result.
"""

from __future__ import annotations

import gzip
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, Literal, TypeVar

from customhouse.catalog import queries
from customhouse.catalog.hosted import changed_serial, hosted_list, hosted_page
from customhouse.catalog.model import File, Project
from customhouse.catalog.namespaces import grants_covering
from customhouse.catalog.public_signals import public_signals
from customhouse.formats import simple
from customhouse.index.amending.queries import counting_for, with_amendments
from customhouse.index.provenance import provenance_addresses
from customhouse.infra.db import Database
from customhouse.infra.pages import Format, Gate, Page, Pages
from customhouse.terms.clock import Clock
from customhouse.terms.digest import Digest

GZIP_LEVEL = 6
# A gzip body below one packet saves nothing.
GZIP_FLOOR_BYTES = 600


PUBLIC, PRIVATE = "", "private"
"""The views: what everybody sees, and private projects for whoever has been authorised."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """Everything that was rendered of one name at one serial."""

    json: Page | None
    """None for a project whose page nobody gets: it is deleted, and only its gates still stand."""
    html: Page | None
    gates: tuple[Gate, ...] = ()


Flight = tuple[str, str, int]
"""What is rendered: the view, the name and the serial of its last change that the first of its readers saw."""


R = TypeVar("R")


class Flights(Generic[R]):
    """At most one computation of each flight at a time; latecomers share its result or its exception."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._running: dict[Flight, Future[R | None]] = {}

    def share(self, flight: Flight, compute: Callable[[], R | None]) -> R | None:
        """The result of the running computation of this flight, or of a new one."""
        with self._guard:
            running = self._running.get(flight)
            if running is None:
                mine = self._running[flight] = Future()
        if running is not None:
            return running.result()
        try:
            result = compute()
        except BaseException as error:
            mine.set_exception(error)
            raise
        else:
            mine.set_result(result)
            return result
        finally:
            with self._guard:
                del self._running[flight]


class Renderer:
    """Renders hosted projects: the public ones for the default view, the private ones for a view of their own."""

    def __init__(
        self, database: Database, pages: Pages, clock: Clock, *, deleted_files_answer: timedelta, site: str
    ) -> None:
        self._database = database
        self._pages = pages
        self._clock = clock
        self._deleted_files_answer = deleted_files_answer
        self._site = site
        self._flights: Flights[Rendered] = Flights()

    def render(self, normalized: str) -> Rendered | None:
        """Render and store one project's pages and gates; None if strangers may not know of it.

        Joins a rendering that is under way only if nothing has changed since that one began: who asks after a deed is
        told what is so after it.
        """
        return self._share(PUBLIC, normalized, lambda: self._render_project(normalized, PUBLIC))

    def render_private(self, normalized: str) -> Rendered | None:
        """The same for a private project; whether the one who asks may see it is the caller's business."""
        return self._share(PRIVATE, normalized, lambda: self._render_project(normalized, PRIVATE))

    def render_after_commit(self, normalized: str) -> None:
        """Render what a deed of this thread has changed, from rows that contain it."""
        self._render_project(normalized, PUBLIC)

    def render_list(self) -> Rendered:
        """Render and store the list of projects."""
        rendered = self._share(PUBLIC, "", self._render_list)
        if rendered is None:
            raise LookupError("the list of projects always exists")
        return rendered

    def _share(self, view: str, name: str, compute: Callable[[], Rendered | None]) -> Rendered | None:
        with self._database.read() as sql:
            serial = changed_serial(sql, name)
        return self._flights.share((view, name, serial), compute)

    def _render_project(self, normalized: str, view: str) -> Rendered | None:
        with self._database.read(snapshot=True) as sql:
            serial = changed_serial(sql, normalized)
            found = queries.find_project(sql, normalized)
            if found is None or (found.visibility == "private") != (view == PRIVATE):
                return None
            files = queries.files_of(sql, found.id)
            versions = queries.versions_of(sql, found.id)
            covering = grants_covering(sql, normalized)
            provenance = provenance_addresses(sql, found, files, self._site)
            amendments = counting_for(sql, normalized)
            facts = public_signals(sql, found.id) if view == PUBLIC else None
        gates = tuple(gates_of(found, files, self._clock.now(), self._deleted_files_answer, view))
        if found.deleted_at is not None:
            rendered = Rendered(None, None, gates)
            self._pages.put(normalized, serial, (), gates)
            return rendered
        page = hosted_page(found, files, versions, serial, covering, provenance, facts)
        page = with_amendments(page, amendments)
        json = _page(normalized, "json", page.serial, simple.to_json(page), view)
        html = _page(normalized, "html", page.serial, simple.to_html(page), view)
        self._pages.put(normalized, serial, (json, html), gates)
        return Rendered(json, html, gates)

    def _render_list(self) -> Rendered:
        with self._database.read(snapshot=True) as sql:
            projects = hosted_list(sql)
        json = _page("", "json", projects.serial, simple.list_to_json(projects))
        html = _page("", "html", projects.serial, simple.list_to_html(projects))
        self._pages.put("", projects.serial, (json, html), ())
        return Rendered(json, html)


def gates_of(
    found: Project, files: Sequence[File], now: datetime, deleted_files_answer: timedelta, view: str = PUBLIC
) -> Iterator[Gate]:
    """What becomes of each file when somebody asks for it by its exact address.

    An erased file is gone. A quarantined one, or one of a quarantined release or project, is refused. One that its
    owner has deleted goes on answering for a while with a warning, because locks point there; then it is gone.
    """
    for row in files:
        verdict, reason, until = _verdict(found, row, now, deleted_files_answer)
        yield Gate(
            filename=row.filename,
            project=found.normalized,
            digest=row.digest,
            size_bytes=row.size_bytes,
            verdict=verdict,
            reason=reason,
            metadata_digest=row.metadata_digest if row.metadata_served else "",
            metadata_size_bytes=row.metadata_size_bytes if row.metadata_served else 0,
            view=view,
            until=until,
        )


def _verdict(
    found: Project, row: File, now: datetime, deleted_files_answer: timedelta
) -> tuple[Literal["allow", "warn", "deny", "gone"], str, int]:
    if row.erased_at is not None:
        return "gone", f"it was erased on {row.erased_at:%Y-%m-%d}", 0
    if found.status == "quarantined":
        return "deny", f"the project is quarantined ({found.status_reason or 'no reason given'})", 0
    if row.quarantined_at is not None:
        return "deny", f"version {row.version} is quarantined ({row.quarantine_reason or 'no reason given'})", 0
    deleted = min((moment for moment in (found.deleted_at, row.deleted_at) if moment is not None), default=None)
    if deleted is None:
        return "allow", "", 0
    ends = deleted + deleted_files_answer
    if now >= ends:
        return "gone", f"its owner deleted it on {deleted:%Y-%m-%d}", 0
    return "warn", f"deleted on {deleted:%Y-%m-%d}; this address answers until {ends:%Y-%m-%d}", int(ends.timestamp())


def _page(name: str, format_: Format, serial: int, body: bytes, view: str = PUBLIC) -> Page:
    etag = f'"{Digest.of(body).hex[:32]}"'
    packed = gzip.compress(body, GZIP_LEVEL, mtime=0) if len(body) >= GZIP_FLOOR_BYTES else b""
    return Page(name=name, format=format_, serial=serial, etag=etag, body=body, gzip=packed, view=view)

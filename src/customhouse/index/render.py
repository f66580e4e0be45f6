"""Rendering what `serve` sends: the pages and gates of one project, or the list of projects, from one serial.

Pages are rendered by whoever needs them first: the door after a commit, or the first reader of a missing page. Only one
thread of a process renders a given name at a time; the others wait for its result.
"""

from __future__ import annotations

import gzip
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass

from customhouse.catalog import queries
from customhouse.catalog.hosted import changed_serial, hosted_list, hosted_page
from customhouse.catalog.model import File, Project
from customhouse.formats import simple
from customhouse.infra.db import Database
from customhouse.infra.pages import Format, Gate, Page, Pages
from customhouse.terms.digest import Digest

GZIP_LEVEL = 6
# A gzip body below one packet saves nothing.
GZIP_FLOOR_BYTES = 600


@dataclass(frozen=True, slots=True)
class Rendered:
    """Everything that was rendered of one name at one serial."""

    json: Page
    html: Page
    gates: tuple[Gate, ...] = ()


class Flights:
    """At most one computation of each name at a time; latecomers share its result or its exception."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._running: dict[str, Future[Rendered | None]] = {}

    def share(self, name: str, compute: Callable[[], Rendered | None]) -> Rendered | None:
        """The result of the running computation of this name, or of a new one."""
        with self._guard:
            running = self._running.get(name)
            if running is None:
                mine = self._running[name] = Future()
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
                del self._running[name]


class Renderer:
    """Renders hosted projects for the default view."""

    def __init__(self, database: Database, pages: Pages) -> None:
        self._database = database
        self._pages = pages
        self._flights = Flights()

    def render(self, normalized: str) -> Rendered | None:
        """Render and store one project's pages and gates; None if we do not host it.

        Joins a rendering that is under way, so what it returns may be one serial behind a deed that commits meanwhile:
        fit for a reader, who came before that deed ended. A door that has just committed uses `render_after_commit`.
        """
        return self._flights.share(normalized, lambda: self._render_project(normalized))

    def render_after_commit(self, normalized: str) -> None:
        """Render what a deed of this thread has changed, from rows that contain it."""
        self._render_project(normalized)

    def render_list(self) -> Rendered:
        """Render and store the list of projects."""
        rendered = self._flights.share("", self._render_list)
        if rendered is None:
            raise LookupError("the list of projects always exists")
        return rendered

    def _render_project(self, normalized: str) -> Rendered | None:
        with self._database.read() as sql:
            # The serial first: if the project moves on while we read, what we rendered is of no serial and not stored.
            serial = changed_serial(sql, normalized)
            found = queries.find_project(sql, normalized)
            if found is None:
                return None
            files = queries.files_of(sql, found.id)
            versions = queries.versions_of(sql, found.id)
        page = hosted_page(found, files, versions, serial)
        gates = tuple(_gates(found, files))
        rendered = Rendered(
            _page(normalized, "json", page.serial, simple.to_json(page)),
            _page(normalized, "html", page.serial, simple.to_html(page)),
            gates,
        )
        self._pages.put((rendered.json, rendered.html), gates)
        return rendered

    def _render_list(self) -> Rendered:
        with self._database.read() as sql:
            projects = hosted_list(sql)
        rendered = Rendered(
            _page("", "json", projects.serial, simple.list_to_json(projects)),
            _page("", "html", projects.serial, simple.list_to_html(projects)),
        )
        self._pages.put((rendered.json, rendered.html), ())
        return rendered


def _gates(found: Project, files: list[File]) -> Iterator[Gate]:
    """A quarantined project's files are refused by any URL; the gate says why."""
    quarantined = found.status == "quarantined"
    for row in files:
        yield Gate(
            filename=row.filename,
            project=found.normalized,
            digest=row.digest,
            size_bytes=row.size_bytes,
            verdict="deny" if quarantined else "allow",
            reason=found.status_reason if quarantined else "",
            metadata_digest=row.metadata_digest if row.metadata_served else "",
            metadata_size_bytes=row.metadata_size_bytes if row.metadata_served else 0,
        )


def _page(name: str, format_: Format, serial: int, body: bytes) -> Page:
    etag = f'"{Digest.of(body).hex[:32]}"'
    packed = gzip.compress(body, GZIP_LEVEL, mtime=0) if len(body) >= GZIP_FLOOR_BYTES else b""
    return Page(name=name, format=format_, serial=serial, etag=etag, body=body, gzip=packed)

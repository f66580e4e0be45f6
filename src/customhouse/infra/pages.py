"""Ready pages and gates: what `serve` reads, written by deeds and by the inner app, never through SQLAlchemy.

Three tables (made by migration 0001):

``page(view, epoch, name, format, etag, serial, body, gzip)``
    One rendering of one project's page; ``name`` is the normalised project name, ``""`` the project list; ``format``
    is ``json`` or ``html``; key (name, view, format, epoch).
``gate(view, filename, project, digest, size_bytes, verdict, reason, metadata_digest, metadata_size_bytes, until)``
    Whether a file may be fetched in a view, and under which digest its bytes lie; key (view, filename). ``verdict`` is
    ``allow``, ``warn`` (it stands in no listing any more and answers until a moment), ``deny`` (403) or ``gone`` (410).
``changed(name, serial)``
    The ledger's serial at which a project (or ``""``, the list) last changed; key name, index on serial.

A deed upserts ``changed`` and deletes the project's rows of ``page`` and ``gate`` in every view, in its own
transaction; so a page is right or missing, never stale. `Pages.put` stores a rendering only if ``changed`` still says
the serial that it was rendered from.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal, Protocol

Format = Literal["json", "html"]


@dataclass(frozen=True, slots=True)
class Page:
    """One rendering, ready to send."""

    name: str
    format: Format
    serial: int
    etag: str
    """Strong, with its quotes. The gzip body has an ETag of its own, with ``-gzip`` inside the quotes."""
    body: bytes
    gzip: bytes
    view: str = ""
    epoch: int = 0


@dataclass(frozen=True, slots=True)
class Gate:
    """One file's verdict in one view."""

    filename: str
    project: str
    digest: str
    size_bytes: int
    verdict: Literal["allow", "warn", "deny", "gone"]
    reason: str = ""
    metadata_digest: str = ""
    """Digest of the metadata blob, empty if no ``.metadata`` is offered."""
    metadata_size_bytes: int = 0
    view: str = ""
    until: int = 0
    """When a ``warn`` gate ends, in seconds since 1970; 0 for never."""


class Pages(Protocol):
    """The read path's whole view of the database."""

    def ready_page(self, view: str, name: str, format_: Format) -> Page | None:
        """The page if this process has a copy that it may trust now; never waits for the database."""
        ...

    def ready_gate(self, view: str, filename: str) -> Gate | None:
        """The gate, likewise."""
        ...

    def page(self, view: str, name: str, format_: Format) -> Page | None:
        """The ready page, or None if the inner app must render it. Never stale."""
        ...

    def gate(self, view: str, filename: str) -> Gate | None:
        """The ready gate of a file, or None if the inner app must decide."""
        ...

    def put(self, name: str, serial: int, pages: tuple[Page, ...], gates: tuple[Gate, ...]) -> bool:
        """Store what was rendered from one serial of one project; False if the project has moved on meanwhile."""
        ...

    def forget(self, names: Collection[str]) -> None:
        """These projects have just moved on by a deed of this process; its next read sees that on every database."""
        ...

    def close(self) -> None:
        """Give the connection back."""
        ...

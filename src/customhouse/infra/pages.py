"""Ready pages and gates: what `serve` reads, written by deeds and by the inner app, never through SQLAlchemy.

Four tables (made by migrations 0001 and 0025):

``page(view, epoch, name, format, etag, serial, body, gzip)``
    One rendering of one project's page; ``name`` is the normalised project name, ``""`` the project list; ``format``
    is ``json`` or ``html``; key (name, view, format, epoch).
``gate(view, filename, project, digest, size_bytes, verdict, reason, metadata_digest, metadata_size_bytes, until)``
    Whether a file may be fetched in a view, and under which digest its bytes lie; key (view, filename). ``verdict`` is
    ``allow``, ``warn`` (it stands in no listing any more and answers until a moment), ``deny`` (403) or ``gone`` (410).
``changed(name, serial)``
    The ledger's serial at which a project (or ``""``, the list; or ``@V``, all of the view V; or ``@/NAME``,
    what views decide of the project) last changed; key name, index on serial.
``edition(view, name, number, renew_at, files_until, ends_at, warning, newest, action, rule)``
    Until when the rows of ``page`` and ``gate`` of one project in one view may be used, if their ``edition`` is this
    ``number``; key (name, view). The number comes from the content, so what was looked at anew and is the same keeps
    its rows and has its moments moved. What we host ourselves, under the view ``""``, has no editions and needs none.

A deed upserts ``changed`` and deletes the project's rows of ``page``, ``gate`` and ``edition`` in every view, in its
own transaction; so a page is right or missing, never stale. `Pages.put` stores a rendering only if ``changed`` still
says the serial that it was rendered from, and for a view those of ``@V`` and ``@/NAME`` as well.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
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
    edition: int = 0


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
    edition: int = 0
    version: str = ""
    action: str = ""
    """In a view: what its policy says (``allow``, ``warn``, ``hide``, ``deny``, ``hold``)."""
    rule: str = ""
    """The rule of the view's policy that decided; empty if none did."""
    nearest: str = ""
    """Of a denied file: the nearest version that the view offers."""
    origin: str = ""
    """In a view: ``hosted``, or the upstream that the file comes from. Its ``digest`` is empty while it is not here."""


@dataclass(frozen=True, slots=True)
class Edition:
    """Until when one rendering of one project in one view may be used. Moments count seconds since 1970."""

    view: str
    name: str
    number: int
    """Made of the content: never 0."""
    renew_at: int
    """From then on the page is still right to serve, and somebody should look whether there is more by now."""
    files_until: int
    """From then on no file is handed out without another look."""
    ends_at: int
    """From then on the page is not served without another look."""
    warning: str = ""
    """What goes with every answer: that an upstream is away, for instance."""
    newest: str = ""
    """The newest version that the page offers; empty if it offers none."""
    action: str = "allow"
    """What the policy says of the newest version that there is."""
    rule: str = ""
    """The rule that says so."""


def epoch_name(view: str) -> str:
    """The row of ``changed`` that says when a whole view last changed. No project can be called so."""
    return f"@{view}"


def name_in_views(name: str) -> str:
    """The row of ``changed`` that says when what views decide of a project last changed, but not the project itself."""
    return f"@/{name}"


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

    def ready_offer(self, view: str, name: str, format_: Format) -> tuple[Page, Edition] | None:
        """A page of a view and its edition, from this process's copy; never waits for the database."""
        ...

    def ready_file(self, view: str, filename: str) -> tuple[Gate, Edition] | None:
        """A gate of a view and its edition, likewise."""
        ...

    def offer(self, view: str, name: str, format_: Format) -> tuple[Page, Edition] | None:
        """The same from the database: what belongs together, or None."""
        ...

    def file(self, view: str, filename: str) -> tuple[Gate, Edition] | None:
        """A gate of a view and its edition from the database: what belongs together, or None."""
        ...

    def put(self, name: str, serial: int, pages: tuple[Page, ...], gates: tuple[Gate, ...]) -> bool:
        """Store what was rendered from one serial of one project; False if the project has moved on meanwhile."""
        ...

    def put_edition(
        self, read_at: Mapping[str, int], edition: Edition, pages: tuple[Page, ...], gates: tuple[Gate, ...]
    ) -> bool:
        """Store what was rendered of one project in one view, in place of all that was there of it.

        ``read_at`` has the serials in ``changed`` from which it was rendered, 0 for a row that is not there; False if
        any of them has moved on. If the same edition is there already, only its moments are written.
        """
        ...

    def forget(self, names: Collection[str]) -> None:
        """These projects have just moved on by a deed of this process; its next read sees that on every database."""
        ...

    def close(self) -> None:
        """Give the connection back."""
        ...

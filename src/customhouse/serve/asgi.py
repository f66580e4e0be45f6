"""The read path: simple pages from ready bytes, metadata and files through their gates. The rest goes to the inner app.

Nothing here decides anything: a page is sent if it is ready, a file if its gate says so. What is missing is rendered by
the inner application, which calls `Serve.send_page` and `Serve.send_gated` when it has done so.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from email.utils import formatdate
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

import anyio.to_thread
from starlette.types import ASGIApp, Receive, Scope, Send

from customhouse.formats.api_token import refuse_in_address
from customhouse.formats.decision_line import Asked
from customhouse.formats.negotiate import NOT_ACCEPTABLE, Choice, accepts_gzip, choose
from customhouse.formats.problems import SECURITY_HEADERS, Headers, extra_headers, problem, sentence_of, status_of
from customhouse.infra.blobs import Blobs
from customhouse.infra.pages import Edition, Format, Gate, Page, Pages
from customhouse.serve.conditions import none_match
from customhouse.serve.files import CACHE, ENDING_CACHE, PRIVATE_CACHE, request_header, send_file, send_link, send_whole
from customhouse.serve.hosts import Hosts
from customhouse.serve.view import refusal_of, said_of_offered, told, warnings
from customhouse.terms.clock import Clock, SystemClock
from customhouse.terms.digest import Digest
from customhouse.terms.errors import Broken, CustomhouseError, Refused
from customhouse.terms.names import MAX_NAME_LENGTH

log = logging.getLogger("customhouse.serve")

SIMPLE, FILES, VIEW, METADATA = "/simple/", "/files/", "/view/", ".metadata"
# The same files once more: bandersnatch takes no file from another folder than the one that PyPI has.
PACKAGES = "/packages/"
# Clients ask again every time and mostly hear 304; a shared cache may answer for half a minute.
PAGE_CACHE = b"public, max-age=0, must-revalidate, s-maxage=30"
# A page that ``?format=`` has chosen: a cache that leaves the query out of its keys would hand it to everybody (A38).
QUERY_CACHE = b"private, max-age=0, must-revalidate"
HOSTED = "hosted"
PRIVATE_VIEW = "private"
"""The view under which private projects lie ready, for the inner application alone."""
_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*", re.ASCII)
_FILENAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+!-]{0,299}", re.ASCII)
_REMEMBERED = 1024
_MAX_READY = 16_384
# No edition lasts longer, nor promises its files for longer: one that does was made by a clock that was wrong.
_LONGEST_PAGE, _LONGEST_FILES = 3700.0, 100.0

Count = Callable[[str, Scope], None]
"""Notes that the client of a request has been sent a distribution file. It must cost next to nothing."""

Note = Callable[[Asked, Scope], None]
"""Notes what a view was asked for and what it answered. Likewise."""


class Renew(Protocol):
    """Has one project of one view looked at anew, in the background, not before so many seconds."""

    def __call__(self, view: str, name: str, seconds: float = 0.0) -> None:
        """Return at once."""
        ...


class _Ready(NamedTuple):
    """A page with the headers of its four answers made beforehand."""

    page: Page
    plain: Headers
    plain_unchanged: Headers
    gzip: Headers
    gzip_unchanged: Headers


class _Place(NamedTuple):
    """What an address below a view means; ``view`` is empty if it is none of a page or a file."""

    view: str
    project: str = ""
    filename: str = ""
    metadata: bool = False


class Serve:
    """Wraps the inner application. ``view`` names what this group of consumers sees; the default one is ``""``."""

    def __init__(
        self, pages: Pages, blobs: Blobs, inner: ASGIApp, view: str = "", count: Count | None = None,
        hosts: Hosts | None = None, clock: Clock | None = None,
    ) -> None:  # fmt: skip
        self._pages = pages
        self._blobs = blobs
        self._inner = inner
        self._view = view
        self._count = count
        self._hosts = hosts or Hosts()
        self._choices: dict[tuple[str | None, bytes], Choice | None] = {}
        self._gzip: dict[str | None, bool] = {}
        self._ready: dict[tuple[str, str, Format, str], _Ready] = {}
        self._asked: dict[tuple[str, str], tuple[Edition, Asked]] = {}
        self._places: dict[str, _Place] = {}
        self._clock = clock or SystemClock()
        self.note: Note | None = None
        """Hears what views were asked for and answered."""
        self.renew: Renew | None = None
        """Is told which page of a view somebody should look at again, and does so in the background."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer from what is ready, or hand over."""
        if scope["type"] != "http":
            await self._inner(scope, receive, send)
            return
        path: str = scope["path"]
        try:
            self._hosts.refuse_foreign(scope)
            refuse_in_address(scope.get("raw_path") or path.encode(), scope.get("query_string", b""))
            if scope["method"] not in ("GET", "HEAD"):
                answered = False
            elif path.startswith(SIMPLE):
                answered = await self._simple(scope, send, path[len(SIMPLE) :])
            elif path.startswith(FILES):
                answered = await self._file(scope, send, path[len(FILES) :])
            elif path.startswith(PACKAGES):
                answered = await self._file(scope, send, path[len(PACKAGES) :])
            elif path.startswith(VIEW):
                answered = await self._in_view(scope, send, path[len(VIEW) :])
            else:
                answered = False
        except CustomhouseError as error:
            await self._send_error(scope, send, error)
            return
        if not answered:
            await self._inner(scope, receive, send)

    async def _simple(self, scope: Scope, send: Send, rest: str) -> bool:
        name = rest.removesuffix("/")
        if rest and (not rest.endswith("/") or len(name) > MAX_NAME_LENGTH or not _NAME.fullmatch(name)):
            return False
        choice = self._choose(scope)
        if choice is None:
            raise Refused("not-acceptable", NOT_ACCEPTABLE, status=406)
        page = self._pages.ready_page(self._view, name, choice.format)
        if page is None:
            page = await anyio.to_thread.run_sync(self._pages.page, self._view, name, choice.format)
        if page is None:
            return False
        await self._send(scope, send, page, choice)
        return True

    async def _in_view(self, scope: Scope, send: Send, rest: str) -> bool:
        """``V/simple/P/`` or ``V/files/P/FILENAME``; everything else of a view is for the inner application."""
        place = self._places.get(rest)
        if place is None:
            place = _place_in_view(rest)
            if not place.view:
                # Any text that a stranger thinks of: nothing to remember.
                return False
            if len(self._places) >= _MAX_READY:
                self._places.clear()
            self._places[rest] = place
        if not place.filename:
            return await self._offer(scope, send, place.view, place.project)
        return await self._offered_file(scope, send, place)

    async def _offer(self, scope: Scope, send: Send, view: str, name: str) -> bool:
        """A page of a view, if it cannot have lost files since; looked at anew besides if it may have gained some."""
        choice = self._choose(scope)
        if choice is None:
            raise Refused("not-acceptable", NOT_ACCEPTABLE, status=406)
        now = self._clock.now().timestamp()
        found = self._pages.ready_offer(view, name, choice.format)
        if found is None or not _holds(found[1].renew_at, now, _LONGEST_PAGE):
            found = await anyio.to_thread.run_sync(self._pages.offer, view, name, choice.format)
        if found is None or not _holds(found[1].ends_at, now, _LONGEST_PAGE):
            return False
        page, edition = found
        if now >= edition.renew_at and self.renew is not None:
            self.renew(view, name)
        await self._send_offer(scope, send, page, edition, choice)
        return True

    async def send_offer(
        self, scope: Scope, send: Send, page_of: Callable[[Format], Page], edition: Edition, *, private: bool = False
    ) -> None:
        """Send a page of a view, with the warning that goes with it, and note it."""
        choice = self._choose(scope)
        if choice is None:
            raise Refused("not-acceptable", NOT_ACCEPTABLE, status=406)
        page = page_of(choice.format)
        if private:
            await self._send_to_one(scope, send, page, choice)
        else:
            await self._send_offer(scope, send, page, edition, choice)

    async def _send_offer(self, scope: Scope, send: Send, page: Page, edition: Edition, choice: Choice) -> None:
        more = warnings(edition.warning, log_as=page.name) if edition.warning else None
        await self._send(scope, send, page, choice, more)
        if self.note is not None:
            self.note(self._asked_for(edition), scope)

    def _asked_for(self, edition: Edition) -> Asked:
        """How a request for a page of this edition is noted: one value for as long as the edition is served."""
        known = self._asked.get((edition.view, edition.name))
        if known is None or known[0] is not edition:
            if len(self._asked) >= _MAX_READY:
                self._asked.clear()
            asked = Asked(edition.view, "page", edition.name, "", edition.newest, edition.action, edition.rule)
            known = self._asked[edition.view, edition.name] = (edition, asked)
        return known[1]

    async def _offered_file(self, scope: Scope, send: Send, place: _Place) -> bool:
        found = self._pages.ready_file(place.view, place.filename)
        now = self._clock.now().timestamp()
        if found is None or not _holds(found[1].files_until, now, _LONGEST_FILES):
            found = await anyio.to_thread.run_sync(self._pages.file, place.view, place.filename)
        if found is None or not _holds(found[1].files_until, now, _LONGEST_FILES) or found[0].project != place.project:
            return False
        gate, edition = found
        if gate.verdict in ("allow", "warn") and not (gate.metadata_digest if place.metadata else gate.digest):
            return False
        await self.send_offered(scope, send, gate, edition.warning)
        return True

    async def send_offered(
        self, scope: Scope, send: Send, gate: Gate, warning: str = "", *, private: bool = False
    ) -> bool:
        """Send what a gate of a view leads to, or say why not, and note it."""
        metadata = scope["path"].endswith(METADATA)
        self.note_file(scope, gate)
        if gate.verdict in ("deny", "gone"):
            await self.refuse_file(scope, send, gate)
            return True
        said = said_of_offered(gate, warning, private=private)
        return await self._send_object(scope, send, gate, said, metadata=metadata)

    def note_file(self, scope: Scope, gate: Gate) -> None:
        """Note that somebody has asked for a file of a view, and what the policy says of it."""
        if self.note is not None:
            kind: Literal["file", "metadata"] = "metadata" if scope["path"].endswith(METADATA) else "file"
            verdict = gate.action or ("allow" if gate.verdict in ("allow", "warn") else "deny")
            self.note(Asked(gate.view, kind, gate.project, gate.filename, gate.version, verdict, gate.rule), scope)

    async def refuse_file(self, scope: Scope, send: Send, gate: Gate) -> None:
        """403 or 410 with the reason, the rule, what to take instead, and where more is said."""
        status, code, sentence, document = refusal_of(gate)
        headers, body = told(status, code, sentence, document, request_header(scope, b"accept"))
        await send_whole(send, status, headers, body, is_head=scope["method"] == "HEAD")

    async def send_page(self, scope: Scope, send: Send, page_of: Callable[[Format], Page]) -> None:
        """Answer a request for a page that the inner application has just rendered."""
        choice = self._choose(scope)
        if choice is None:
            raise Refused("not-acceptable", NOT_ACCEPTABLE, status=406)
        page = page_of(choice.format)
        if page.view == PRIVATE_VIEW:
            await self._send_to_one(scope, send, page, choice)
        else:
            await self._send(scope, send, page, choice)

    async def _send_to_one(self, scope: Scope, send: Send, page: Page, choice: Choice) -> None:
        """A private page. Nobody keeps it, so there is nothing to compare it with; it must not push ready pages out."""
        headers = [(name, value) for name, value in _ready(page, choice.content_type.encode()).plain
                   if name not in (b"cache-control", b"etag")]  # fmt: skip
        headers.append((b"cache-control", PRIVATE_CACHE))
        await send_whole(send, 200, headers, page.body, is_head=scope["method"] == "HEAD")

    async def _send(self, scope: Scope, send: Send, page: Page, choice: Choice, more: Headers | None = None) -> None:
        ready = self._prepare(page, choice)
        query = scope.get("query_string", b"")
        if query and _format_of(query) is not None:
            ready = _Ready(ready.page, *(_kept_by_nobody_else(headers) for headers in ready[1:]))
        packed = bool(page.gzip) and self._wants_gzip(request_header(scope, b"accept-encoding"))
        etag = gzip_etag(page.etag) if packed else page.etag
        if none_match(request_header(scope, b"if-none-match"), etag):
            headers = ready.gzip_unchanged if packed else ready.plain_unchanged
            await send_whole(send, 304, headers + more if more else headers, b"", is_head=True)
            return
        headers, body = (ready.gzip, page.gzip) if packed else (ready.plain, page.body)
        await send_whole(send, 200, headers + more if more else headers, body, is_head=scope["method"] == "HEAD")

    def _choose(self, scope: Scope) -> Choice | None:
        accept, query = request_header(scope, b"accept"), scope.get("query_string", b"")
        key = (accept, query)
        if key not in self._choices:
            if len(self._choices) >= _REMEMBERED:
                self._choices.clear()
            self._choices[key] = choose(accept, _format_of(query))
        return self._choices[key]

    def _wants_gzip(self, accept_encoding: str | None) -> bool:
        if accept_encoding not in self._gzip:
            if len(self._gzip) >= _REMEMBERED:
                self._gzip.clear()
            self._gzip[accept_encoding] = accepts_gzip(accept_encoding)
        return self._gzip[accept_encoding]

    def _prepare(self, page: Page, choice: Choice) -> _Ready:
        key = (page.view, page.name, page.format, choice.content_type)
        ready = self._ready.get(key)
        if ready is None or ready.page is not page:
            if len(self._ready) >= _MAX_READY:
                self._ready.clear()
            ready = self._ready[key] = _ready(page, choice.content_type.encode())
        return ready

    async def _file(self, scope: Scope, send: Send, rest: str) -> bool:
        """A file or its metadata. The name is looked up byte for byte and never becomes part of a path (A43)."""
        project, slash, name = rest.partition("/")
        filename = name.removesuffix(METADATA)
        if not slash or not _NAME.fullmatch(project) or not _FILENAME.fullmatch(filename):
            return False
        gate = self._pages.ready_gate(self._view, filename)
        if gate is None:
            gate = await anyio.to_thread.run_sync(self._pages.gate, self._view, filename)
        if gate is None or gate.project != project:
            return False
        return await self.send_gated(scope, send, gate)

    async def send_gated(self, scope: Scope, send: Send, gate: Gate, *, private: bool = False) -> bool:
        """Send what a gate leads to, or refuse; False if it offers no metadata and metadata was asked for."""
        if gate.verdict == "deny":
            reason = gate.reason or "it has been withdrawn"
            raise Refused("file-denied", f"{gate.filename} is not offered: {reason}.", "Choose another version.")
        if gate.verdict == "gone":
            sentence = f"{gate.filename} is gone: {gate.reason or 'it has been removed'}."
            raise Refused("file-gone", sentence, "Choose another version.", status=410)
        metadata = scope["path"].endswith(METADATA)
        return await self._send_object(scope, send, gate, _said_of(gate, private=private), metadata=metadata)

    async def _send_object(self, scope: Scope, send: Send, gate: Gate, said: Headers, *, metadata: bool) -> bool:
        digest, size_bytes, content_type = gate.digest, gate.size_bytes, b"application/octet-stream"
        if metadata:
            if not gate.metadata_digest:
                return False
            digest, size_bytes = gate.metadata_digest, gate.metadata_size_bytes
            content_type = b"text/plain; charset=utf-8"
        place = await self._locate(digest)
        if isinstance(place, str):
            begun = await send_link(scope, send, place, size_bytes, said)
        else:
            begun = await send_file(scope, send, place, digest, size_bytes, content_type, said)
        # What comes from upstreams is not counted as ours.
        if begun and self._count is not None and not metadata and gate.origin in ("", HOSTED):
            self._count(gate.filename, scope)
        return True

    async def _locate(self, digest: str) -> Path | str:
        locate, wanted = self._blobs.locate, Digest(digest)
        place = await anyio.to_thread.run_sync(locate, wanted) if self._blobs.remote else locate(wanted)
        if place is None:
            raise Broken(f"The object {digest} has a gate and is not in the store.")
        return place

    async def _send_error(self, scope: Scope, send: Send, error: CustomhouseError) -> None:
        if isinstance(error, Broken):
            log.error("%s", error)
        headers, body = problem(status_of(error), error.code, sentence_of(error), request_header(scope, b"accept"))
        is_head = scope["method"] == "HEAD"
        await send_whole(send, status_of(error), headers + extra_headers(error), body, is_head=is_head)


def _holds(until: int, now: float, longest: float) -> bool:
    """Whether an edition may still be used, which says so itself; all in seconds."""
    return now < until <= now + longest


def _place_in_view(rest: str) -> _Place:
    match rest.split("/"):
        case [view, "simple", name, ""] if _is_name(view) and _is_name(name):
            return _Place(view, name)
        case [view, "files", project, name] if _is_name(view) and _is_name(project):
            filename = name.removesuffix(METADATA)
            if _FILENAME.fullmatch(filename):
                return _Place(view, project, filename, name.endswith(METADATA))
    return _Place("")


def _is_name(text: str) -> bool:
    return len(text) <= MAX_NAME_LENGTH and _NAME.fullmatch(text) is not None


def _said_of(gate: Gate, *, private: bool) -> Headers:
    """Who may keep the file for how long; and, for one that was deleted, until when its address answers (RFC 8594)."""
    if gate.verdict != "warn":
        return [(b"cache-control", PRIVATE_CACHE if private else CACHE)]
    return [
        (b"cache-control", PRIVATE_CACHE if private else ENDING_CACHE),
        *warnings(gate.reason),
        (b"sunset", formatdate(gate.until, usegmt=True).encode()),
    ]


def gzip_etag(etag: str) -> str:
    """The ETag of the packed representation, which is another one (section 8.8.3.3)."""
    return f'{etag[:-1]}-gzip"'


def _format_of(query: bytes) -> str | None:
    """The value of ``?format=``, which overrides Accept (PEP 691)."""
    for pair in query.decode("latin-1").split("&"):
        key, _, value = pair.partition("=")
        if key == "format":
            return value.replace("%2F", "/").replace("%2f", "/").replace("%2B", "+").replace("%2b", "+")
    return None


def _kept_by_nobody_else(headers: Headers) -> Headers:
    return [(name, QUERY_CACHE if name == b"cache-control" else value) for name, value in headers]


def _ready(page: Page, content_type: bytes) -> _Ready:
    def headers(etag: str) -> Headers:
        return [
            (b"etag", etag.encode()),
            (b"cache-control", PAGE_CACHE),
            (b"vary", b"Accept, Accept-Encoding"),
            (b"x-pypi-last-serial", str(page.serial).encode()),
            *SECURITY_HEADERS,
        ]

    plain, packed = headers(page.etag), headers(gzip_etag(page.etag))
    body = [(b"content-type", content_type), (b"content-length", str(len(page.body)).encode())]
    packed_body = [
        (b"content-type", content_type),
        (b"content-encoding", b"gzip"),
        (b"content-length", str(len(page.gzip)).encode()),
    ]
    return _Ready(page, plain + body, plain, packed + packed_body, packed)

"""``/upload/``: Upload 2.0, releases that are made ready in several requests and appear as a whole (PEP 694).

Every request shows who sends it, and is judged by what he may do with the project at this moment. Whoever may not act
on a session hears the same as if there were none. The doors are asynchronous because some take bytes.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import TypeVar

import anyio
import anyio.to_thread
from starlette.requests import Request
from starlette.responses import Response

from customhouse.accounts import index_flags
from customhouse.app import App
from customhouse.catalog.staged import (
    Session,
    StagedFile,
    files_of_session,
    find_session,
    parts_of,
    session_of_stage,
)
from customhouse.formats.attestations import MAX_CHARACTERS
from customhouse.index.disclosing.links import own_stage
from customhouse.index.staging.add_file import AddFile, add_file
from customhouse.index.staging.attest import Attest, attest
from customhouse.index.staging.cancel import Cancel, cancel
from customhouse.index.staging.delete_file import DeleteFile, delete_file
from customhouse.index.staging.extend import Extend, extend
from customhouse.index.staging.files import look_at_file
from customhouse.index.staging.hashes import check_hashes
from customhouse.index.staging.policy import BYTES, LARGEST_PART_BYTES, PARTS
from customhouse.index.staging.rights import look_at
from customhouse.infra.spool import Spooled
from customhouse.terms.errors import CustomhouseError, Rejected
from customhouse.terms.identity import NOBODY, Actor
from customhouse.web.address import site_url
from customhouse.web.api.upload2_documents import (
    POLL_SECONDS,
    ROOT,
    Addresses,
    answer,
    file_document,
    parts_document,
    problem,
    session_document,
)
from customhouse.web.api.upload2_requests import (
    ANNOUNCED,
    Document,
    digest_of,
    offset_of,
    read_document,
    refuse_other_answers,
    refuse_other_bytes,
)
from customhouse.web.body import read_body
from customhouse.web.credentials import client_of, token_of
from customhouse.web.doors import Door, own_door
from customhouse.web.intake import Intake
from customhouse.web.permissions import Permission

DOCUMENT_BYTES = 64 * 1024
REQUESTS_AT_ONCE = 32
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Call:
    """One request whose sender is known. ``body`` is empty where bytes are taken in."""

    request: Request
    by: Actor
    at: Addresses
    body: bytes = b""

    @property
    def document(self) -> Document:
        """What was sent, as JSON."""
        return read_document(self.request, self.body)

    def part(self, name: str) -> str:
        """A part of the address."""
        value: str = self.request.path_params[name]
        return value


Handler = Callable[[Call], Response]
ByteHandler = Callable[[Call], Awaitable[Response]]


class Upload2:
    """The doors, with the limits that they keep."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._intake = Intake(app.settings)
        self._threads = anyio.CapacityLimiter(REQUESTS_AT_ONCE)

    def doors(self) -> list[Door]:
        """Every address of the protocol."""
        session, file = f"{ROOT}sessions/{{session}}/", f"{ROOT}files/{{stage}}/{{staged_file}}/"
        writes, reads = Permission.RELEASE_STAGE, Permission.RELEASE_STAGE_READ
        return [
            own_door("POST", ROOT, self._plain(self.open), writes),
            own_door("POST", ROOT.removesuffix("/"), self._plain(self.open), writes),
            own_door("GET", session, self._plain(self.session), reads),
            own_door("DELETE", session, self._plain(self.cancel), writes),
            own_door("POST", f"{session}publish/", self._plain(self.publish), writes),
            own_door("POST", f"{session}extend/", self._plain(self.extend), writes),
            own_door("POST", f"{session}files/", self._plain(self.add_file), writes),
            own_door("GET", file, self._plain(self.file), reads),
            own_door("DELETE", file, self._plain(self.delete_file), writes),
            own_door("POST", f"{file}complete/", self._plain(self.complete), writes),
            own_door("POST", f"{file}extend/", self._plain(self.extend_file), writes),
            own_door("POST", f"{file}attestations/", self._plain(self.attest, MAX_CHARACTERS), writes),
            own_door("POST", f"{file}bytes/", self._bytes(self.take), writes),
            own_door("GET", f"{file}parts/", self._plain(self.parts), reads),
            own_door("PUT", f"{file}parts/", self._bytes(self.take_part), writes),
        ]

    def open(self, call: Call) -> Response:
        """Create a publishing session."""
        wish = call.document
        name, version, organization = wish.text("name"), wish.text("version"), wish.ours("organization")
        session = self._app.staging.open(name, version, call.by, organization=organization)
        return self._session(call, session, HTTPStatus.CREATED, located=True)

    def session(self, call: Call) -> Response:
        """The status of a session."""
        with self._app.database.read() as sql:
            session = look_at(sql, call.part("session"), call.by, self._app.clock.now())
        return self._session(call, session, HTTPStatus.OK)

    def cancel(self, call: Call) -> Response:
        """Cancel a session."""
        self._app.do(cancel, Cancel(call.part("session"), call.by))
        return answer(HTTPStatus.NO_CONTENT, None)

    def extend(self, call: Call) -> Response:
        """Give a session more time."""
        with self._app.database.read() as sql:
            look_at(sql, call.part("session"), call.by, self._app.clock.now())
        wish = Extend(call.part("session"), call.document.number("extend-for"), call.by, self._app.staging.policy)
        return self._session(call, self._app.do(extend, wish), HTTPStatus.OK)

    def publish(self, call: Call) -> Response:
        """Publish a session."""
        with self._app.database.read() as sql:
            look_at(sql, call.part("session"), call.by, self._app.clock.now())
        manifest = call.document.ours("manifest")
        session = self._app.staging.publish(call.part("session"), call.by, manifest=manifest)
        self._app.renderer.render_after_commit(session.normalized)
        return self._session(call, session, HTTPStatus.CREATED, located=True)

    def add_file(self, call: Call) -> Response:
        """Create a file upload session."""
        with self._app.database.read() as sql:
            session = look_at(sql, call.part("session"), call.by, self._app.clock.now())
        wish = call.document
        command = AddFile(
            session.id, wish.text("filename"), wish.number("size"), check_hashes(wish.members.get("hashes")),
            wish.text("mechanism"), call.by, self._app.staging.policy,
        )  # fmt: skip
        return self._file(call, session, self._app.do(add_file, command), HTTPStatus.ACCEPTED, located=True)

    def file(self, call: Call) -> Response:
        """The status of a file."""
        file, session = self._found(call)
        return self._file(call, session, file, HTTPStatus.OK)

    def delete_file(self, call: Call) -> Response:
        """Cancel or delete a file."""
        file, _session = self._found(call)
        self._app.do(delete_file, DeleteFile(file.id, call.by))
        return answer(HTTPStatus.NO_CONTENT, None)

    def complete(self, call: Call) -> Response:
        """Complete a file."""
        _file, session = self._found(call)
        call.document  # noqa: B018 - it is looked at, and says nothing else
        file = self._app.staging.complete(call.part("stage"), call.part("staged_file"), call.by)
        status = HTTPStatus.ACCEPTED if file.state == "processing" else HTTPStatus.CREATED
        return self._file(call, session, file, status, located=True)

    def extend_file(self, call: Call) -> Response:
        """A file lives as long as its session; asking for more changes nothing, and is no fault."""
        file, session = self._found(call)
        call.document.number("extend-for")
        return self._file(call, session, file, HTTPStatus.OK)

    def attest(self, call: Call) -> Response:
        """Take the attestations of a file."""
        file, session = self._found(call)
        refuse_other_bytes(call.request, MAX_CHARACTERS, "application/json")
        try:
            text = call.body.decode()
        except UnicodeDecodeError as error:
            raise Rejected("bad-json", "body", "is not UTF-8", "a JSON list in UTF-8") from error
        self._app.do(attest, Attest(file.id, text, call.by))
        return self._file(call, session, file, HTTPStatus.OK)

    def parts(self, call: Call) -> Response:
        """Which parts of a file are there."""
        file, _session = self._found(call)
        with self._app.database.read() as sql:
            found = parts_of(sql, file.id)
        return answer(HTTPStatus.OK, parts_document(file, found))

    async def take(self, call: Call) -> Response:
        """Take the bytes of a file in."""
        file = await self._in_thread(self._expected, call, BYTES)
        refuse_other_bytes(call.request, file.size_bytes)
        took = partial(self._took, call, file)
        return await self._intake.take(call.request, file.size_bytes, took, accepted=ANNOUNCED)

    async def take_part(self, call: Call) -> Response:
        """Take a part of a file in."""
        file = await self._in_thread(self._expected, call, PARTS)
        refuse_other_bytes(call.request, LARGEST_PART_BYTES)
        offset, sha256 = offset_of(call.request), digest_of(call.request)
        took = partial(self._took_part, call, file, offset, sha256)
        return await self._intake.take(call.request, LARGEST_PART_BYTES, took, accepted=ANNOUNCED)

    def _took(self, call: Call, file: StagedFile, spooled: Spooled) -> Response:
        self._app.staging.take(file, spooled, call.by)
        return self.file(call)

    def _took_part(self, call: Call, file: StagedFile, offset: int, sha256: str, spooled: Spooled) -> Response:
        self._app.staging.take_part(file, offset, sha256, spooled, call.by)
        return answer(HTTPStatus.NO_CONTENT, None)

    def _expected(self, call: Call, mechanism: str) -> StagedFile:
        return self._app.staging.expect(call.part("stage"), call.part("staged_file"), call.by, mechanism)

    def _found(self, call: Call) -> tuple[StagedFile, Session]:
        with self._app.database.read() as sql:
            return look_at_file(sql, call.part("stage"), call.part("staged_file"), call.by, self._app.clock.now())

    def _session(self, call: Call, session: Session, status: int, *, located: bool = False) -> Response:
        with self._app.database.read() as sql:
            files = files_of_session(sql, session.id)
            stage = own_stage(self._app.key, sql, session, call.by.account_id)
        headers = {"location": call.at.session(session.id)} if located else {}
        return answer(status, session_document(call.at, session, files, self._app.clock.now(), stage), **headers)

    def _file(self, call: Call, session: Session, file: StagedFile, status: int, *, located: bool = False) -> Response:
        headers = {"location": call.at.file(session.stage, file.id)} if located else {}
        return answer(status, file_document(call.at, session, file), retry_after=str(POLL_SECONDS), **headers)

    def _plain(self, handler: Handler, limit_bytes: int = DOCUMENT_BYTES) -> Callable[[Request], Awaitable[Response]]:
        """An endpoint whose body is a document; everything else happens in a thread."""

        async def endpoint(request: Request) -> Response:
            at = Addresses(site_url(self._app.settings, request))
            try:
                body = b"" if request.method in ("GET", "HEAD") else await read_body(request, limit_bytes)
                return await self._in_thread(self._call, request, at, body, handler)
            except CustomhouseError as error:
                return problem(at, error)

        return endpoint

    def _bytes(self, handler: ByteHandler) -> Callable[[Request], Awaitable[Response]]:
        """An endpoint that takes bytes in, once it is known from whom."""

        async def endpoint(request: Request) -> Response:
            at = Addresses(site_url(self._app.settings, request))
            try:
                by = await self._in_thread(self._authenticated, request)
                async with self._intake.bodies:
                    return await handler(Call(request, by, at))
            except CustomhouseError as error:
                return problem(at, error)

        return endpoint

    def _call(self, request: Request, at: Addresses, body: bytes, handler: Handler) -> Response:
        by = self._authenticated(request)
        refuse_other_answers(request)
        return handler(Call(request, by, at, body))

    def _authenticated(self, request: Request) -> Actor:
        """Who sends it; a banned network and a switched-off index take nothing, whatever the token."""
        if any("\0" in text for text in request.path_params.values()):
            raise Rejected("null-character", "address", "holds the character 0", "text without it")
        token, address = token_of(request.headers.get("authorization")), client_of(self._app.settings, request)
        with self._app.database.read() as sql:
            index_flags.refuse_banned(sql, address)
            if request.method not in ("GET", "HEAD"):
                index_flags.refuse_if_flagged(sql, "no-uploads", actor=NOBODY)
        by = self._app.sender(token, address)
        return by.for_project(self._name_of(request)) if by.publisher_id is not None else by

    def _name_of(self, request: Request) -> str:
        """The normalised name of the release that the address is about; empty where it is about none."""
        session, stage = request.path_params.get("session", ""), request.path_params.get("stage", "")
        with self._app.database.read() as sql:
            found = find_session(sql, session) if session else session_of_stage(sql, stage) if stage else None
        return found.normalized if found is not None else ""

    async def _in_thread(self, work: Callable[..., T], *arguments: object) -> T:
        return await anyio.to_thread.run_sync(work, *arguments, limiter=self._threads)

"""``/stage/TOKEN/``: a release that is being made, as a simple repository of its own (PEP 503, 691, 694).

Whoever has the address may read it, with unmodified installers: ``pip install --extra-index-url``. It is listed
nowhere, nobody keeps it, and it ends with the session: published, canceled, expired, or when the project or its release
is quarantined. What a frozen account has sent is not offered.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import anyio.to_thread
from sqlalchemy.engine import Connection
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from customhouse.accounts import index_flags
from customhouse.advisories.disclosure.queries import find_case
from customhouse.app import App
from customhouse.catalog import queries
from customhouse.catalog.staged import (
    Session,
    StagedFile,
    files_of_session,
    find_session,
    session_of_stage,
    staged_metadata,
)
from customhouse.formats import simple
from customhouse.formats.metadata import parse_stored_metadata
from customhouse.formats.simple import ProjectList, SimpleFile, SimplePage
from customhouse.index.disclosing.belonging import still_belongs
from customhouse.index.disclosing.links import member_of_stage
from customhouse.index.staging.senders import frozen_among
from customhouse.serve.files import send_file, send_link
from customhouse.terms.digest import Digest
from customhouse.terms.errors import Broken, Refused
from customhouse.terms.names import normalize
from customhouse.web.credentials import client_of
from customhouse.web.doors import Door, own_door, raw_door
from customhouse.web.permissions import Permission
from customhouse.web.unlisted import UNLISTED, unlisted_page, unlisted_redirect

METADATA = ".metadata"


@dataclass(frozen=True)
class Stage:
    """The doors to staged releases."""

    app: App

    def doors(self) -> list[Door]:
        """The list, the one project, its files."""
        reads, root = Permission.STAGE_READ, "/stage/{stage}/"
        return [
            own_door("GET", f"{root}simple/", self.listing, reads),
            own_door("GET", f"{root}simple/{{name}}/", self.page, reads),
            own_door("GET", f"{root}simple/{{name}}", self.page, reads),
            raw_door("GET", f"{root}files/{{filename}}", self.file, reads),
        ]

    async def listing(self, request: Request) -> Response:
        """The list of the one project."""
        session, _files = await anyio.to_thread.run_sync(self._found, request)
        projects = ProjectList((session.display,), 0)
        return unlisted_page(request, simple.list_to_json(projects), simple.list_to_html(projects))

    async def page(self, request: Request) -> Response:
        """The page of the project; other spellings of its name lead to it."""
        session, files = await anyio.to_thread.run_sync(self._found, request)
        text = request.path_params["name"]
        if normalize(text) != session.normalized:
            raise _nothing()
        if text != session.normalized or not request.url.path.endswith("/"):
            up = "../" if request.url.path.endswith("/") else ""
            return unlisted_redirect(f"{up}{session.normalized}/")
        page = await anyio.to_thread.run_sync(self._rendered, session, files)
        return unlisted_page(request, simple.to_json(page), simple.to_html(page))

    async def file(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A file of the release, or its metadata."""
        request = Request(scope, receive)
        wanted = request.path_params["filename"]
        _session, files = await anyio.to_thread.run_sync(self._found, request)
        found = next((one for one in files if one.filename == wanted.removesuffix(METADATA)), None)
        if found is None or found.digest is None:
            raise _nothing()
        digest, size_bytes, content_type = found.digest, found.size_bytes, b"application/octet-stream"
        if wanted.endswith(METADATA):
            if not found.metadata_served or found.metadata_digest is None or found.metadata_size_bytes is None:
                raise _nothing()
            digest, size_bytes = found.metadata_digest, found.metadata_size_bytes
            content_type = b"text/plain; charset=utf-8"
        place = await anyio.to_thread.run_sync(self.app.blobs.locate, Digest(digest))
        if place is None:
            raise Broken(f"The object {digest} is named by a staged file and is not in the store.")
        if isinstance(place, str):
            await send_link(scope, send, place, size_bytes, UNLISTED)
        else:
            await send_file(scope, send, place, digest, size_bytes, content_type, UNLISTED)

    def _found(self, request: Request) -> tuple[Session, list[StagedFile]]:
        """The session of the token and its completed files; one answer for every token that opens nothing."""
        token, now = request.path_params["stage"], self.app.clock.now()
        with self.app.database.read() as sql:
            index_flags.refuse_banned(sql, client_of(self.app.settings, request))
            session = self._session(sql, token) if "\0" not in token else None
            if session is None or not session.ongoing or session.expires_at <= now:
                raise _nothing()
            project = queries.find_project(sql, session.normalized)
            if project is not None and (project.deleted_at is not None or project.status == "quarantined"):
                raise _nothing()
            release = queries.find_release(sql, project.id, session.version) if project is not None else None
            if release is not None and release.quarantined_at is not None:
                raise _nothing()
            files = [one for one in files_of_session(sql, session.id) if one.state == "completed"]
            frozen = frozen_among(sql, {one.account_id for one in files if one.account_id is not None})
            shown = [one for one in files if one.account_id not in frozen]
            if files and not shown:
                raise _nothing()
            return session, shown

    def _session(self, sql: Connection, token: str) -> Session | None:
        """Of the secret of a stage. One under embargo has none: each who is in its case has a secret of his own."""
        if "." in token:
            member = member_of_stage(self.app.key, sql, token)
            case = find_case(sql, member.case_id) if member is not None and member.knows else None
            if member is None or case is None or case.session_id is None or not still_belongs(sql, case, member):
                return None
            return find_session(sql, case.session_id)
        found = session_of_stage(sql, token)
        return found if found is not None and not found.embargo else None

    def _rendered(self, session: Session, files: list[StagedFile]) -> SimplePage:
        page = SimplePage(name=session.normalized, serial=0, versions=(session.version,))
        with self.app.database.read() as sql:
            shown = tuple(
                SimpleFile(
                    filename=one.filename,
                    url=f"../../files/{one.filename}",
                    sha256=one.digest or "",
                    size_bytes=one.size_bytes,
                    uploaded_at=one.received_at or one.created_at,
                    version=session.version,
                    requires_python=parse_stored_metadata(
                        queries.unpack_metadata(staged_metadata(sql, one.id))
                    ).requires_python
                    or None,
                    core_metadata_sha256=one.metadata_digest if one.metadata_served else None,
                    signals={"signals": one.signals} if one.signals else {},
                )
                for one in files
            )
        return replace(page, files=shown)


def _nothing() -> Refused:
    return Refused("no-such-stage", "There is no such staged release, or it is staged no more.", status=404)

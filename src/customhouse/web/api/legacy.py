"""``POST /legacy/``: the upload API that twine, uv, poetry, flit, hatch and pdm speak.

The door is asynchronous because it takes bytes: it authenticates from the headers first, then spools the body in
batches of 1 MiB, at most a set number of bodies at once, and hands over to `index.upload` in a thread.
"""

from __future__ import annotations

from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from customhouse.accounts import index_flags
from customhouse.app import App
from customhouse.catalog.queries import find_project
from customhouse.index.mandates.may_upload import reminders
from customhouse.index.publication import Accepted
from customhouse.index.publisher import Publisher
from customhouse.index.publishing.only import token_beside, word_about_token
from customhouse.index.staging.stage_upload import Waiting
from customhouse.index.upload import Upload
from customhouse.infra.spool import SpoolWriter
from customhouse.terms.errors import Refused, Rejected
from customhouse.terms.identity import NOBODY, Actor
from customhouse.terms.numbers import number_of
from customhouse.web.api.multipart import FormReader, boundary_of, too_large
from customhouse.web.credentials import client_of, token_of
from customhouse.web.intake import BATCH_BYTES, Intake, pieces_of


class LegacyUpload:
    """The door, with the limits that it keeps."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._intake = Intake(app.settings)

    async def __call__(self, request: Request) -> Response:
        """Take one file in. Raises the errors that `web.problems` translates."""
        boundary = self._check_headers(request)
        token = token_of(request.headers.get("authorization"))
        address = client_of(self._app.settings, request)
        sender = await self._intake.on_disk(self._authenticate, token, address)
        async with self._intake.bodies:
            return await self._take_in(request, sender, boundary)

    def _authenticate(self, token: str, address: str) -> Actor:
        """Who sends it; a banned network and a switched-off index take nothing, whatever the token."""
        with self._app.database.read() as sql:
            index_flags.refuse_banned(sql, address)
            index_flags.refuse_if_flagged(sql, "no-uploads", actor=NOBODY)
        return self._app.sender(token, address)

    def _check_headers(self, request: Request) -> bytes:
        """Refuse what the headers alone give away, before a byte of the body is stored."""
        settings = self._app.settings
        encoding = request.headers.get("content-encoding", "identity")
        if encoding.lower() != "identity":
            raise Refused("encoded-body", f"A body in {encoding[:40]!r} is not taken.", "Send it plain.", status=415)
        announced = request.headers.get("content-length")
        length = number_of(announced or "0")
        limit = settings.upload_limit_bytes + settings.form_limit_bytes
        if length is None or length > limit:
            raise too_large(settings.upload_limit_bytes)
        return boundary_of(request.headers.get("content-type", ""))

    async def _take_in(self, request: Request, sender: Actor, boundary: bytes) -> Response:
        settings = self._app.settings
        form = FormReader(
            boundary, form_limit_bytes=settings.form_limit_bytes, file_limit_bytes=settings.upload_limit_bytes
        )
        writer: SpoolWriter | None = None
        try:
            async for piece in pieces_of(request):
                form.feed(piece)
                if form.waiting_bytes >= BATCH_BYTES:
                    writer = writer or SpoolWriter(self._intake.spool)
                    await self._intake.on_disk(writer.write, form.take())
            if not form.complete:
                raise Rejected("bad-form", "body", "the form ends before its last boundary", "a whole body")
            writer = writer or SpoolWriter(self._intake.spool)
            # A thread is not stopped half-way: a client that leaves now has a deed that is done or not.
            return await self._intake.on_disk(self._receive, sender, form, writer)
        finally:
            if writer is not None:
                writer.discard()

    def _receive(self, sender: Actor, form: FormReader, writer: SpoolWriter) -> Response:
        """The rest, in a thread: the last batch, the checks, the deed, and the page that shows it."""
        writer.write(form.take())
        spooled = writer.finish(form.filename) if form.filename is not None else None
        accepted = self._app.reception.receive(Upload(sender, tuple(form.fields), form.content_type, spooled))
        if isinstance(accepted, Waiting):
            return PlainTextResponse(self._waits(accepted), HTTPStatus.ACCEPTED)
        if accepted.new:
            self._app.renderer.render_after_commit(accepted.project)
        reminders = "".join(f"\n{one}\n" for one in self._reminders(sender, accepted))
        return PlainTextResponse(_receipt(accepted) + reminders)

    def _waits(self, waiting: Waiting) -> str:
        """What the sender of a file is told whose release waits for people."""
        page = f"{self._app.settings.public_url}/manage/project/{waiting.project}/staged/{waiting.session_id}/"
        why = "".join(f"  {reason.sentence}\n" for reason in waiting.reasons)
        return (
            f"Staged {waiting.filename}, sha256 {waiting.sha256}.\n"
            f"It is not published yet: {waiting.project} {waiting.version} waits for people.\n{why}{page}\n"
        )

    def _reminders(self, sender: Actor, accepted: Accepted) -> list[str]:
        """What a mandate will ask of the sender before long, and whether a trusted publisher could have sent it."""
        if sender.account_id is None:
            return []
        with self._app.database.read() as sql:
            project = accepted.into or find_project(sql, accepted.project)
            if project is None:
                return []
            site = self._app.settings.public_url
            beside = accepted.beside if accepted.beside is not None else token_beside(sql, project, sender)
            word = word_about_token(project, beside)
            return [*reminders(sql, Publisher(sender, project, self._app.clock.now(), site)), *([word] if word else [])]


def _receipt(accepted: Accepted) -> str:
    if accepted.new:
        return f"Accepted {accepted.filename}, sha256 {accepted.sha256}.\n"
    return f"{accepted.filename} was here already with the same bytes, sha256 {accepted.sha256}.\n"

"""``/view/V/integrity/P/VERSION/FILENAME/provenance``: what is attested of a file that the view lets in (PEP 740).

Of our own files what was verified when they came; of an upstream's what was verified when we looked. What the view does
not let in has no provenance to show: the answer is that of the file itself.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import anyio.to_thread
import sqlalchemy as sa
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from customhouse.app import App
from customhouse.catalog import queries
from customhouse.formats.negotiate import choose_among
from customhouse.formats.problems import Headers
from customhouse.formats.provenance import INTEGRITY
from customhouse.index.provenance import served_provenance
from customhouse.infra.pages import Gate
from customhouse.mirror.object_tables import mirrored_attestation
from customhouse.serve.asgi import Serve
from customhouse.serve.conditions import none_match
from customhouse.serve.files import request_header, send_whole
from customhouse.terms.digest import Digest
from customhouse.terms.errors import Refused
from customhouse.terms.names import normalize
from customhouse.terms.versions import version_of
from customhouse.views.model import HOSTED
from customhouse.views.offering import FILES_WITHIN
from customhouse.web.doors import Door, raw_door
from customhouse.web.permissions import Permission

OFFERS = (INTEGRITY, "application/json")
_HEADERS: Headers = [(b"vary", b"Accept"), (b"x-content-type-options", b"nosniff")]
_MIRRORED = sa.select(mirrored_attestation.c.body).where(
    mirrored_attestation.c.upstream == sa.bindparam("upstream"),
    mirrored_attestation.c.filename == sa.bindparam("filename"),
    mirrored_attestation.c.project == sa.bindparam("project"),
    mirrored_attestation.c.outcome == "verified",
)


@dataclass(frozen=True)
class ViewIntegrity:
    """The door to provenance objects of a view."""

    app: App
    serve: Serve

    def doors(self) -> list[Door]:
        """The one that there is."""
        path = "/view/{view}/integrity/{name}/{version}/{filename}/provenance"
        return [raw_door("GET", path, self.answer, Permission.PROJECT_READ)]

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The object, 304, 403, 404 or 406."""
        request = Request(scope, receive)
        path = request.path_params
        gate = await anyio.to_thread.run_sync(self._gate, path["view"], normalize(path["name"]), path["filename"])
        version = version_of(path["version"])
        if gate is None or version is None or gate.version != str(version):
            raise _none()
        if gate.verdict in ("deny", "gone"):
            await self.serve.refuse_file(scope, send, gate)
            return
        body = await anyio.to_thread.run_sync(self._body, gate)
        if body is None:
            raise _none()
        offer = choose_among(request.headers.get("accept"), OFFERS)
        if offer is None:
            raise Refused("not-acceptable", f"This address speaks {' and '.join(OFFERS)}.", status=406)
        etag = f'"{Digest.of(body).hex[:32]}"'
        # As its file: what one view lets in another may not.
        headers: Headers = [*_HEADERS, (b"etag", etag.encode()), (b"cache-control", b"private, no-cache")]
        if none_match(request_header(scope, b"if-none-match"), etag):
            await send_whole(send, 304, headers, b"", is_head=True)
            return
        headers += [(b"content-type", offer.encode()), (b"content-length", str(len(body)).encode())]
        await send_whole(send, 200, headers, body, is_head=scope["method"] == "HEAD")

    def _gate(self, view: str, project: str, filename: str) -> Gate | None:
        rendered = self.app.view_renderer.render(self.app.views.get(view), project, within=FILES_WITHIN)
        return rendered.gate(filename) if rendered is not None else None

    def _body(self, gate: Gate) -> bytes | None:
        with self.app.database.read() as sql:
            if gate.origin != HOSTED:
                where = {"upstream": gate.origin, "filename": gate.filename, "project": gate.project}
                kept = sql.execute(_MIRRORED, where).scalar()
                return kept.encode() if kept else None
            found = queries.find_project(sql, gate.project)
            told = served_provenance(sql, found, gate.version, gate.filename) if found is not None else None
        return json.dumps(told, separators=(",", ":")).encode() if told is not None else None


def _none() -> Refused:
    return Refused("no-provenance", "There is no provenance here of such a file.", status=404)

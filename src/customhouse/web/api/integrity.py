"""``/integrity/NAME/VERSION/FILENAME/provenance``: what was attested of a file, as PyPI serves it (PEP 740).

Only what was verified when the file came. Whatever has no provenance to show gets one and the same answer: a file that
nothing is attested of, one that is deleted or quarantined, an unknown project and a private one alike.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import Response

from customhouse.app import App
from customhouse.catalog import queries, rights
from customhouse.catalog.model import Project
from customhouse.formats.negotiate import choose_among
from customhouse.formats.provenance import INTEGRITY
from customhouse.index.provenance import served_provenance
from customhouse.serve.conditions import none_match
from customhouse.terms.digest import Digest
from customhouse.terms.identity import NOBODY
from customhouse.terms.names import normalize
from customhouse.terms.versions import version_of
from customhouse.web.api.simple import reader_of

PROVENANCE = "/integrity/{name}/{version}/{filename}/provenance"
OFFERS = (INTEGRITY, "application/json")
SHARED_FOR_A_MINUTE = "public, max-age=0, must-revalidate, s-maxage=30"
_HEADERS = {"vary": "Accept", "x-content-type-options": "nosniff", "access-control-allow-origin": "*"}


@dataclass(frozen=True)
class Integrity:
    """The door to provenance objects, for installers with an API token too."""

    app: App

    async def __call__(self, request: Request) -> Response:
        """Answer: the object, 304, 404 or 406."""
        found = await anyio.to_thread.run_sync(self._look_up, request)
        if found is None:
            return _message(HTTPStatus.NOT_FOUND, "There is no provenance here of such a file.")
        offer = choose_among(request.headers.get("accept"), OFFERS)
        if offer is None:
            return _message(HTTPStatus.NOT_ACCEPTABLE, f"This address speaks {' and '.join(OFFERS)}.")
        project, provenance = found
        body = json.dumps(provenance, separators=(",", ":")).encode()
        etag = f'"{Digest.of(body).hex[:32]}"'
        kept = SHARED_FOR_A_MINUTE if project.public else "private, no-store"
        headers = {**_HEADERS, "etag": etag, "cache-control": kept}
        if none_match(request.headers.get("if-none-match"), etag):
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
        return Response(body, media_type=offer, headers=headers)

    def _look_up(self, request: Request) -> tuple[Project, dict[str, Any]] | None:
        path = request.path_params
        if not (path["name"] + path["filename"]).isprintable():
            return None
        parsed = version_of(path["version"])
        if parsed is None:
            return None
        version = str(parsed)
        # Whoever sends credentials is told if they are wrong; nobody else needs a look at sessions.
        asks = request.headers.get("authorization") is not None or request.cookies
        actor = reader_of(self.app, request) if asks else NOBODY
        with self.app.database.read() as sql:
            found = queries.find_project(sql, normalize(path["name"]))
            if found is None or not rights.standing(sql, found, actor, "read", version).reads:
                return None
            provenance = served_provenance(sql, found, version, path["filename"])
        return (found, provenance) if provenance is not None else None


def _message(status: HTTPStatus, text: str) -> Response:
    body = json.dumps({"message": text}).encode()
    return Response(body, status, media_type="application/json", headers={**_HEADERS, "cache-control": "no-store"})

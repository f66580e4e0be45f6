"""``GET /api/projects/NAME/staged/SESSION``: how far a release is that waits, for programs that wait with it.

For whoever could have sent it: an API token or a trusted publisher's token that may stage or upload there. With the
manifest, who has approved it, and what their keys have signed (see `index.approving.statement.check_evidence`).
"""

from __future__ import annotations

from typing import Any

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from customhouse.accounts import index_flags
from customhouse.app import App
from customhouse.catalog.staged import files_of_session, manifest_digest_of
from customhouse.index.approving.clearance import clearance_of, missing
from customhouse.index.staging.rights import look_at, no_session
from customhouse.terms.names import normalize
from customhouse.web.credentials import client_of, token_of
from customhouse.web.doors import Door, own_door
from customhouse.web.permissions import Permission


class StagedState:
    """The endpoint around an open `App`."""

    def __init__(self, app: App) -> None:
        self._app = app

    def doors(self) -> list[Door]:
        """Its one door."""
        return [own_door("GET", "/api/projects/{name}/staged/{session}", self.__call__, Permission.STAGED_STATE)]

    async def __call__(self, request: Request) -> Response:
        """Answer with the state, the reasons, what is missing, and who has approved."""
        return await anyio.to_thread.run_sync(self._answer, request)

    def _answer(self, request: Request) -> Response:
        app, address = self._app, client_of(self._app.settings, request)
        token = token_of(request.headers.get("authorization"))
        with app.database.read() as sql:
            index_flags.refuse_banned(sql, address)
        by = app.sender(token, address).for_project(normalize(request.path_params["name"]))
        now = app.clock.now()
        session_id = request.path_params["session"]
        if not (session_id.isascii() and session_id.isalnum()):
            raise no_session()
        with app.database.read() as sql:
            session = look_at(sql, session_id[:64], by, now)
            if session.normalized != normalize(request.path_params["name"]):
                raise no_session()
            files = files_of_session(sql, session.id)
            found = clearance_of(sql, session, now, files)
            waits = missing(sql, session, by, now) if session.ongoing else None
        body: dict[str, Any] = {
            "name": session.normalized,
            "version": session.version,
            "state": session.state,
            "manifest": manifest_digest_of(files),
            "files": {one.filename: one.state for one in files},
            "reasons": [{**one.row, "hold": one.hold} for one in found.reasons],
            "approvals": [
                {
                    "by": one.name,
                    "at": one.approved_at.isoformat(),
                    "method": one.method,
                    "evidence": one.evidence or None,
                }
                for one in found.approvals
            ],
            "missing": None,
            "page": f"{app.settings.public_url}/manage/project/{session.normalized}/staged/{session.id}/",
        }
        if waits is not None:
            body["missing"] = {
                "sentence": waits.sentence,
                "approvals": waits.approvals,
                "who": list(waits.who),
                "not_before": waits.not_before.isoformat() if waits.not_before is not None else None,
            }
        return JSONResponse(body, headers={"cache-control": "private, no-store"})

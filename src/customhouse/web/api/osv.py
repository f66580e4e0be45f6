"""Advisories in the protocol of OSV.dev, for pip-audit, uv and osv-scanner as they are (google.github.io/osv.dev/api).

``/v1/query`` and ``/v1/querybatch`` take JSON whatever its content type says: pip-audit says nothing. Every answer is
whole, in one piece; there are no further pages. Errors have OSV.dev's shape, and an error is never an empty answer.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus

import anyio.to_thread
from sqlalchemy.engine import Connection
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from customhouse.advisories import exploitation_lists, queries
from customhouse.advisories.archive import Archive
from customhouse.app import App
from customhouse.formats.osv.asking import MOST_BYTES, Query, read_batch, read_query
from customhouse.formats.osv.handing import answered, handed_on, write
from customhouse.formats.osv.times import write_time
from customhouse.formats.problems import extra_headers, sentence_of, status_of
from customhouse.serve.conditions import none_match
from customhouse.serve.files import send_file
from customhouse.terms.digest import Digest
from customhouse.terms.errors import Broken, CustomhouseError
from customhouse.web.body import read_body
from customhouse.web.doors import Door, own_door, raw_door
from customhouse.web.permissions import Permission

log = logging.getLogger("customhouse.web")

SHARED = "public, max-age=0, must-revalidate, s-maxage=30"
_HEADERS = {"x-content-type-options": "nosniff", "access-control-allow-origin": "*"}
# Of gRPC, which OSV.dev speaks inside.
_CODES = {400: 3, 404: 5, 413: 3, 503: 14}
_INTERNAL = 13
MOST_NAMED = 20


@dataclass(frozen=True)
class Osv:
    """The doors to the advisories."""

    app: App
    archive: Archive

    def doors(self) -> list[Door]:
        """All of them."""
        read = Permission.PUBLIC_READ
        return [
            own_door("POST", "/v1/query", self._asked(self._query), Permission.OSV_READ),
            own_door("POST", "/v1/querybatch", self._asked(self._batch), Permission.OSV_READ),
            own_door("GET", "/v1/vulns/{advisory}", self.one, read),
            own_door("GET", "/osv/PyPI/modified_id.csv", self.listing, read),
            raw_door("GET", "/osv/PyPI/all.zip", self.whole, read),
            own_door("GET", "/osv/known_exploited_vulnerabilities.json", self.exploited, read),
            own_door("GET", "/osv/epss_scores.csv", self.scores, read),
            own_door("GET", "/osv/PyPI/{advisory}.json", self.one, read),
        ]

    def _asked(self, answer: Callable[[bytes], bytes]) -> Callable[[Request], Awaitable[Response]]:
        async def ask(request: Request) -> Response:
            try:
                body = await read_body(request, MOST_BYTES, too_large="Ask in several batches.")
                found = await anyio.to_thread.run_sync(answer, body)
            except CustomhouseError as error:
                return _refusal(error)
            return Response(found, media_type="application/json", headers={**_HEADERS, "cache-control": "no-store"})

        return ask

    def _query(self, body: bytes) -> bytes:
        query = read_query(body)
        found = [one.id for one in self.app.advice.affecting(query.name, query.version)]
        with self.app.database.read() as sql:
            documents = [json.loads(one.document) for one in queries.find_all(sql, found)]
        return write({"vulns": [answered(one) for one in documents]}) if documents else b"{}"

    def _batch(self, body: bytes) -> bytes:
        asked = read_batch(body)
        known = self.app.advice.packages({query.name for query in asked})

        def result(query: Query) -> dict[str, object]:
            found = known[query.name].affecting(query.version)
            return (
                {"vulns": [{"id": one.id, "modified": write_time(one.record.modified)} for one in found]}
                if found
                else {}
            )

        return write({"results": [result(query) for query in asked]})

    async def one(self, request: Request) -> Response:
        """One record by its own id; an alias is answered 404 with the ids that go by it."""
        advisory = request.path_params["advisory"]
        try:
            body, others = await anyio.to_thread.run_sync(self._one, advisory)
        except CustomhouseError as error:
            return _refusal(error)
        if body is None:
            message = "Bug not found." + (f" These go by that name: {', '.join(others)}." if others else "")
            return _message(HTTPStatus.NOT_FOUND, message)
        return _kept(request, body, "application/json", Digest.of(body).hex)

    def _one(self, advisory: str) -> tuple[bytes | None, Sequence[str]]:
        if "\0" in advisory:
            return None, ()
        with self.app.database.read() as sql:
            found = queries.find(sql, advisory)
            if found is not None:
                return write(handed_on(json.loads(found.document))), ()
            return None, [one.id for one in queries.same_as(sql, advisory)][:MOST_NAMED]

    async def listing(self, request: Request) -> Response:
        """When each record was modified, the newest first."""
        try:
            found = await anyio.to_thread.run_sync(self.archive.listing)
        except CustomhouseError as error:
            return _refusal(error)
        return _kept(request, found.body, "text/csv; charset=utf-8", found.digest)

    async def exploited(self, request: Request) -> Response:
        """CISA's catalogue as it was imported."""
        return await self._list(request, exploitation_lists.catalogue, "application/json")

    async def scores(self, request: Request) -> Response:
        """FIRST's scores of what our advisories name."""
        return await self._list(request, exploitation_lists.scores, "text/csv; charset=utf-8")

    async def _list(self, request: Request, make: Callable[[Connection], bytes | None], media_type: str) -> Response:
        def made() -> bytes | None:
            with self.app.database.read() as sql:
                return make(sql)

        body = await anyio.to_thread.run_sync(made)
        if body is None:
            return _message(HTTPStatus.NOT_FOUND, "Nothing of that kind was imported here.")
        return _kept(request, body, media_type, Digest.of(body).hex)

    async def whole(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """All records in one archive, whole or in ranges."""
        made = await anyio.to_thread.run_sync(self.archive.whole)
        said = [(b"cache-control", SHARED.encode()), (b"access-control-allow-origin", b"*")]
        await send_file(scope, send, made.path, made.digest, made.size_bytes, b"application/zip", said)


def _kept(request: Request, body: bytes, media_type: str, digest: str) -> Response:
    etag = f'"{digest[:32]}"'
    headers = {**_HEADERS, "etag": etag, "cache-control": SHARED}
    if none_match(request.headers.get("if-none-match"), etag):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(body, headers={**headers, "content-type": media_type})


def _refusal(error: CustomhouseError) -> Response:
    if isinstance(error, Broken):
        log.error("%s", error)
    response = _message(status_of(error), sentence_of(error))
    for name, value in extra_headers(error):
        response.headers[name.decode()] = value.decode()
    return response


def _message(status: int, text: str) -> Response:
    body = json.dumps({"code": _CODES.get(status, _INTERNAL), "message": text}).encode()
    return Response(body, status, media_type="application/json", headers={**_HEADERS, "cache-control": "no-store"})

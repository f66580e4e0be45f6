"""The doors of the private Sigstore for programs: certificates (Fulcio), the log (Rekor, both versions), timestamps.

Each speaks the words of the service that unmodified clients expect there; errors are JSON with ``code`` and
``message``. Where the settings do not switch it on, there is nothing at these addresses. Floods are slowed in memory,
for each process by itself: what costs a row has a limit in the database, or needs a certificate that cost one.
"""

from __future__ import annotations

import asyncio
import json
import re
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable
from datetime import timedelta
from http import HTTPStatus
from typing import Any

import anyio
import anyio.to_thread
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from starlette.requests import Request
from starlette.responses import Response

from customhouse.accounts import index_flags
from customhouse.accounts.limits import Counted, Limit, network_of
from customhouse.app import App
from customhouse.formats.problems import SECURITY_HEADERS, extra_headers, sentence_of, status_of
from customhouse.terms.errors import CustomhouseError, Refused, Rejected, TooMany, Unavailable
from customhouse.terms.identity import NOBODY
from customhouse.trust.private_sigstore.certify import read_request
from customhouse.trust.private_sigstore.collect import witnessed_checkpoint
from customhouse.trust.private_sigstore.entries import Proposed, Writers, read_v1, read_v2
from customhouse.trust.private_sigstore.logbook import Logbook, spelled_v1, spelled_v2
from customhouse.trust.private_sigstore.service import Sigstore
from customhouse.trust.private_sigstore.tiles import WIDTH
from customhouse.trust.private_sigstore.timestamps import timestamp
from customhouse.trust.private_sigstore.tree import CERTIFICATES, ENTRIES, LogName
from customhouse.web.body import read_body
from customhouse.web.credentials import client_of
from customhouse.web.doors import Door, own_door
from customhouse.web.permissions import Permission

BASE = "/sigstore"
BODY_SECONDS = 10.0
REQUEST_BYTES, ENTRY_BYTES, QUERY_BYTES = 64 * 1024, 4 * 2**20, 16 * 1024
BODIES_AT_ONCE = 64
THREADS = 16
FAILURES = Limit("sigstore-failure", 240, timedelta(hours=1))
"""Requests for certificates from one network that came to nothing."""
PER_MINUTE = 12_000
"""Entries and timestamps for one network, in one process: more than it can make."""
MOST_NETWORKS = 10_000
MEDIA_JSON, MEDIA_TEXT, MEDIA_BYTES = "application/json", "text/plain; charset=utf-8", "application/octet-stream"
FOR_EVER = "public, max-age=31536000, immutable"
"""Full tiles never change (C2SP tlog-tiles)."""
_TILE = re.compile(r"((?:x[0-9]{3}/){0,5})([0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?", re.ASCII)
_NUMBER = re.compile(r"0|[1-9][0-9]{0,17}", re.ASCII)
_UUID = re.compile(r"(?:[0-9a-f]{16})?([0-9a-f]{64})", re.ASCII)

Answer = Callable[[Request], Awaitable[Response]]
Work = Callable[[Sigstore, Request, bytes], Response]


class Flood:
    """How many requests came from each network within the last minute, in this process."""

    def __init__(self, most: int = PER_MINUTE) -> None:
        self._most = most
        self._seen: dict[str, deque[float]] = {}
        self._lock = threading.Lock()

    def count(self, network: str) -> None:
        """Count one; raises `TooMany`."""
        now = time.monotonic()
        with self._lock:
            if len(self._seen) >= MOST_NETWORKS:
                self._seen = {name: times for name, times in self._seen.items() if times[-1] > now - 60}
            times = self._seen.setdefault(network, deque())
            while times and times[0] <= now - 60:
                times.popleft()
            if len(times) >= self._most:
                raise TooMany("Too many requests from your network.", retry_after_seconds=int(times[0] + 61 - now))
            times.append(now)


class SigstoreApi:
    """The doors, with what they share."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._bodies = anyio.CapacityLimiter(BODIES_AT_ONCE)
        self._threads = anyio.CapacityLimiter(THREADS)
        self._flood = Flood()

    def doors(self) -> list[Door]:
        """All of them."""
        read, sign, ask = Permission.PUBLIC_READ, Permission.SIGSTORE_SIGN, Permission.SIGSTORE_ASK
        posts = [
            ("/api/v2/signingCert", self._certificate, REQUEST_BYTES, sign),
            ("/api/v1/log/entries", self._entry_v1, ENTRY_BYTES, sign),
            ("/api/v2/log/entries", self._entry_v2, ENTRY_BYTES, sign),
            ("/api/v1/timestamp", self._timestamp, QUERY_BYTES, ask),
        ]
        gets: list[tuple[str, Work]] = [
            ("/api/v2/trustBundle", trust_bundle),
            ("/api/v1/log", log_v1),
            ("/api/v1/log/entries", entry_by_place),
            ("/api/v1/log/entries/{uuid}", entry_by_hash),
            ("/api/v1/log/proof", consistency_v1),
            ("/api/v1/log/publicKey", public_key_v1),
            ("/api/v2/checkpoint", checkpoint_of(ENTRIES)),
            ("/api/v2/tile/entries/{tile:path}", entries_of(ENTRIES)),
            ("/api/v2/tile/{level}/{tile:path}", tile_of(ENTRIES)),
            ("/certificates/checkpoint", checkpoint_of(CERTIFICATES)),
            ("/certificates/tile/entries/{tile:path}", entries_of(CERTIFICATES)),
            ("/certificates/tile/{level}/{tile:path}", tile_of(CERTIFICATES)),
        ]
        return [
            # Clients join the authority's address and this path so that nothing before it is left.
            own_door("POST", "/api/v2/signingCert", self.posting(self._certificate, REQUEST_BYTES), sign),
            *(
                own_door("POST", BASE + path, self.posting(work, most, writes=permission.writes), permission)
                for path, work, most, permission in posts
            ),
            *(own_door("GET", BASE + path, self.getting(work), read) for path, work in gets),
        ]

    def getting(self, work: Work) -> Answer:
        """A door that only reads."""

        async def endpoint(request: Request) -> Response:
            return await self._answered(request, work)

        return endpoint

    def posting(self, work: Work, most: int, *, writes: bool = True) -> Answer:
        """A door that takes a body of at most so many bytes."""

        async def endpoint(request: Request) -> Response:
            try:
                sigstore_of(self._app)
                async with self._bodies:
                    try:
                        async with asyncio.timeout(BODY_SECONDS):
                            body = await read_body(request, most)
                    except TimeoutError as error:
                        raise Refused(
                            "too-slow", "The body did not come in time.", "Send it again.", status=408
                        ) from error
            except CustomhouseError as error:
                return answer_error(error)
            return await self._answered(request, work, body, writes=writes)

        return endpoint

    async def _answered(self, request: Request, work: Work, body: bytes = b"", *, writes: bool = False) -> Response:
        def answer() -> Response:
            sigstore = sigstore_of(self._app)
            with self._app.database.read() as sql:
                index_flags.refuse_banned(sql, client_of(self._app.settings, request))
                if writes:
                    index_flags.refuse_if_flagged(sql, actor=NOBODY)
            return work(sigstore, request, body)

        try:
            return await anyio.to_thread.run_sync(answer, limiter=self._threads)
        except (Refused, Rejected, Unavailable) as error:
            return answer_error(error)

    def _certificate(self, sigstore: Sigstore, request: Request, body: bytes) -> Response:
        """``POST /api/v2/signingCert``: a token and a key for a certificate."""
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        counted = Counted(FAILURES, network_of(client_of(self._app.settings, request)))
        attempt = self._app.limiter.take(counted, sentence="Too many requests from your network have failed.")
        try:
            asked = read_request(body, token.strip() if kind.lower() == "bearer" else "")
            chain = sigstore.certifying.certificate(asked)
        except Unavailable:
            self._app.limiter.give_back(attempt, counted)
            raise
        self._app.limiter.give_back(attempt, counted)
        certificates = [one.public_bytes(Encoding.PEM).decode() for one in chain]
        return as_json({"signedCertificateEmbeddedSct": {"chain": {"certificates": certificates}}})

    def _entry_v1(self, sigstore: Sigstore, request: Request, body: bytes) -> Response:
        """``POST /api/v1/log/entries``."""
        proof = self._added(sigstore, request, body, read_v1)
        found = spelled_v1(proof, sigstore.keys.now())
        (uuid,) = found
        return as_json(
            found, HTTPStatus.CREATED, {"location": f"{BASE}/api/v1/log/entries/{uuid}", "etag": f'"{uuid}"'}
        )

    def _entry_v2(self, sigstore: Sigstore, request: Request, body: bytes) -> Response:
        """``POST /api/v2/log/entries``."""
        proof = self._added(sigstore, request, body, read_v2)
        return as_json(spelled_v2(proof, sigstore.keys.now()), HTTPStatus.CREATED)

    def _added(
        self, sigstore: Sigstore, request: Request, body: bytes, read: Callable[[bytes, Writers], Proposed]
    ) -> Any:  # fmt: skip
        self._flood.count(network_of(client_of(self._app.settings, request)))
        return sigstore.logbook.add(read(body, sigstore.writers))

    def _timestamp(self, sigstore: Sigstore, request: Request, body: bytes) -> Response:
        """``POST /api/v1/timestamp`` (RFC 3161, 3.4): writes nothing."""
        self._flood.count(network_of(client_of(self._app.settings, request)))
        made = timestamp(body, sigstore.keys.now(), self._app.clock.now())
        return plain_answer(made, "application/timestamp-reply", "no-store", HTTPStatus.CREATED)


def trust_bundle(sigstore: Sigstore, _request: Request, _body: bytes) -> Response:
    """``GET /api/v2/trustBundle``: the chains of all authorities."""
    chains = []
    for record in sigstore.keys.now().all("authority"):
        pems = [x509.load_der_x509_certificate(one).public_bytes(Encoding.PEM).decode() for one in record.certificates]
        chains.append({"certificates": pems})
    return as_json({"chains": chains})


def log_v1(sigstore: Sigstore, _request: Request, _body: bytes) -> Response:
    """``GET /api/v1/log``: what the log says of itself."""
    made = sigstore.logbook.checkpoint(ENTRIES)
    document = {
        "rootHash": made.checkpoint.root.hex(), "treeSize": made.checkpoint.size, "signedTreeHead": made.note(),
        "treeID": "0", "inactiveShards": [],
    }  # fmt: skip
    return as_json(document)


def entry_by_place(sigstore: Sigstore, request: Request, _body: bytes) -> Response:
    """``GET /api/v1/log/entries?logIndex=N``."""
    place = number_in(request, "logIndex")
    return as_json(_spelled(sigstore.logbook, sigstore, place=place))


def entry_by_hash(sigstore: Sigstore, request: Request, _body: bytes) -> Response:
    """``GET /api/v1/log/entries/UUID``: by the hash in the tree."""
    match = _UUID.fullmatch(request.path_params["uuid"])
    if match is None:
        raise Refused("not-found", "An entry is named by 64 hexadecimal digits.", status=404)
    return as_json(_spelled(sigstore.logbook, sigstore, digest=bytes.fromhex(match[1])))


def consistency_v1(sigstore: Sigstore, request: Request, _body: bytes) -> Response:
    """``GET /api/v1/log/proof?firstSize=N&lastSize=M``: that the log has only grown."""
    first = number_in(request, "firstSize", 1)
    _, root, proof = sigstore.logbook.consistency(ENTRIES, first, number_in(request, "lastSize"))
    return as_json({"rootHash": root.hex(), "hashes": [one.hex() for one in proof]})


def public_key_v1(sigstore: Sigstore, _request: Request, _body: bytes) -> Response:
    """``GET /api/v1/log/publicKey``: PEM."""
    key = sigstore.keys.now().ecdsa("entries-v1").public_key()
    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return plain_answer(pem, "application/x-pem-file", "no-cache")


def checkpoint_of(log: LogName) -> Work:
    """``GET …/checkpoint``; with ``?witnessed`` the newest one that a witness has signed."""

    def answer(sigstore: Sigstore, request: Request, _body: bytes) -> Response:
        witnessed = "witnessed" in request.query_params
        book = sigstore.logbook
        text = witnessed_checkpoint(book, log) if witnessed else book.checkpoint(log).note()
        return plain_answer(text.encode(), MEDIA_TEXT, "no-cache")

    return answer


def tile_of(log: LogName) -> Work:
    """``GET …/tile/LEVEL/NUMBER``."""

    def answer(sigstore: Sigstore, request: Request, _body: bytes) -> Response:
        number, width = tile_in(request)
        level = request.path_params["level"]
        if not _NUMBER.fullmatch(level):
            raise _no_tile()
        return _tile_answer(sigstore.logbook.tile(log, int(level), number, width), width)

    return answer


def entries_of(log: LogName) -> Work:
    """``GET …/tile/entries/NUMBER``."""

    def answer(sigstore: Sigstore, request: Request, _body: bytes) -> Response:
        number, width = tile_in(request)
        return _tile_answer(sigstore.logbook.entries_tile(log, number, width), width)

    return answer


def tile_in(request: Request) -> tuple[int, int]:
    """Number and width of a tile in an address; raises `Refused` (404)."""
    match = _TILE.fullmatch(request.path_params["tile"])
    if match is None:
        raise _no_tile()
    number = int(match[1].replace("x", "").replace("/", "") + match[2])
    width = int(match[3]) if match[3] else WIDTH
    # Each number has one address.
    if width > WIDTH or (match[1].startswith("x000/")) or (match[3] and width == WIDTH):
        raise _no_tile()
    return number, width


def number_in(request: Request, name: str, otherwise: int | None = None) -> int:
    """A number behind the question mark; raises `Rejected`."""
    text = request.query_params.get(name)
    if text is None and otherwise is not None:
        return otherwise
    if text is None or not _NUMBER.fullmatch(text):
        raise Rejected("bad-number", name, "is no number", "digits")
    return int(text)


def sigstore_of(app: App) -> Sigstore:
    """The private Sigstore; raises `Refused` (404) if none runs here."""
    if app.sigstore is None:
        raise Refused("not-found", "There is nothing at this address.", status=404)
    return app.sigstore


def as_json(document: Any, status: int = HTTPStatus.OK, headers: dict[str, str] | None = None) -> Response:
    """JSON that nobody keeps."""
    body = json.dumps(document, separators=(",", ":")).encode()
    return plain_answer(body, MEDIA_JSON, "no-store", status, headers)


def plain_answer(
    body: bytes, media_type: str, cached: str, status: int = HTTPStatus.OK, headers: dict[str, str] | None = None
) -> Response:  # fmt: skip
    """Bytes, with the headers of everything that programs get here."""
    sent = {name.decode(): value.decode() for name, value in SECURITY_HEADERS}
    return Response(
        body, status, headers={**sent, "content-type": media_type, "cache-control": cached, **(headers or {})}
    )


def answer_error(error: CustomhouseError) -> Response:
    """An error as clients of Sigstore read it."""
    status = status_of(error)
    response = as_json({"code": status, "message": f"{error.code}: {sentence_of(error)}"}, status)
    for name, value in extra_headers(error):
        if name != b"www-authenticate":
            response.headers[name.decode()] = value.decode()
    if status == HTTPStatus.UNAUTHORIZED:
        response.headers["www-authenticate"] = 'Bearer realm="sigstore"'
    return response


def _spelled(book: Logbook, sigstore: Sigstore, *, place: int = 0, digest: bytes = b"") -> dict[str, Any]:
    entry = book.called(digest) if digest else book.at(place)
    return spelled_v1(book.proof(entry), sigstore.keys.now())


def _tile_answer(body: bytes, width: int) -> Response:
    return plain_answer(body, MEDIA_BYTES, FOR_EVER if width == WIDTH else "no-cache")


def _no_tile() -> Refused:
    return Refused("not-found", "There is no such tile.", status=404)

"""A small, strict index of Upload 2.0, written from the text of PEP 694 (round 4) and not from ours.

It holds everything in memory, notes every breach of the protocol in ``violations``, and misbehaves as it is told to:
connections that break, answers that get lost, 503, 409, slow checks. It also speaks trusted publishing (PEP 807) and
the legacy upload, as far as a client needs them.
"""

from __future__ import annotations

import base64
import email.parser
import email.policy
import hashlib
import json
import secrets
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

MEDIA_TYPE = "application/vnd.pypi.upload.v2+json"
PARTS, POST_BYTES = "vnd-customhouse-parts", "http-post-bytes"
EXPIRES, SOON = "2130-08-01T12:00:00Z", "2020-08-01T12:00:00Z"


@dataclass
class Fault:
    """Something that goes wrong once. ``do``: answer (a status), lose (work, then no answer), or break (no work)."""

    at: str
    do: str = "answer"
    status: int = 503
    headers: dict[str, str] = field(default_factory=dict)
    after_bytes: int = 0
    skip: int = 0


@dataclass
class StagedFile:
    id: str
    filename: str
    size: int
    sha256: str
    mechanism: str
    status: str = "pending"
    body: bytes | None = None
    parts: dict[int, bytes] = field(default_factory=dict)
    attestations: list[Any] | None = None
    polls: int = 0
    notices: list[str] = field(default_factory=list)


@dataclass
class PublishingSession:
    id: str
    token: str
    name: str
    version: str
    status: str = "open"
    files: dict[str, StagedFile] = field(default_factory=dict)
    polls: int = 0
    looks: int = 0
    notices: list[str] = field(default_factory=list)


class Answer(Exception):
    """An answer that ends a request early."""

    def __init__(self, status: int, document: dict[str, Any] | None = None, **headers: str) -> None:
        self.status, self.document = status, document
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


class ReferenceServer:
    """The index's state and what it is told to do."""

    def __init__(self) -> None:
        self.url = ""
        self.speaks_2_0 = True
        self.tells_hashes = True
        self.offers_stage = True
        self.takes_attestations = True
        self.mechanisms = [POST_BYTES]
        self.part_bytes = 2**16
        self.file_polls = 0
        self.publish_polls = 0
        self.publish_fails: str | None = None
        self.on_look: Callable[[PublishingSession], None] | None = None
        """What somebody else does when a session is looked at."""
        self.expires = EXPIRES
        self.extends = False
        self.one_at_a_time = False
        self.approvals_after: int | None = None
        """Looks at the session until somebody has approved; None: nobody needs to."""
        self.cancelled_by_people = False
        self.bad_files: dict[str, str] = {}
        self.tokens = {"good"}
        self.forbidden_names: set[str] = set()
        self.discovery: dict[str, Any] | None = None
        self.mint_answer: tuple[int, dict[str, Any]] = (404, {})
        self.identities: list[str] = []
        self.sessions: dict[str, PublishingSession] = {}
        self.published: dict[str, dict[str, bytes]] = {}
        self.published_attestations: dict[str, list[Any]] = {}
        self.legacy_forms: list[list[tuple[str, Any]]] = []
        self.faults: list[Fault] = []
        self.violations: list[str] = []
        self.log: list[str] = []
        self.bytes_received = 0
        self.sending = 0
        self.most_at_once = 0
        self.hold_parts_after: int | None = None
        """So many parts are taken; whoever sends another waits until `let_go`."""
        self.held = threading.Event()
        self.go = threading.Event()
        self.lock = threading.RLock()

    def breach(self, sentence: str) -> None:
        self.violations.append(sentence)

    def session_of(self, name: str = "demo") -> PublishingSession:
        return next(one for one in self.sessions.values() if one.name == name)

    def fault(self, at: str) -> Fault | None:
        with self.lock:
            for fault in self.faults:
                if fault.at == at:
                    if fault.skip:
                        fault.skip -= 1
                        continue
                    self.faults.remove(fault)
                    return fault
        return None

    # What the documents look like.

    def session_document(self, session: PublishingSession) -> dict[str, Any]:
        base = f"{self.url}/upload/s/{session.id}"
        links = {"session": base, "upload": f"{base}/files", "publish": f"{base}/publish"}
        found: dict[str, Any] = {
            "meta": {"api-version": "2.0"}, "links": links, "mechanisms": self.mechanisms, "expires-at": self.expires,
            "status": session.status, "notices": session.notices,
            "files": {
                one.filename: {"status": one.status, "link": self.file_url(session, one), "notices": one.notices}
                for one in session.files.values() if one.status != "canceled"
            },
        }  # fmt: skip
        if self.extends:
            links["extend"] = f"{base}/extend"
        if self.offers_stage:
            links["stage"] = f"{self.url}/stage/{session.token}/"
            found["session-token"] = session.token
        return found

    def file_url(self, session: PublishingSession, file: StagedFile) -> str:
        return f"{self.url}/upload/f/{session.token}-{file.id}"

    def file_document(self, session: PublishingSession, file: StagedFile) -> dict[str, Any]:
        url = self.file_url(session, file)
        mechanism: dict[str, Any] = {"identifier": file.mechanism}
        if file.mechanism == PARTS:
            mechanism |= {"parts_url": f"{url}/parts", "part_bytes": self.part_bytes}
        else:
            mechanism["file_url"] = f"{url}/bytes"
        if self.takes_attestations:
            mechanism["attestations_url"] = f"{url}/attestations"
        found = {
            "meta": {"api-version": "2.0"}, "links": {"file-upload-session": url, "complete": f"{url}/complete"},
            "status": file.status, "expires-at": EXPIRES, "mechanism": mechanism, "notices": file.notices,
        }  # fmt: skip
        return found | (
            {"hashes": {"sha256": file.sha256}, "size": file.size, "attested": file.attestations is not None}
            if self.tells_hashes
            else {}
        )


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    index: ReferenceServer

    def log_message(self, *_arguments: object) -> None:
        return

    def do_GET(self) -> None:
        self._serve()

    do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815 - how http.server calls them

    def _serve(self) -> None:
        self._body_read = False
        kind = self._kind()
        fault = self.index.fault(kind)
        self.index.log.append(kind)
        if fault is not None and fault.do == "break":
            self._take(fault.after_bytes)
            self.close_connection = True
            return
        if fault is not None and fault.do == "answer":
            self._read()
            self._send(Answer(fault.status, self._problem(fault.status, "fault", "Not now."), **fault.headers))
            return
        try:
            answer = self._answer(kind)
        except Answer as early:
            answer = early
        if fault is not None and fault.do == "lose":
            self.close_connection = True
            return
        if not self._body_read:
            self._read()
        self._send(answer)

    def _send(self, answer: Answer) -> None:
        body = b"" if answer.document is None else json.dumps(answer.document).encode()
        headers = {"Content-Type": MEDIA_TYPE if answer.status < 400 else "application/problem+json"} | answer.headers
        self.send_response(answer.status)
        for name, value in headers.items():
            self.send_header(name, value)
        if answer.status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _kind(self) -> str:
        path, method = urlsplit(self.path).path, self.command
        for ending, kind in (("/files", "announce"), ("/extend", "extend"), ("/publish", "publish"), ("/bytes", "bytes"),
                             ("/attestations", "attest"), ("/complete", "complete")):  # fmt: skip
            if path.startswith("/upload/") and path.endswith(ending):
                return kind
        if path == "/upload/":
            return "open"
        if path.startswith("/upload/s/"):
            return "cancel" if method == "DELETE" else "session"
        if path.startswith("/upload/f/"):
            if path.endswith("/parts"):
                return "part" if method == "PUT" else "parts"
            return "delete" if method == "DELETE" else "file"
        return path

    def _answer(self, kind: str) -> Answer:
        if kind.startswith("/"):
            return self._others(kind)
        if not self.index.speaks_2_0:
            self._read()
            raise Answer(404, None, Content_Type="text/html")
        self._authorize()
        method = getattr(self, f"_{kind}")
        answer: Answer = method()
        return answer

    # The sessions.

    def _open(self) -> Answer:
        value = self._json({"name", "version"})
        index = self.index
        with index.lock:
            if value["name"] in index.forbidden_names:
                raise self._no(403, "forbidden", f"You may not upload to {value['name']}.")
            for one in index.sessions.values():
                if (one.name, one.version) == (value["name"], value["version"]) and one.status in (
                    "open",
                    "error",
                    "processing",
                ):
                    url = index.session_document(one)["links"]["session"]
                    raise self._no(409, "session-exists", "There is a session.", Location=url)
            session = PublishingSession(secrets.token_hex(8), secrets.token_hex(16), value["name"], value["version"])
            index.sessions[session.id] = session
            document = index.session_document(session)
        return Answer(201, document, Location=document["links"]["session"])

    def _session(self) -> Answer:
        session = self._this_session()
        session.looks += 1
        if self.index.on_look is not None:
            self.index.on_look(session)
        if self.index.cancelled_by_people and session.looks > 2:
            session.status = "canceled"
        if session.status == "processing":
            session.polls -= 1
            if session.polls <= 0:
                self._settle(session)
        return Answer(200, self.index.session_document(session), Retry_After="0")

    def _extend(self) -> Answer:
        assert self._json({"extend-for"})["extend-for"] > 0
        self.index.expires = EXPIRES
        return Answer(200, self.index.session_document(self._this_session()))

    def _cancel(self) -> Answer:
        session = self._this_session()
        if session.status == "processing":
            raise self._no(409, "processing", "It is being published.")
        session.status = "canceled"
        return Answer(204)

    def _publish(self) -> Answer:
        self._json(set())
        session = self._this_session()
        index = self.index
        unfinished = [one.filename for one in session.files.values() if one.status not in ("completed", "canceled")]
        if unfinished:
            index.breach(f"publish while {unfinished} are not completed")
            raise self._no(409, "files-not-complete", "Not every file is complete.")
        if session.status not in ("open", "error"):
            raise self._no(409, "closed", f"The session is {session.status}.")
        if index.approvals_after is not None and session.looks < index.approvals_after:
            document = self._problem(409, "needs-approval", "This release needs 2 approvals.")
            document |= {"approvals": {"given": 1, "wanted": 2}, "approvers": ["bob", "car\x1b[31mol"],
                         "page": f"{index.url}/manage/demo/1.0/"}  # fmt: skip
            raise Answer(409, document)
        url = index.session_document(session)["links"]["session"]
        if index.publish_polls:
            session.status, session.polls = "processing", index.publish_polls
            return Answer(202, None, Location=url)
        self._settle(session)
        return Answer(201, None, Location=url)

    def _settle(self, session: PublishingSession) -> None:
        if self.index.publish_fails:
            session.status, session.notices = "error", [self.index.publish_fails]
            return
        session.status = "published"
        there = self.index.published.setdefault(session.name, {})
        for one in session.files.values():
            if one.status == "completed" and one.body is not None:
                there[one.filename] = one.body
                if one.attestations is not None:
                    self.index.published_attestations[one.filename] = one.attestations

    # The files.

    def _announce(self) -> Answer:
        value = self._json({"filename", "size", "hashes", "mechanism"})
        session, index = self._this_session(), self.index
        if not set(value["hashes"]) & hashlib.algorithms_guaranteed:
            index.breach("no secure digest")
        with index.lock:
            if value["mechanism"] not in index.mechanisms:
                raise self._no(422, "mechanism", f"{value['mechanism']} is not known here.")
            if value["filename"] in index.published.get(session.name, {}):
                raise self._no(409, "file-exists", f"{value['filename']} is published already.")
            there = session.files.get(value["filename"])
            if there is not None and there.status != "canceled":
                raise self._no(409, "file-there", "It is in the session already.")
            if index.one_at_a_time and any(one.status == "pending" for one in session.files.values()):
                raise self._no(409, "one-at-a-time", "One file after the other, please.")
            file = StagedFile(
                secrets.token_hex(8), value["filename"], value["size"], value["hashes"]["sha256"], value["mechanism"]
            )
            session.files[file.filename] = file
        return Answer(202, index.file_document(session, file), Retry_After="0")

    def _bytes(self) -> Answer:
        _, file = self._this_file()
        self._expect_type("application/octet-stream")
        if self.headers["Content-Length"] is None or int(self.headers["Content-Length"]) != file.size:
            self.index.breach("Content-Length is not the announced size")
        if file.mechanism != POST_BYTES or file.status != "pending":
            self.index.breach(f"bytes for a file that is {file.status} by {file.mechanism}")
        file.body = self._counted_read()
        return Answer(204)

    def _parts(self) -> Answer:
        _, file = self._this_file()
        listed = [{"offset": at, "size": len(body), "sha256": hashlib.sha256(body).hexdigest()}
                  for at, body in sorted(file.parts.items())]  # fmt: skip
        return Answer(200, {"meta": {"api-version": "2.0"}, "size": file.size, "parts": listed})

    def _part(self) -> Answer:
        _, file = self._this_file()
        self._expect_type("application/octet-stream")
        offset = int(parse_qs(urlsplit(self.path).query)["offset"][0])
        body = self._counted_read()
        sent = base64.b64decode(self.headers["Content-Digest"].removeprefix("sha-256=:").removesuffix(":"))
        if sent != hashlib.sha256(body).digest():
            raise self._no(400, "digest-mismatch", "The part has another digest.")
        if offset % self.index.part_bytes or len(body) > self.index.part_bytes or file.mechanism != PARTS:
            self.index.breach(f"a part of {len(body)} bytes at {offset}")
        if self.index.hold_parts_after is not None and len(file.parts) >= self.index.hold_parts_after:
            self.index.held.set()
            assert self.index.go.wait(60)
        with self.index.lock:
            file.parts[offset] = body
        return Answer(204)

    def _attest(self) -> Answer:
        _, file = self._this_file()
        self._expect_type("application/json")
        if file.status != "pending":
            self.index.breach("attestations after completion")
        file.attestations = json.loads(self._read())
        if not isinstance(file.attestations, list):
            self.index.breach("attestations are no array")
        return Answer(204)

    def _complete(self) -> Answer:
        self._json(set())
        session, file = self._this_file()
        if file.mechanism == PARTS and file.parts:
            file.body = b"".join(file.parts[at] for at in sorted(file.parts))
        if file.status != "pending":
            raise self._no(409, "not-pending", f"It is {file.status}.")
        url = self.index.file_url(session, file)
        if file.body is None or len(file.body) != file.size or hashlib.sha256(file.body).hexdigest() != file.sha256:
            self.index.breach(f"completed without its bytes: {file.filename}")
            file.status = "error"
            raise self._no(400, "incomplete", "Its bytes are not there.")
        if self.index.file_polls:
            file.status, file.polls = "processing", self.index.file_polls
            return Answer(202, None, Location=url)
        self._check(file)
        if file.status == "error":
            raise self._no(400, "bad-file", file.notices[0])
        return Answer(201, None, Location=url)

    def _check(self, file: StagedFile) -> None:
        fault = self.index.bad_files.get(file.filename)
        file.status, file.notices = ("error", [fault]) if fault else ("completed", [])

    def _file(self) -> Answer:
        session, file = self._this_file()
        if file.status == "processing":
            file.polls -= 1
            if file.polls <= 0:
                self._check(file)
        return Answer(200, self.index.file_document(session, file), Retry_After="0")

    def _delete(self) -> Answer:
        _, file = self._this_file()
        if file.status == "processing":
            raise self._no(409, "processing", "It is being checked.")
        file.status = "canceled"
        return Answer(204)

    # Others.

    def _others(self, path: str) -> Answer:
        index = self.index
        body = self._read()
        if path == "/.well-known/pytp":
            if "Authorization" in self.headers:
                index.breach("a token was shown to the discovery")
            if index.discovery is None:
                raise Answer(404)
            assert self.headers["Accept"] == "application/vnd.pypi.pytp.v1+json"
            assert parse_qs(urlsplit(self.path).query)["discover"] == ["/upload/"]
            return Answer(200, index.discovery)
        if path == "/audience":
            return Answer(200, {"audience": "reference"})
        if path == "/mint":
            index.identities.append(json.loads(body)["token"])
            status, document = index.mint_answer
            return Answer(status, document)
        if path == "/legacy/":
            return self._legacy(body)
        if path.startswith("/simple/"):
            files = index.published.get(path.split("/")[2], {})
            listed = [
                {"filename": name, "hashes": {"sha256": hashlib.sha256(one).hexdigest()}} for name, one in files.items()
            ]
            return Answer(200, {"meta": {"api-version": "1.1"}, "files": listed})
        raise Answer(404)

    def _legacy(self, body: bytes) -> Answer:
        self._authorize()
        whole = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode() + body
        form = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(whole)
        fields: list[tuple[str, Any]] = []
        for part in form.iter_parts():
            content = part.get_payload(decode=True)
            name = str(part.get_param("name", header="content-disposition"))
            fields.append((name, content if name == "content" else content.decode()))  # type: ignore[union-attr]
        self.index.legacy_forms.append(fields)
        return Answer(200)

    # Reading and refusing.

    def _authorize(self) -> None:
        header = self.headers.get("Authorization", "")
        token = base64.b64decode(header.removeprefix("Basic ")).decode().partition(":")[2] if header else ""
        if token not in self.index.tokens:
            raise self._no(401, "unauthorized", "This token is not known.", WWW_Authenticate="Basic")

    def _this_session(self) -> PublishingSession:
        found = self.index.sessions.get(urlsplit(self.path).path.split("/")[3])
        if found is None:
            raise self._no(404, "no-session", "There is no such session.")
        return found

    def _this_file(self) -> tuple[PublishingSession, StagedFile]:
        token, _, file_id = urlsplit(self.path).path.split("/")[3].partition("-")
        for session in self.index.sessions.values():
            for one in session.files.values():
                if session.token == token and one.id == file_id:
                    return session, one
        raise self._no(404, "no-file", "There is no such file.")

    def _json(self, members: set[str]) -> dict[str, Any]:
        self._expect_type(MEDIA_TYPE)
        value: dict[str, Any] = json.loads(self._read())
        if value.get("meta") != {"api-version": "2.0"} or set(value) != members | {"meta"}:
            self.index.breach(f"{self.path}: {sorted(value)} is not what PEP 694 asks for")
        return value

    def _expect_type(self, wanted: str) -> None:
        if self.headers["Content-Type"] != wanted:
            self.index.breach(f"{self.path}: {self.headers['Content-Type']} instead of {wanted}")

    def _read(self) -> bytes:
        self._body_read = True
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _counted_read(self) -> bytes:
        with self.index.lock:
            self.index.sending += 1
            self.index.most_at_once = max(self.index.most_at_once, self.index.sending)
        body = self._read()
        with self.index.lock:
            self.index.sending -= 1
            self.index.bytes_received += len(body)
        return body

    def _take(self, size: int) -> None:
        taken = len(self.rfile.read(min(size, int(self.headers.get("Content-Length") or 0))))
        with self.index.lock:
            self.index.bytes_received += taken

    def _problem(self, status: int, code: str, detail: str) -> dict[str, Any]:
        return {"type": f"https://index.test/errors#{code}", "status": status, "title": "No", "details": detail,
                "code": code, "meta": {"api-version": "2.0"}, "errors": []}  # fmt: skip

    def _no(self, status: int, code: str, detail: str, **headers: str) -> Answer:
        if not self._body_read:
            self._read()
        return Answer(status, self._problem(status, code, detail), **headers)


class Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that has gone is no error of ours."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


@contextmanager
def reference_server() -> Iterator[ReferenceServer]:
    """The index on a loopback port. At the end every breach of the protocol fails the test."""
    index = ReferenceServer()
    handler = type("Bound", (Handler,), {"index": index})
    server = Quiet(("127.0.0.1", 0), handler)
    index.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield index
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert not index.violations, index.violations

"""A web server on loopback that does what a test tells it to: answers, fails, hangs, hangs up, drips, redirects."""

from __future__ import annotations

import base64
import hashlib
import hmac
import ssl
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread

DRIP_SECONDS = 0.05
TOLERANCE_SECONDS = 300


@dataclass(frozen=True)
class Request:
    """What somebody has sent; header names in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Reply:
    """What to say to it."""

    status: int = 200
    body: bytes = b"thanks\n"
    headers: Mapping[str, str] = field(default_factory=dict)


HANG, HANG_UP, DRIP, BREAK_OFF = "hang", "hang up", "drip", "break off"
Behaviour = Reply | str


def redirect(to: str, status: int = 302) -> Reply:
    """A redirect."""
    return Reply(status, b"", {"location": to})


@dataclass
class Receiver:
    """The server as a test sees it. ``answer`` may be changed at any time; ``requests`` grows."""

    port: int
    scheme: str = "http"
    host: str = "127.0.0.1"
    requests: list[Request] = field(default_factory=list)
    answer: Callable[[Request], Behaviour] = lambda _request: Reply()
    over: Event = field(default_factory=Event)

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.host}:{self.port}/hook"


class _Server(ThreadingHTTPServer):
    def __init__(self, address: tuple[str, int], made: Receiver) -> None:
        super().__init__(address, _Handler)
        self.made = made

    def handle_error(self, *_: object) -> None:
        """Clients that give up are the point of some tests."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, self.path, headers, body)
        self.server.made.requests.append(request)
        self.close_connection = True
        behaviour = self.server.made.answer(request)
        if isinstance(behaviour, Reply):
            self._reply(behaviour)
        elif behaviour == HANG:
            self.server.made.over.wait(60)
        elif behaviour == BREAK_OFF:
            self.wfile.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nonly this")
        elif behaviour == DRIP:
            self._drip()

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815 - the library's names

    def _reply(self, reply: Reply) -> None:
        self.send_response(reply.status)
        self.send_header("content-length", str(len(reply.body)))
        self.send_header("connection", "close")  # said, so that nobody asks again on a connection that ends
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(reply.body)

    def _drip(self) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
        try:
            while not self.server.made.over.wait(DRIP_SECONDS):
                self.wfile.write(b".")
        except OSError:
            return

    def log_message(self, *_: object) -> None:
        return


@contextmanager
def receiver(*, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> Iterator[Receiver]:
    """A running server; those who still hang in it are let go at the end."""
    made = Receiver(0, host=host)
    server = _Server((host, 0), made)
    made.port = server.server_address[1]
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
        made.scheme = "https"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        made.over.set()
        server.shutdown()
        server.server_close()
        thread.join(10)


@dataclass(frozen=True)
class Certificate:
    """A certificate of its own authority: what a server shows, and what a client that knows it trusts."""

    server: ssl.SSLContext
    client: ssl.SSLContext


def certificate_for(folder: Path, *names: str) -> Certificate:
    """A self-signed certificate for these host names (or ``IP:…``), made by openssl."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    alternatives = ",".join(name if ":" in name else f"DNS:{name}" for name in names)
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days",
         "2", "-subj", "/CN=test", "-addext", f"subjectAltName={alternatives}", "-addext",
         "basicConstraints=critical,CA:FALSE", "-keyout", str(key), "-out",
         str(certificate)],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate, key)
    return Certificate(server, ssl.create_default_context(cafile=str(certificate)))


def is_genuine(secret: str, headers: Mapping[str, str], body: bytes, *, now: float) -> bool:
    """Whether a webhook is what it says, by the recipe of Standard Webhooks 1.0.0 and without any of our code.

    One of the ``v1`` signatures must be that of ``id.timestamp.body``, and it must be fresh.
    """
    identifier, timestamp = headers["webhook-id"], headers["webhook-timestamp"]
    if abs(now - int(timestamp)) > TOLERANCE_SECONDS:
        return False
    key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    expected = hmac.new(key, f"{identifier}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    for one in headers["webhook-signature"].split(" "):
        version, _, signature = one.partition(",")
        if version == "v1" and hmac.compare_digest(base64.b64decode(signature), expected):
            return True
    return False

"""A44 behind nginx and haproxy: whatever an attacker sends, the next client gets the answer to his own request.

Both front ends keep connections to the index open and share them between clients, which is what smuggling needs.
"""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2 as httpx
import pytest

from packages import wheel
from servers import MORTAL, free_port, until_listening
from world import Server, upload

pytestmark = pytest.mark.slow

# The smuggled request asks for an address that no victim asks for; its answer is "ok".
HIDDEN = b"GET /-/health HTTP/1.1\r\nHost: x\r\n\r\n"
CHUNKED = b"0\r\n\r\n" + HIDDEN
POST = b"POST /legacy/ HTTP/1.1\r\nHost: x\r\n"
GET = b"GET /-/ready HTTP/1.1\r\nHost: x\r\n"


def length(body: bytes) -> bytes:
    return b"Content-Length: " + str(len(body)).encode() + b"\r\n"


ATTACKS = {
    "length, then chunked": POST + length(CHUNKED) + b"Transfer-Encoding: chunked\r\n\r\n" + CHUNKED,
    "chunked, then length": POST + b"Transfer-Encoding: chunked\r\n" + length(b"0\r\n\r\n") + b"\r\n" + CHUNKED,
    "short length and chunked": POST + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"
    + f"{len(HIDDEN):x}\r\n".encode() + HIDDEN + b"\r\n0\r\n\r\n",
    "space before the colon": POST + length(CHUNKED) + b"Transfer-Encoding : chunked\r\n\r\n" + CHUNKED,
    "tab before the value": POST + length(CHUNKED) + b"Transfer-Encoding:\tchunked\r\n\r\n" + CHUNKED,
    "vertical tab": POST + length(CHUNKED) + b"Transfer-Encoding: \x0bchunked\r\n\r\n" + CHUNKED,
    "unknown coding": POST + length(CHUNKED) + b"Transfer-Encoding: xchunked\r\n\r\n" + CHUNKED,
    "identity, chunked": POST + length(CHUNKED) + b"Transfer-Encoding: identity, chunked\r\n\r\n" + CHUNKED,
    "two codings": POST + length(CHUNKED) + b"Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n" + CHUNKED,
    "folded coding": POST + length(CHUNKED) + b"Transfer-Encoding:\r\n chunked\r\n\r\n" + CHUNKED,
    "coding after a bare line feed": POST + length(CHUNKED) + b"X: a\nTransfer-Encoding: chunked\r\n\r\n" + CHUNKED,
    "two lengths": POST + b"Content-Length: 0\r\n" + length(HIDDEN) + b"\r\n" + HIDDEN,
    "lengths in a list": POST + b"Content-Length: 0, 40\r\n\r\n" + HIDDEN,
    "length with a sign": POST + b"Content-Length: +0\r\n\r\n" + HIDDEN,
    "length in hexadecimal": POST + b"Content-Length: 0x0\r\n\r\n" + HIDDEN,
    "length with an underscore": POST + b"Content_Length: 0\r\n" + length(HIDDEN) + b"\r\n" + HIDDEN,
    "length on a read": GET + length(HIDDEN) + b"\r\n" + HIDDEN,
    "chunked read": GET + b"Transfer-Encoding: chunked\r\n\r\n" + CHUNKED,
    "bare line feeds": HIDDEN.replace(b"\r\n", b"\n") + HIDDEN,
    "bare carriage return": GET + b"X: a\rTransfer-Encoding: chunked\r\n" + length(CHUNKED) + b"\r\n" + CHUNKED,
    "chunk size with a sign": POST + b"Transfer-Encoding: chunked\r\n\r\n+0\r\n\r\n" + HIDDEN,
    "chunk size in 0x": POST + b"Transfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n" + HIDDEN,
    "chunk size that overflows": POST + b"Transfer-Encoding: chunked\r\n\r\n10000000000000000\r\n" + HIDDEN,
    "chunk extension of 1 MB": POST + b"Transfer-Encoding: chunked\r\n\r\n0;" + b"a" * 2**20 + b"\r\n\r\n" + HIDDEN,
    "chunk ended by a line feed": POST + b"Transfer-Encoding: chunked\r\n\r\n0\n\n" + HIDDEN,
    "trailer that is a header": POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n" + length(HIDDEN) + b"\r\n" + HIDDEN,
    "header of 1 MB": GET + b"X: " + b"a" * 2**20 + b"\r\n\r\n" + HIDDEN,
    "null in a header": GET + b"X: a\x00b\r\n\r\n" + HIDDEN,
    "a read after a refused body": POST + b"Content-Length: 9999999999\r\n\r\n" + HIDDEN,
    "HTTP/1.0 kept alive": b"POST /legacy/ HTTP/1.0\r\nConnection: keep-alive\r\n" + length(HIDDEN) + b"\r\n" + HIDDEN,
    "HTTP/1.0 chunked": b"POST /legacy/ HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n" + CHUNKED,
    "upgrade to h2c": GET + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n" + HIDDEN,
    "upgrade to a websocket": GET + b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\r\n" + HIDDEN,
    "length named by Connection": POST + b"Connection: Content-Length\r\n" + length(HIDDEN) + b"\r\n" + HIDDEN,
    "expectation": POST + b"Expect: 100-continue\r\n" + length(HIDDEN) + b"\r\n" + HIDDEN,
}  # fmt: skip


@contextmanager
def nginx(folder: Path, backend: int) -> Iterator[int]:
    """Nginx as the documentation has it: HTTP/1.1 to the index, connections kept."""
    port = free_port()
    folders = "".join(
        f"{name}_temp_path {folder}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;\n"
        "events { worker_connections 256; }\n"
        f"http {{ access_log off; {folders}\n"
        f"upstream index {{ server 127.0.0.1:{backend}; keepalive 1; }}\n"
        f"server {{ listen 127.0.0.1:{port}; client_max_body_size 0; proxy_request_buffering off;\n"
        f"location / {{ proxy_pass http://index; proxy_http_version 1.1;\n"
        'proxy_set_header Connection ""; proxy_set_header Host $host; } } }\n'
    )
    command = ["nginx", "-c", str(folder / "nginx.conf"), "-p", str(folder), "-e", str(folder / "error.log")]
    with _front(command, port):
        yield port


@contextmanager
def haproxy(folder: Path, backend: int) -> Iterator[int]:
    """Haproxy that shares its connections to the index between all clients."""
    port = free_port()
    (folder / "haproxy.cfg").write_text(
        "defaults\n mode http\n timeout connect 5s\n timeout client 30s\n timeout server 30s\n http-reuse always\n"
        f"frontend front\n bind 127.0.0.1:{port}\n default_backend index\n"
        f"backend index\n server one 127.0.0.1:{backend}\n"
    )
    with _front(["haproxy", "-db", "-q", "-f", str(folder / "haproxy.cfg")], port):
        yield port


@contextmanager
def _front(command: list[str], port: int) -> Iterator[None]:
    process = subprocess.Popen([*MORTAL, *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until_listening(port, process)
        yield
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture(scope="module", params=["alone", "nginx", "haproxy"])
def front(
    request: pytest.FixtureRequest, running_index: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[int]:
    """The port that attackers and victims use."""
    folder = tmp_path_factory.mktemp("front")
    if request.param == "alone":
        yield running_index.port
    else:
        with (nginx if request.param == "nginx" else haproxy)(folder, running_index.port) as port:
            yield port


def send(port: int, request: bytes) -> bytes:
    """What comes back until the line is closed or silent for a moment."""
    with socket.create_connection(("127.0.0.1", port), timeout=0.5) as line:
        answer = b""
        try:
            line.sendall(request)
            while piece := line.recv(65536):
                answer += piece
        except (TimeoutError, ConnectionResetError, BrokenPipeError):
            pass
    return answer


@pytest.mark.parametrize("kind", ATTACKS)
def test_a44_the_next_client_gets_the_answer_to_his_own_request(front: int, kind: str) -> None:
    answer = send(front, ATTACKS[kind])
    assert b" 500 " not in answer.partition(b"\r\n")[0], answer[:200]
    for number in range(4):
        victim = httpx.get(f"http://127.0.0.1:{front}/-/ready", headers={"x-victim": str(number)})
        assert (victim.status_code, victim.text) == (200, "ready\n")


def test_uploads_and_downloads_pass_through(front: int, running_index: Server) -> None:
    dist = wheel("passes-through", f"1.{front}")
    token = running_index.new_token("passer")
    with httpx.Client(base_url=f"http://127.0.0.1:{front}", timeout=30) as client:
        assert upload(client, token, dist, name="passes-through", version=f"1.{front}").status == 200
        assert client.get(f"/files/passes-through/{dist.filename}").content == dist.body
        assert dist.filename in client.get("/simple/passes-through/").text

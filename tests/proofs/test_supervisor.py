"""The process tree: one server for a folder, nobody left behind, whoever dies is started again."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2 as httpx
import pytest

from world import Server, running

pytestmark = pytest.mark.slow


PATIENCE_SECONDS = 30.0
"""For what comes at once on an idle machine."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server to be stopped or killed."""
    with running(tmp_path / "data") as started:
        yield started


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that outlives the test."""
    with running(tmp_path_factory.mktemp("lasting") / "data") as started:
        yield started


def within_patience(ask: Callable[[], bool]) -> bool:
    """Whether something becomes true."""
    deadline, pause = time.monotonic() + PATIENCE_SECONDS, threading.Event()
    while time.monotonic() < deadline:
        if ask():
            return True
        pause.wait(0.02)
    return ask()


def port_is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def descendants(pid: int) -> list[int]:
    """All processes below one, from /proc."""
    found = []
    for child in Path(f"/proc/{pid}/task").glob("*/children"):
        for text in child.read_text().split():
            found += [int(text), *descendants(int(text))]
    return found


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_killed_supervisor_frees_the_port_and_leaves_no_orphan(server: Server) -> None:
    assert server.process is not None
    family = descendants(server.process.pid)
    assert len(family) >= 3, "web, its worker and work"
    os.kill(server.process.pid, signal.SIGKILL)
    assert within_patience(lambda: port_is_free(server.port))
    with pytest.raises(httpx.TransportError):
        httpx.get(f"{server.url}/-/health", timeout=1)
    assert within_patience(lambda: not any(is_running(pid) for pid in family))
    server.process.wait(5)
    server.start()


def test_a_second_server_on_the_same_folder_is_refused(lasting: Server) -> None:
    assert lasting.process is not None
    second = subprocess.run(
        [sys.executable, "-m", "customhouse", "serve"], env=lasting.environment, check=False, capture_output=True,
        text=True, timeout=30,
    )  # fmt: skip
    assert second.returncode == 4
    assert f"process id {lasting.process.pid} is using it" in second.stderr


def test_a_child_that_dies_is_started_again(lasting: Server) -> None:
    assert lasting.process is not None
    before = descendants(lasting.process.pid)
    for pid in before:
        if is_running(pid):
            os.kill(pid, signal.SIGKILL)

    def answers() -> bool:
        try:
            return httpx.get(f"{lasting.url}/-/ready", timeout=1).status_code == 200
        except httpx.TransportError:
            return False

    assert within_patience(answers)


def test_a_polite_stop_ends_everybody(server: Server) -> None:
    assert server.process is not None
    family = descendants(server.process.pid)
    server.stop()
    assert server.process.returncode == 0
    assert not any(is_running(pid) for pid in family)


def test_a_client_that_leaves_leaves_no_file(lasting: Server) -> None:
    token = lasting.new_token()
    head = (
        f"POST /legacy/ HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
        "Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 50000000\r\n\r\n"
    )
    part = b'--b\r\nContent-Disposition: form-data; name="content"; filename="a-1.0-py3-none-any.whl"\r\n\r\n'
    spool = lasting.data / "spool"
    with socket.create_connection(("127.0.0.1", lasting.port)) as line:
        line.sendall(head.encode() + part + b"x" * 5_000_000)
        assert within_patience(lambda: any(path.stat().st_size > 2**20 for path in spool.iterdir()))
    assert within_patience(lambda: not list(spool.iterdir()))


@pytest.mark.parametrize("size", [2**28, pytest.param(2**30, marks=pytest.mark.prove)], ids=["256 MiB", "1 GiB"])
def test_a_large_upload_needs_little_memory_and_stalls_nobody(lasting: Server, size: int) -> None:
    """Streaming: the web worker grows by less than 64 MiB during an upload of many times that, and others are answered."""
    assert lasting.process is not None
    token = lasting.new_token()
    block = b"\0" * 2**20
    part = b'--b\r\nContent-Disposition: form-data; name="content"; filename="a-1.0-py3-none-any.whl"\r\n\r\n'
    end = b"\r\n--b--\r\n"
    head = (
        f"POST /legacy/ HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n"
        f"Content-Type: multipart/form-data; boundary=b\r\nContent-Length: {len(part) + size + len(end)}\r\n\r\n"
    )
    family = descendants(lasting.process.pid)
    before = {pid: _memory(pid) for pid in family}
    with socket.create_connection(("127.0.0.1", lasting.port)) as line:
        line.sendall(head.encode() + part)
        for number in range(size // len(block)):
            line.sendall(block)
            if number % 32 == 0:  # whoever waits for the upload's end waits in vain: it waits for him
                assert httpx.get(f"{lasting.url}/-/health", timeout=PATIENCE_SECONDS).status_code == 200
        line.sendall(end)
        answer = line.recv(65536)
    assert answer.startswith(b"HTTP/1.1 400"), answer[:200]
    grown = max(_memory(pid) - before[pid] for pid in family if is_running(pid))
    assert grown < 64 * 2**20, f"{grown / 2**20:.0f} MiB"
    assert within_patience(lambda: not list((lasting.data / "spool").iterdir()))


def _memory(pid: int) -> int:
    """The most that a process has ever held, in bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    line = next((line for line in status.splitlines() if line.startswith("VmHWM")), "VmHWM: 0 kB")
    return int(line.split()[1]) * 1024

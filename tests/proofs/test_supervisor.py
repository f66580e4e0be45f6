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

from world import Server

pytestmark = pytest.mark.slow


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path / "data")
    made.start()
    yield made
    made.stop()


def within(seconds: float, ask: Callable[[], bool]) -> bool:
    """Whether something becomes true in time."""
    deadline, pause = time.monotonic() + seconds, threading.Event()
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


def test_a_killed_supervisor_frees_the_port_within_a_second_and_leaves_no_orphan(server: Server) -> None:
    assert server.process is not None
    family = descendants(server.process.pid)
    assert len(family) >= 3, "web, its worker and work"
    os.kill(server.process.pid, signal.SIGKILL)
    assert within(1.0, lambda: port_is_free(server.port))
    with pytest.raises(httpx.TransportError):
        httpx.get(f"{server.url}/-/health", timeout=1)
    assert within(1.0, lambda: not any(is_running(pid) for pid in family))
    server.process.wait(5)
    server.start()


def test_a_second_server_on_the_same_folder_is_refused(server: Server) -> None:
    assert server.process is not None
    second = subprocess.run(
        [sys.executable, "-m", "customhouse", "serve"], env=server.environment, check=False, capture_output=True,
        text=True, timeout=30,
    )  # fmt: skip
    assert second.returncode == 4
    assert f"process id {server.process.pid} is using it" in second.stderr


def test_a_child_that_dies_is_started_again(server: Server) -> None:
    assert server.process is not None
    before = descendants(server.process.pid)
    for pid in before:
        if is_running(pid):
            os.kill(pid, signal.SIGKILL)

    def answers() -> bool:
        try:
            return httpx.get(f"{server.url}/-/ready", timeout=1).status_code == 200
        except httpx.TransportError:
            return False

    assert within(15.0, answers)


def test_a_polite_stop_ends_everybody(server: Server) -> None:
    assert server.process is not None
    family = descendants(server.process.pid)
    server.stop()
    assert server.process.returncode == 0
    assert not any(is_running(pid) for pid in family)


def test_a_client_that_leaves_leaves_no_file(server: Server) -> None:
    token = server.new_token()
    head = (
        f"POST /legacy/ HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
        "Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 50000000\r\n\r\n"
    )
    part = b'--b\r\nContent-Disposition: form-data; name="content"; filename="a-1.0-py3-none-any.whl"\r\n\r\n'
    spool = server.data / "spool"
    with socket.create_connection(("127.0.0.1", server.port)) as line:
        line.sendall(head.encode() + part + b"x" * 5_000_000)
        assert within(10, lambda: any(path.stat().st_size > 2**20 for path in spool.iterdir()))
    assert within(10, lambda: not list(spool.iterdir()))


def test_a_gigabyte_needs_little_memory_and_stalls_nobody(server: Server) -> None:
    """Streaming: the web worker grows by less than 64 MiB during an upload of 1 GiB, and others are answered."""
    assert server.process is not None
    token = server.new_token()
    size = 2**30
    block = b"\0" * 2**20
    part = b'--b\r\nContent-Disposition: form-data; name="content"; filename="a-1.0-py3-none-any.whl"\r\n\r\n'
    end = b"\r\n--b--\r\n"
    head = (
        f"POST /legacy/ HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n"
        f"Content-Type: multipart/form-data; boundary=b\r\nContent-Length: {len(part) + size + len(end)}\r\n\r\n"
    )
    family = descendants(server.process.pid)
    before = {pid: _memory(pid) for pid in family}
    slowest = 0.0
    with socket.create_connection(("127.0.0.1", server.port)) as line:
        line.sendall(head.encode() + part)
        for number in range(size // len(block)):
            line.sendall(block)
            if number % 64 == 0:
                began = time.monotonic()
                assert httpx.get(f"{server.url}/-/health", timeout=10).status_code == 200
                slowest = max(slowest, time.monotonic() - began)
        line.sendall(end)
        answer = line.recv(65536)
    assert answer.startswith(b"HTTP/1.1 400"), answer[:200]
    grown = max(_memory(pid) - before[pid] for pid in family if is_running(pid))
    assert grown < 64 * 2**20, f"{grown / 2**20:.0f} MiB"
    assert slowest < 5
    assert within(10, lambda: not list((server.data / "spool").iterdir()))


def _memory(pid: int) -> int:
    """The most that a process has ever held, in bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    line = next((line for line in status.splitlines() if line.startswith("VmHWM")), "VmHWM: 0 kB")
    return int(line.split()[1]) * 1024

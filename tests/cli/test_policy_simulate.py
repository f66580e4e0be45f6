"""``customhouse policy simulate`` against an index that means harm or is confused: no other host, no traceback."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from command_line import Done, customhouse

VERDICT = {
    "name": "demo",
    "version": "1.0",
    "found": True,
    "action": "hide",
    "rule": "\x1b[2Jx",
    "reason": "\x1b]0;t\x07",
}
FINE = {"verdicts": [VERDICT], "newest": [], "delayed": [], "waits": [], "left": [], "failed": []}


@contextmanager
def index(candidate: dict[str, object] | None, decided: object, status: int = 201) -> Iterator[str]:
    """An index that answers so; ``None`` for a good candidate."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            if self.path.endswith("/candidates"):
                own = {"candidate": "t" * 32, "simple": f"{url}/view/~{'t' * 32}/simple/"}
                self._say(own if candidate is None else candidate, status)
            else:
                self._say(decided, 200)

        def do_GET(self) -> None:
            self._say({"files": []}, 200)

        def _say(self, value: object, status: int) -> None:
            body = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield url
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def simulate(url: str, folder: Path, *more: str) -> Done:
    (folder / "requirements.txt").write_text("demo==1.0\n")
    around = {"CUSTOMHOUSE_TOKEN": "secret", "CUSTOMHOUSE_INDEX": url, "HOME": str(folder)}
    words = ("policy", "simulate", "requirements.txt", "--policy", "open", "--view", "main", *more)
    return customhouse(*words, environment=around, folder=folder)


@pytest.mark.parametrize(
    "candidate",
    [
        {"candidate": "t", "simple": "http://127.0.0.2:1/view/~t/simple/"}, {"candidate": "t", "simple": "file:///~t/simple/"},
        {"candidate": "t", "simple": "/elsewhere/"}, {"candidate": 3, "simple": None}, {},
    ],
)  # fmt: skip
def test_a_candidate_on_another_host_is_not_asked(tmp_path: Path, candidate: dict[str, object]) -> None:
    with index(candidate, FINE) as url:
        done = simulate(url, tmp_path)
    assert done.returncode in (2, 4)
    assert done.stdout == ""
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "decided",
    [{}, [], {**FINE, "verdicts": [{}]}, {**FINE, "verdicts": 3}, {**FINE, "delayed": [{"name": "x", "days": "soon"}]},
     {**FINE, "verdicts": [{**VERDICT, "changes_at": "tomorrow"}]}],
)  # fmt: skip
def test_decisions_that_cannot_be_read_are_a_failure_of_the_index(tmp_path: Path, decided: object) -> None:
    with index(None, decided) as url:
        done = simulate(url, tmp_path)
    assert done.returncode in (3, 4)
    assert "Nothing breaks.\n" not in done.stdout
    assert "Traceback" not in done.stderr


def test_what_an_index_says_cannot_drive_the_terminal(tmp_path: Path) -> None:
    with index(None, FINE) as url:
        done = simulate(url, tmp_path)
        marked = simulate(url, tmp_path, "--markdown")
    assert done.returncode == marked.returncode == 1
    assert "U+001B" in done.stdout
    assert "\x1b" not in done.stdout + marked.stdout

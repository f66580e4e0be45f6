"""Resolving asks the candidate alone, whatever the project that is tried and the user's own settings of uv say."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from customhouse.consume.policy.model import Root
from customhouse.consume.policy.resolve import Resolver

ASKED: list[tuple[int, str]] = []


class _Index(BaseHTTPRequestHandler):
    """Has nothing, and notes who was asked for what."""

    def do_GET(self) -> None:
        ASKED.append((self.connection.getsockname()[1], self.path))
        self.send_error(404)

    do_HEAD = do_GET  # noqa: N815 - as `http.server` calls it

    def log_message(self, *_args: object) -> None:
        """Says nothing."""


@pytest.fixture
def ports() -> Iterator[tuple[int, int]]:
    """The candidate's, and that of somebody who must not be asked."""
    ASKED.clear()
    servers = [ThreadingHTTPServer(("127.0.0.1", 0), _Index) for _ in range(2)]
    for one in servers:
        threading.Thread(target=one.serve_forever, daemon=True).start()
    yield servers[0].server_port, servers[1].server_port
    for one in servers:
        one.shutdown()
        one.server_close()


def asked_elsewhere(ports: tuple[int, int], folder: Path) -> list[str]:
    """What the other one was asked for."""
    resolver = Resolver([Root("six", "you")], (), folder)
    assert resolver.against(f"http://127.0.0.1:{ports[0]}/simple/").chosen is None
    assert (ports[0], "/simple/six/") in ASKED
    return [path for port, path in ASKED if port == ports[1]]


@pytest.mark.parametrize("key", ["override-dependencies", "constraint-dependencies"])
@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:{port}/six-9-py3-none-any.whl", "git+http://127.0.0.1:{port}/six", "file:///etc"]
)
def test_no_requirement_of_the_projects_settings_leads_to_an_address(
    ports: tuple[int, int], tmp_path: Path, key: str, address: str
) -> None:
    text = f"{key} = ['six @ {address.format(port=ports[1])}', 'idna<9', 'six[x]@{address.format(port=ports[1])}']\n"
    (tmp_path / "uv.toml").write_text(text)
    assert asked_elsewhere(ports, tmp_path) == []


def test_no_other_index_of_the_user_answers_for_the_candidate(
    ports: tuple[int, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or "nothing breaks" would be said of versions that the view does not have."""
    home = tmp_path / "home" / "uv"
    home.mkdir(parents=True)
    (home / "uv.toml").write_text(f'[[index]]\nname = "other"\nurl = "http://127.0.0.1:{ports[1]}/simple/"\n')
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home.parent))
    assert asked_elsewhere(ports, tmp_path) == []

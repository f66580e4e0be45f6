"""``customhouse release open``: what a server is told of the run that is to be opened there."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from command_line import Done, customhouse
from customhouse.release.template_texts import template_text
from receiver import Receiver, Reply, receiver
from small_pipeline import SMALL


@pytest.fixture
def server() -> Iterator[Receiver]:
    with receiver() as found:
        found.answer = lambda _request: Reply(201, b'{"run": "abc"}', {"content-type": "application/json"})
        yield found


def opened(folder: Path, server: Receiver, words: Sequence[str], text: str = SMALL) -> Done:
    """Open a run there, as somebody types it in the project's folder."""
    (folder / "release.toml").write_bytes(text.encode())
    return customhouse(
        "release", "open", "release.toml", "--index", f"http://127.0.0.1:{server.port}", "--token", "ch_x", *words,
        folder=folder,
    )  # fmt: skip


def told(server: Receiver) -> dict[str, Any]:
    (request,) = server.requests
    assert (request.method, request.path) == ("POST", "/api/release/runs")
    found: dict[str, Any] = json.loads(request.body)
    return found


def test_its_address_is_said_and_what_machines_type(tmp_path: Path, server: Receiver) -> None:
    done = opened(tmp_path, server, ["--param", "version=1.0"])
    address = f"http://127.0.0.1:{server.port}/release/run/abc/"
    assert (done.returncode, done.stdout.splitlines()) == (
        0, [address, f"customhouse release join {address} --actor ACTOR"],
    )  # fmt: skip
    assert told(server)["params"] == {"version": "1.0"}


def test_places_are_read_as_for_a_run_on_one_machine(tmp_path: Path, server: Receiver) -> None:
    folder = tmp_path / "beside"
    folder.mkdir()
    (folder / "places.toml").write_text('[fork]\nurl = "../fork.git"\n[sigstore]\nattest = false\n')
    words = [
        "--param=version=1.0",
        "--places=beside/places.toml",
        "--place=fork.adapter=hook",
        "--place=atom.path=./a",
    ]
    assert opened(tmp_path, server, words).returncode == 0
    assert told(server)["places"] == {
        "fork": {"url": str(tmp_path / "fork.git"), "adapter": "hook"},
        "sigstore": {"attest": "false"},
        "atom": {"path": str(tmp_path / "a")},
    }


def test_without_a_name_it_is_release_toml_and_what_no_place_says_is_named(tmp_path: Path, server: Receiver) -> None:
    (tmp_path / "release.toml").write_text(template_text("compiled-library"))
    words = ["--index", f"http://127.0.0.1:{server.port}", "--token", "ch_x", "--param", "version=1.0.0"]
    done = customhouse("release", "open", *words, "--place", "fork.url=/srv/fork.git", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert told(server)["pipeline"] == template_text("compiled-library")
    said = " ".join(done.stderr.split())
    assert "No place says upstream.url, index.url, sigstore.trust_config, atom.path: machines" in said


def test_the_pipeline_is_sent_as_the_file_has_it_byte_for_byte(tmp_path: Path, server: Receiver) -> None:
    text = SMALL.replace("\n", "\r\n")
    assert opened(tmp_path, server, ["--param", "version=1.0"], text).returncode == 0
    assert told(server)["pipeline"] == text


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--param", "version"], "gives no value"),
        (["--param=version=1.0", "--place=fork"], "no setting"),
        (["--param=version=1.0", "--places=none.toml"], "none.toml"),
    ],
)
def test_what_cannot_be_is_told_before_anything_is_sent(
    words: list[str], said: str, tmp_path: Path, server: Receiver
) -> None:
    done = opened(tmp_path, server, words)
    assert (done.returncode, server.requests) == (2, [])
    assert said in done.stderr

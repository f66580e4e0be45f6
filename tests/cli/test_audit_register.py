"""``customhouse audit register`` and ``audit override``: against a real index, and in the hands of somebody who errs."""

from __future__ import annotations

import time
from pathlib import Path

import httpx2 as httpx
import pytest

from advising import advise, record
from command_line import Done, customhouse
from world import POLL_SECONDS, Server

pytestmark = pytest.mark.slow
LOCK = "gamma-lib==1.9\ndelta-lib==1.0  # ours\n"


def run(folder: Path, *arguments: str, token: str = "", index: str = "") -> Done:
    environment = {
        "HOME": str(folder), "CUSTOMHOUSE_TOKEN": token, "CUSTOMHOUSE_INDEX": index, "UV_HTTP_RETRIES": "0",
    }  # fmt: skip
    return customhouse("audit", *arguments, folder=folder, environment=environment)


def test_a_lock_is_registered_and_audited_when_an_advisory_comes(running_index: Server, tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text(LOCK)
    token = running_index.new_token("rhoda")
    done = run(tmp_path, "register", "requirements.txt", "--title", "shop", token=token, index=running_index.url)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("2 packages are audited again whenever an advisory changes: http")
    standing = done.stdout.rstrip().rstrip("/").rpartition("/")[2]
    with running_index.opened() as app:
        advise(app, record("PYSEC-2026-950", "gamma-lib", fixed="2.1"))
    found: list[dict[str, str]] = []
    deadline = time.monotonic() + 60
    while not found and time.monotonic() < deadline:
        answer = httpx.get(
            f"{running_index.url}/api/standing/{standing}/", headers={"authorization": f"Bearer {token}"}, timeout=30
        )
        found = answer.json()["findings"]
        time.sleep(POLL_SECONDS)
    assert [(one["package"], one["fix"]) for one in found] == [("gamma-lib", "2.1")]


def test_what_cannot_be_registered_is_said(running_index: Server, tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text(LOCK)
    (tmp_path / "empty.txt").write_text("# nothing\n")
    (tmp_path / "loose.txt").write_text("gamma-lib==1.9\ndelta-lib>=1\n")
    token = running_index.new_token("rhoda")
    for arguments, words in (
        (["register", "requirements.txt"], "nobody has said where"),
        (["register", "requirements.txt", "--index", running_index.url, "--token", "x"], "The index says no"),
        (["register", "empty.txt", "--index", running_index.url, "--token", token], "no package with a version"),
        (["register", "none.txt", "--index", running_index.url, "--token", token], "no such file"),
        (["register", "requirements.txt", "--index", "http://192.0.2.1", "--token", token], "without TLS"),
        (["register", "requirements.txt", "--index", running_index.url, "--token", token, "--webhook", "x"], "webhook"),
    ):
        done = run(tmp_path, *arguments)
        assert (done.returncode, words in done.stderr) == (2, True), done.stderr
    partly = run(tmp_path, "register", "loose.txt", "--index", running_index.url, "--token", token)
    assert (partly.returncode, "Not registered" in partly.stdout) == (3, True)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["b==2.1", "--command", "pytest"], "there is none of uv.lock"),
        (["b>=2.1", "--command", "pytest", "--from", "requirements.txt"], "names no single version"),
        (["b", "--command", "pytest", "--from", "requirements.txt"], "names no single version"),
        (["b==2.*", "--command", "pytest", "--from", "requirements.txt"], "names no single version"),
        (["b==2.1", "--command", "", "--from", "requirements.txt"], "is empty"),
        (["b==2.1", "--command", "'", "--from", "requirements.txt"], "No closing quotation"),
    ],
)
def test_a_run_that_cannot_be_made_is_refused(tmp_path: Path, arguments: list[str], words: str) -> None:
    done = run(tmp_path, "override", "record", *arguments)
    assert (done.returncode, words in done.stderr) == (2, True), done.stderr


@pytest.mark.parametrize("text", ["{", "[]", '{"format": 2, "runs": []}', '{"format": 1, "runs": [{}]}'])
def test_a_damaged_file_of_runs_is_said_and_not_written_over(tmp_path: Path, text: str) -> None:
    (tmp_path / "customhouse.overrides.json").write_text(text)
    (tmp_path / "requirements.txt").write_text(LOCK)
    done = run(tmp_path, "override", "record", "b==2.1", "--command", "true")
    assert (done.returncode, "customhouse.overrides.json" in done.stderr) == (2, True)
    assert (tmp_path / "customhouse.overrides.json").read_text() == text


def test_the_index_that_uv_cannot_reach_is_named(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text(LOCK)
    done = run(
        tmp_path,
        "override",
        "record",
        "gamma-lib==2.1",
        "--command",
        "true",
        "--index-url",
        "http://127.0.0.1:9/simple/",
    )
    assert (done.returncode, "uv" in done.stderr) == (4, True)
    assert not (tmp_path / "customhouse.overrides.json").exists()

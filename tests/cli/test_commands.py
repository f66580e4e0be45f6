"""The commands as somebody types them: what they print, where, and with which exit code."""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from command_line import Done, customhouse
from customhouse.formats.api_token import PATTERN
from servers import free_port

pytestmark = pytest.mark.slow
TOKEN = re.compile(PATTERN + r"\n")


def run(folder: Path, *arguments: str, **environment: str) -> Done:
    """``customhouse ARGUMENTS`` in a folder of its own."""
    return customhouse(*arguments, folder=folder, environment=environment)


def run_process(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The same as a process, as a shell starts it; for some of these tests, because that takes seconds."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("CUSTOMHOUSE_")}
    return subprocess.run(
        [sys.executable, "-m", "customhouse", *arguments],
        cwd=folder, env=kept | environment, check=False, capture_output=True, text=True, timeout=60,
    )  # fmt: skip


def test_help_lists_every_command_with_a_sentence(tmp_path: Path) -> None:
    done = run(tmp_path, "--help")
    assert done.returncode == 0
    for command in ("serve", "web", "work", "user", "token", "check"):
        assert re.search(rf"\b{command}\b +\w+", done.stdout), command
    assert not list(tmp_path.iterdir()), "help makes no data folder"


def test_a_token_goes_to_standard_output_alone(tmp_path: Path) -> None:
    made = run_process(tmp_path, "user", "add", "alice")
    assert (made.returncode, made.stdout) == (0, "Made the account alice. Next: customhouse token create alice\n")
    token = run_process(tmp_path, "token", "create", "alice", "--project", "demo")
    assert token.returncode == 0
    assert TOKEN.fullmatch(token.stdout)
    assert "the project 'demo'" in token.stderr
    assert "shown only now" in token.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "part"),
    [
        (["user", "add", "no spaces"], 2, "ASCII letters"),
        (["token", "create", "nobody"], 2, "nobody"),
        (["user", "add"], 2, "requires an argument"),
        (["nonsense"], 2, "nonsense"),
        (["serve", "--port", "70000"], 2, "port"),
    ],
)
def test_a_mistake_is_named_and_leaves_with_two(tmp_path: Path, arguments: list[str], code: int, part: str) -> None:
    done = run(tmp_path, *arguments)
    assert done.returncode == code
    assert part in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_an_account_is_made_once(tmp_path: Path) -> None:
    run(tmp_path, "user", "add", "alice")
    again = run(tmp_path, "user", "add", "Alice")
    assert again.returncode == 2
    assert "alice" in again.stderr.lower()


def test_a_bad_setting_is_named(tmp_path: Path) -> None:
    done = run(tmp_path, "check", CUSTOMHOUSE_WEB_WORKERS="many")
    assert done.returncode == 2
    assert "web_workers" in done.stderr
    assert "'many'" in done.stderr


def test_settings_come_from_the_file_and_the_flag_wins(tmp_path: Path) -> None:
    (tmp_path / "customhouse.toml").write_text('data = "from-file"\n')
    assert run(tmp_path, "user", "add", "alice").returncode == 0
    assert run(tmp_path, "user", "add", "alice", "--data", "from-flag").returncode == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["customhouse.toml", "from-file", "from-flag"]


def test_check_is_green_on_a_new_installation_and_red_on_a_broken_one(tmp_path: Path) -> None:
    run(tmp_path, "user", "add", "alice", CUSTOMHOUSE_DATA="data")
    fine = run(tmp_path, "check", CUSTOMHOUSE_DATA="data")
    assert (fine.returncode, "✗" in fine.stdout, "✓" in fine.stdout) == (0, False, True)
    with closing(sqlite3.connect(tmp_path / "data" / "customhouse.sqlite3")) as database, database:
        database.execute("UPDATE ledger_event SET hash = 'forged' WHERE serial = 1")
    broken = run_process(tmp_path, "check", CUSTOMHOUSE_DATA="data")
    assert (broken.returncode, "✗" in broken.stdout) == (1, True)


def test_a_database_that_is_away_is_a_service_that_failed(tmp_path: Path) -> None:
    url = f"postgresql://nobody@127.0.0.1:{free_port()}/nothing?connect_timeout=2"
    done = run_process(tmp_path, "check", CUSTOMHOUSE_DATABASE=url)
    assert done.returncode == 4
    assert "The database is not available" in done.stderr
    assert "Traceback" not in done.stderr

"""``customhouse downloads import`` as somebody types it."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest

from clock import TurnableClock
from command_line import Done, customhouse
from customhouse.app import prepare
from customhouse.catalog.downloads import queries
from customhouse.infra.settings import Settings
from stock import FIRST, Stocked, stocked_app

pytestmark = pytest.mark.slow
LINE = f'203.0.113.7 - - [24/Nov/2026:10:00:00 +0000] "GET /files/demo/{FIRST} HTTP/1.1" 200 9 "-" "pip/26"\n'
JSON = (
    '{"date": "2026-11-24", "time": "10:00:00", "c-ip": "198.51.100.1", "cs-method": "GET",'
    f' "cs-uri-stem": "/files/demo/{FIRST}", "sc-status": "200"}}\n'
)


@pytest.fixture
def stocked(tmp_path: Path, clock: TurnableClock) -> Iterator[Stocked]:
    settings = Settings.model_validate({"data": tmp_path / "customhouse-data"})
    prepare(settings)
    with stocked_app(settings, clock) as opened:
        yield opened


def import_logs(folder: Path, *arguments: str) -> Done:
    return customhouse("downloads", "import", *arguments, folder=folder)


def test_logs_are_imported_once_and_said_in_a_line_each(stocked: Stocked, tmp_path: Path) -> None:
    (tmp_path / "access.log").write_text(LINE + LINE + JSON + LINE.replace(FIRST, "other-1.0.tar.gz"))
    (tmp_path / "older.log.gz").write_bytes(gzip.compress(LINE.replace("24/Nov", "23/Nov").encode()))
    done = import_logs(tmp_path, "access.log", "older.log.gz")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "access.log: 3 downloads in 4 lines; 1 of files that are not here.",
        "older.log.gz: 1 downloads in 1 lines.",
    ]
    again = import_logs(tmp_path, "access.log", "older.log.gz")
    assert again.returncode == 0
    assert again.stdout.count("nothing new; this log is imported already") == 2
    with stocked.app.database.read() as sql:
        assert queries.downloads_of(sql, 1, stocked.clock.now().date()) == (3, 2)


@pytest.mark.usefixtures("stocked")
def test_bad_lines_are_named_and_leave_with_three(tmp_path: Path) -> None:
    (tmp_path / "access.log").write_text(LINE + "nonsense\n" + LINE + "more nonsense\n")
    done = import_logs(tmp_path, "access.log")
    assert done.returncode == 3
    assert done.stdout == "access.log: 2 downloads in 4 lines.\n"
    assert "2 lines could not be read; the first is line 2: " in done.stderr
    assert "neither a line of the combined format nor a JSON object" in done.stderr


def test_a_missing_log_leaves_with_two_and_counts_nothing(stocked: Stocked, tmp_path: Path) -> None:
    (tmp_path / "access.log").write_text(LINE)
    (tmp_path / "broken.gz").write_bytes(gzip.compress(LINE.encode())[:-9])
    for arguments in (["access.log", "missing.log"], ["."], [], ["broken.gz"]):
        done = import_logs(tmp_path, *arguments)
        assert done.returncode == 2, arguments
        assert "Traceback" not in done.stderr
    with stocked.app.database.read() as sql:
        assert queries.downloads_of(sql, 1, stocked.clock.now().date()) == (0, 0)


def test_help_says_which_logs_are_read(tmp_path: Path) -> None:
    done = import_logs(tmp_path, "--help")
    assert done.returncode == 0
    for word in ("combined format", "cs-uri-stem", "sc-range-start", "Exit code 3"):
        assert word in " ".join(done.stdout.split()), word

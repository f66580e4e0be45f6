"""``customhouse mail deliver``, as a mail server calls it: by what it ends with."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from customhouse.advisories.disclosure import queries
from customhouse.app import open_app
from customhouse.infra.settings import Settings
from letters_in import letter
from world import IDLE, Server

pytestmark = pytest.mark.slow
ADDRESS = "security@index.test"


def deliver(data: Path, raw: bytes, *arguments: str, address: str = ADDRESS) -> subprocess.CompletedProcess[bytes]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CUSTOMHOUSE_")}
    return subprocess.run(
        [sys.executable, "-m", "customhouse", "mail", "deliver", *arguments], input=raw, capture_output=True, check=False,
        timeout=120, env={**kept, "CUSTOMHOUSE_DATA": str(data), "CUSTOMHOUSE_SECURITY_ADDRESS": address},
    )  # fmt: skip


def test_a_message_that_is_piped_to_the_command_becomes_a_case(tmp_path: Path) -> None:
    Server(tmp_path / "data").lay_out()
    data, raw = tmp_path / "data", letter().as_bytes()
    done = deliver(data, raw)
    assert (done.returncode, done.stdout) == (0, b"report\n"), done.stderr
    assert deliver(data, raw).stdout == b"known\n"
    refused = deliver(data, raw, "--to", "somebody@else.example")
    assert refused.returncode == 67, refused.stderr
    assert b"Traceback" not in refused.stderr
    with open_app(Settings.model_validate({"data": data}), walkers=IDLE) as app, app.database.read() as sql:
        assert [case.title for case in queries.open_cases(sql)] == ["It leaks"]

"""Why a view lets a package in, or does not: in a terminal and in a browser, on a real index.

With ``CUSTOMHOUSE_PICTURES=folder`` the sights are kept.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from browser import faults
from playwright.sync_api import Browser

from command_line import customhouse
from packages import wheel
from terminal_picture import terminal_picture
from upstream_world import upstream_world
from world import Server, running

pytestmark = pytest.mark.slow
RECORD = {
    "schema_version": "1.7.0", "id": "PYSEC-2026-1", "modified": "2026-11-20T00:00:00Z", "summary": "made up",
    "affected": [{
        "package": {"ecosystem": "PyPI", "name": "demo"},
        "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "2.0"}]}],
    }],
    "severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}],
}  # fmt: skip
PICTURES = os.environ.get("CUSTOMHOUSE_PICTURES", "")


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A real index with a view ``main`` of an upstream that has an old and a young release."""
    now = datetime.now(UTC)
    with upstream_world() as upstream:
        upstream.add(wheel("demo", "1.0"))
        upstream.add(wheel("demo", "2.0"), uploaded_at=now - timedelta(days=400))
        upstream.add(wheel("demo", "2.1"), uploaded_at=now - timedelta(hours=30))
        settings = {f"CUSTOMHOUSE_{key.upper()}": json.dumps(value) for key, value in upstream.settings().items()}
        data = tmp_path_factory.mktemp("explained")
        with running(data / "data", environment=settings) as server:
            records = data / "records"
            records.mkdir()
            (records / "PYSEC-2026-1.json").write_text(json.dumps(RECORD))
            server.command("advisory", "import", str(records))
            server.command("view", "add", "main", "--upstream", "pypi", "--policy", "balanced")
            yield server


def test_in_a_terminal_it_fits_eighty_columns_and_says_the_same(index: Server, tmp_path: Path) -> None:
    plain = {"CUSTOMHOUSE_INDEX": index.url}
    whole = customhouse("policy", "explain", "demo", "--view", "main", environment=plain, folder=tmp_path)
    assert whole.returncode == 0, whole.stderr
    assert "2.1  hidden" in whole.stdout
    one = customhouse("policy", "explain", "demo", "2.1", "--view", "main", environment=plain, folder=tmp_path)
    assert one.returncode == 1
    assert "HIDDEN by rule 'cooldown'" in one.stdout
    assert "age < 7d: " in one.stdout
    assert "rules that do not apply: --all" in one.stdout
    every = customhouse(
        "policy", "explain", "demo", "2.1", "--view", "main", "--all", environment=plain, folder=tmp_path
    )
    assert "- similar name: does not apply" in every.stdout
    for done in (whole, one, every):
        assert max(map(len, done.stdout.splitlines())) <= 80
    terminal_picture("policy-explain", "customhouse policy explain demo --view main", whole.stdout)
    terminal_picture("policy-explain-version", "customhouse policy explain demo 2.1 --view main", one.stdout)
    told = customhouse(
        "policy", "explain", "demo", "2.1", "--view", "main", "--json", environment=plain, folder=tmp_path
    )
    assert json.loads(told.stdout)["versions"][0]["verdict"] == "hide"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("nothing", "--view", "main"), 2, "There is no project named 'nothing' here."),
        (("demo", "9", "--view", "main"), 2, "The view has no version '9' of it."),
        (("demo", "--view", "other"), 2, "There is no such view here."),
        (("demo",), 2, "--view NAME"),
        (("no name", "--view", "main"), 2, "is not a project name"),
    ],
)
def test_what_cannot_be_explained_is_said_in_a_sentence(
    index: Server, tmp_path: Path, arguments: tuple[str, ...], code: int, said: str
) -> None:
    done = customhouse("policy", "explain", *arguments, environment={"CUSTOMHOUSE_INDEX": index.url}, folder=tmp_path)
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr


def test_an_index_that_is_none_is_a_failed_service(tmp_path: Path) -> None:
    with upstream_world() as upstream:
        done = customhouse("policy", "explain", "demo", "--view", "main", "--index", upstream.url, folder=tmp_path)
    assert done.returncode == 4
    assert "no JSON" in done.stderr


def test_people_and_programs_can_read_the_page(index: Server, browser: Browser) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{index.url}/view/main/project/demo/")
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    assert faults(page) == []
    if PICTURES:
        page.goto(f"{index.url}/view/main/project/demo/")
        page.screenshot(path=Path(PICTURES) / "policy-page.png")
    context.close()

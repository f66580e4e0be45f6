"""The journey "libwebp": two real wheels of Pillow, the CVE of 2023, and who bundles it, within a second.

Pillow 10.0.0 has no bill of materials, and its libwebp says its version nowhere; the suffix of the file tells.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
from playwright.sync_api import Browser
from test_journeys import Traveller

from bundled_wheels import fetched
from command_line import customhouse
from customhouse.formats.osv.read import read_record
from mail_sink import MailSink
from world import Server

pytestmark = pytest.mark.slow

RECORD = Path(__file__).parents[1] / "data/advisories/CVE-2023-4863-libwebp.json"
CVE = "CVE-2023-4863"
ASKED = "/bundled/?library=libwebp&range=%3C1.3.2"


@pytest.fixture
def index(sink: MailSink, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A real server that sends its mail to the sink."""
    server = Server(tmp_path_factory.mktemp("libwebp") / "data", environment=dict(sink.environment))
    server._environment["CUSTOMHOUSE_URL"] = server.url
    server.start()
    sink.clear()
    try:
        yield server
        server.check()
    finally:
        server.stop()


def bundling(index: Server, query: str) -> dict[str, list[dict[str, Any]]]:
    """What the API says, which must not take a second."""
    started = time.monotonic()
    answer = httpx.get(f"{index.url}/api/bundled?{query}")
    assert time.monotonic() - started < 1
    assert answer.status_code == 200, answer.text
    found: dict[str, list[dict[str, Any]]] = answer.json()
    return found


def test_who_bundles_libwebp(  # noqa: PLR0915 - one journey, told in full
    index: Server, sink: MailSink, browser: Browser, tmp_path: Path
) -> None:
    paula, olga = (Traveller(name, index, sink, browser) for name in ("paula", "olga"))
    index.command("user", "role", "olga", "operator")
    for one in (paula, olga):
        one.set_password()

    # Paula publishes both releases. Nothing is known to be wrong with either.
    old, new = fetched("Pillow-10.0.0", "Pillow-10.0.1")
    token = paula.new_token()
    for path in (old, new):
        published = customhouse(
            "publish", "--index", index.url, "--token", token, "--allow-http", str(path), environment=index.environment
        )
        assert published.returncode == 0, published.stdout + published.stderr

    # The project's page says what each brings, and how we know.
    paula.goto("/project/pillow/10.0.0/")
    bundles = paula.page.locator("section", has=paula.page.get_by_role("heading", name="Bundles"))
    assert "libwebp" in bundles.inner_text()
    paula.page.get_by_text("soname-table, 4 files").click()
    bundles.scroll_into_view_if_needed()
    paula.photograph("libwebp-bundles.png")

    # The CVE arrives, on the library and not on any package.
    read_record(json.loads(RECORD.read_text()), RECORD.name)
    assert "1" in index.command("advisory", "import", str(RECORD))

    # Who bundles it? The page, the API and the command line answer alike, within a second.
    found = bundling(index, "library=libwebp&below=1.3.2")
    (bundler,) = found["files"]
    assert (bundler["version"], bundler["library_version"], bundler["owners"]) == ("10.0.0", "1.3.1", ["paula"])
    assert len(bundler["members"]) == 4
    assert found["unknown"] == []
    started = time.monotonic()
    page = httpx.get(index.url + ASKED)
    assert time.monotonic() - started < 1
    assert "Pillow 10.0.0" in page.text
    assert "10.0.1" not in page.text
    paula.goto(ASKED)
    paula.photograph("libwebp-who.png")
    line = customhouse("bundled", "libwebp", "--below", "1.3.2", environment=index.environment)
    assert line.returncode == 1, line.stderr
    assert "Pillow 10.0.0: libwebp 1.3.1" in line.stdout
    assert "10.0.1" not in line.stdout
    assert max(map(len, line.stdout.splitlines())) <= 80
    told = customhouse("bundled", str(old), environment=index.environment)
    assert "libwebp 1.3.1" in told.stdout

    # The operator sees whom it concerns, and tells them with one button, once.
    olga.goto(f"/admin/advisory/{CVE}/libraries/")
    olga.photograph("libwebp-desk.png")
    olga.press("Tell the owners of 1 file")
    assert olga.said == "The owners of 1 project hear of 1 file."
    assert "All owners are told." in olga.page.inner_text("main")
    letter = paula.letter(f"Pillow bundles libwebp, which {CVE} affects", "10.0.0 with libwebp 1.3.1", old.name)
    assert "10.0.1" not in letter
    assert index.command("bundled", "tell", CVE) == "Told the owners of 0 projects of 0 files."

    # The advisory lists the file with owner and downloads, for everybody.
    paula.goto(f"/advisory/{CVE}/")
    paula.page.get_by_role("heading", name="Files here that bundle it").scroll_into_view_if_needed()
    words = paula.page.inner_text("main")
    assert "1 file of 1 project here holds such a version" in words
    assert new.name not in words
    paula.photograph("libwebp-advisory.png")

    # An audit of the wheel by itself says the same, offline.
    records = tmp_path / "records"
    records.mkdir()
    (records / RECORD.name).write_text(RECORD.read_text())
    snapshot = ("--snapshot", str(tmp_path / "snapshot"), "--advisories", str(records), "--no-index")
    environment = index.environment | {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}
    audited = customhouse("audit", str(old), *snapshot, environment=environment)
    assert audited.returncode == 1, audited.stdout + audited.stderr
    assert CVE in audited.stdout
    assert "libwebp" in audited.stdout
    mended = customhouse("audit", str(new), *snapshot, environment=environment)
    assert CVE not in mended.stdout

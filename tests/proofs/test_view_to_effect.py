"""From the upstream's or our own word to the last door of a view, on a real server: less than a minute."""

from __future__ import annotations

import json
import time
from pathlib import Path

import httpx2 as httpx
import pytest

from customhouse.index.quarantine_by_hand import QuarantineProject, order_project_quarantine
from packages import wheel
from upstream_world import upstream_world
from world import running, upload

pytestmark = pytest.mark.prove
WITHIN_SECONDS, LOOK_SECONDS = 60.0, 0.5


def refused_after(address: str, began: float) -> float:
    """After how many seconds the address hands nothing out any more."""
    while time.monotonic() - began < WITHIN_SECONDS + 5:
        if httpx.get(address, timeout=30).status_code == httpx.codes.FORBIDDEN:
            return time.monotonic() - began
        time.sleep(LOOK_SECONDS)
    return float("inf")


def test_a_quarantine_here_and_upstream_is_in_effect_within_a_minute(tmp_path: Path) -> None:
    theirs, ours = wheel("theirs", "1.0"), wheel("ours", "1.0")
    with upstream_world() as upstream:
        upstream.add(theirs)
        environment = {f"CUSTOMHOUSE_{key.upper()}": json.dumps(value) for key, value in upstream.settings().items()}
        with running(tmp_path / "data", environment=environment, prepared=False) as server:
            server.command("view", "add", "main", "--upstream", "pypi")
            with httpx.Client(base_url=server.url, timeout=60) as client:
                assert upload(client, server.new_token("alice"), ours, name="ours", version="1.0").status == 200
            addresses = {
                name: f"{server.url}/view/main/files/{name}/{dist.filename}"
                for name, dist in (("ours", ours), ("theirs", theirs))
            }
            for address in addresses.values():
                assert httpx.get(address, timeout=60).status_code == 200
            upstream.projects["theirs"].status = "quarantined"
            with server.opened() as app:
                app.do(order_project_quarantine, QuarantineProject("ours", "malware"))
            began = time.monotonic()
            assert refused_after(addresses["ours"], began) < 5
            assert refused_after(addresses["theirs"], began) < WITHIN_SECONDS + 2
            server.command("check")

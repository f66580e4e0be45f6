"""``customhouse audit --fix`` and ``--install`` with a real index and real uv: what was affected is so no more."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import httpx2 as httpx
import pytest
from venvs import UV, clean_environment

from advising import record
from auditing import BIN, snapshot_of
from packages import wheel
from world import Server, upload

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def index(running_index: Server) -> str:
    """The simple repository of an index that holds two versions of two packages, one of which needs the other."""
    token = running_index.new_token("mender")
    with httpx.Client(base_url=running_index.url, timeout=30) as http:
        for name, version, headers in (
            ("mend-low", "1.0", {}), ("mend-low", "1.1", {}), ("mend-low", "2.0", {}),
            ("mend-top", "1.0", {"Requires-Dist": "mend-low>=1.0"}),
        ):  # fmt: skip
            dist = wheel(name, version, headers=headers)
            assert upload(http, token, dist, name=name, version=version).status == 200
    return f"{running_index.url}/simple/"


def audit(place: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    snapshot = place / "s.sqlite"
    if not snapshot.exists():
        snapshot_of(snapshot, record("PYSEC-2026-1", "mend-low", fixed="1.1"))
    command = [str(BIN / "customhouse"), "audit", "--snapshot", str(snapshot), "--old-after-days", "100000",
               "--advisories", str(place / "one.json"), *flags]  # fmt: skip
    (place / "one.json").write_text(json.dumps(record("PYSEC-2026-1", "mend-low", fixed="1.1").document, default=str))
    environment = {**clean_environment(place / "home"), "PATH": f"{BIN}:/usr/bin:/bin"}
    return subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, check=False)


def locked(place: Path, index: str) -> None:
    (place / "pyproject.toml").write_text(
        '[project]\nname = "job"\nversion = "0"\nrequires-python = ">=3.11"\ndependencies = ["mend-top", "mend-low>=1"]\n'
    )
    command = [str(UV), "lock", "--default-index", index, "--python", sys.executable, "--resolution", "lowest-direct"]
    subprocess.run(command, cwd=place, env=clean_environment(place / "home"), check=True, capture_output=True)


def test_a_lock_is_locked_anew_with_the_smallest_upgrade(index: str, tmp_path: Path) -> None:
    locked(tmp_path, index)
    assert 'name = "mend-low"\nversion = "1.0"' in (tmp_path / "uv.lock").read_text()
    found = audit(tmp_path, "uv.lock")
    assert found.returncode == 1, found.stderr
    assert "mend-low 1.0" in found.stdout
    mended = audit(tmp_path, "uv.lock", "--fix", "--index-url", index)
    assert mended.returncode == 0, mended.stdout + mended.stderr
    assert 'name = "mend-low"\nversion = "1.1"' in (tmp_path / "uv.lock").read_text()


def test_hashes_of_the_new_version_come_from_the_index(index: str, tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text(f"mend-low==1.0 \\\n    --hash=sha256:{'a' * 64}\n")
    mended = audit(tmp_path, "requirements.txt", "--fix", "--index-url", index)
    assert mended.returncode == 0, mended.stdout + mended.stderr
    page = httpx.get(f"{index}mend-low/", headers={"Accept": "application/vnd.pypi.simple.v1+json"}).json()
    (digest,) = [one["hashes"]["sha256"] for one in page["files"] if "-1.1-" in one["filename"]]
    assert (tmp_path / "requirements.txt").read_text() == f"mend-low==1.1 \\\n    --hash=sha256:{digest}\n"


def test_only_what_was_audited_is_installed_and_nothing_that_is_affected(index: str, tmp_path: Path) -> None:
    venv = tmp_path / "venv"
    subprocess.run([str(UV), "venv", "--quiet", "--python", sys.executable, str(venv)], check=True,
                   env=clean_environment(tmp_path / "home"))  # fmt: skip
    python = str(venv / "bin/python")
    (tmp_path / "bad.in").write_text("mend-low==1.0\n")
    (tmp_path / "good.in").write_text("--extra-index-url http://127.0.0.1:9/simple/\nmend-top\n")
    refused = audit(tmp_path, "bad.in", "--install", "--python", python, "--index-url", index)
    assert refused.returncode == 1, refused.stdout + refused.stderr
    assert "Nothing was installed" in refused.stderr
    assert not list(venv.glob("**/mend_low*"))
    done = audit(tmp_path, "good.in", "--install", "--python", python, "--index-url", index)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "The index http://127.0.0.1:9/simple/ that a file names does not count" in done.stderr
    assert sorted(one.name for one in venv.glob("**/mend_*.dist-info")) == [
        "mend_low-2.0.dist-info", "mend_top-1.0.dist-info",
    ]  # fmt: skip
    again = audit(tmp_path, "--python", python, "--no-index")
    assert again.returncode in (0, 3), again.stdout
    assert "mend-low" not in again.stdout


def test_a_yanked_release_is_told_and_is_no_upgrade(index: str, tmp_path: Path, running_index: Server) -> None:
    running_index.command("project", "yank", "mend-low", "1.1", "--reason", "broken")
    (tmp_path / "requirements.txt").write_text("mend-low==1.0\nmend-top==1.0\n")
    found = audit(tmp_path, "requirements.txt", "--index-url", index, "-f", "json")
    (finding,) = json.loads(found.stdout)["findings"]
    assert finding["upgrade"] == "2.0"
    (tmp_path / "requirements.txt").write_text("mend-low==1.1\n")
    told = audit(tmp_path, "requirements.txt", "--index-url", index, "-f", "json")
    assert [(one["status"], one["reason"]) for one in json.loads(told.stdout)["statuses"]] == [("yanked", "broken")]

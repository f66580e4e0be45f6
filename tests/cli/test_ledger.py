"""``customhouse ledger`` as somebody types it."""

from __future__ import annotations

from pathlib import Path

import pytest

from command_line import Done, customhouse

pytestmark = pytest.mark.slow


def run(folder: Path, *arguments: str, stdin: str = "") -> Done:
    """``customhouse ARGUMENTS`` in a folder of its own."""
    return customhouse(*arguments, folder=folder, stdin=stdin)


def test_an_export_is_verified_where_there_is_no_installation(tmp_path: Path) -> None:
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    home.mkdir()
    elsewhere.mkdir()
    for name in ("alice", "bob"):
        assert run(home, "user", "add", name).returncode == 0
    assert run(home, "token", "create", "alice", "--project", "demo").returncode == 0
    exported = run(home, "ledger", "export")
    assert exported.returncode == 0, exported.stderr
    assert exported.stdout.count("\n") == 3
    (elsewhere / "ledger.jsonl").write_text(exported.stdout)

    verified = run(elsewhere, "ledger", "verify", "ledger.jsonl")
    assert verified.returncode == 0
    assert "Entries 1 to 3: 3 hold what their hashes say, 0 are sealed." in verified.stdout
    assert [path.name for path in elsewhere.iterdir()] == ["ledger.jsonl"], "verifying makes no data folder"

    changed = run(elsewhere, "ledger", "verify", stdin=exported.stdout.replace("bob", "eve"))
    assert (changed.returncode, changed.stdout) == (1, "Entry 2 has other contents than its hash says.\n")
    shorter = "".join(exported.stdout.splitlines(keepends=True)[::2])
    assert run(elsewhere, "ledger", "verify", stdin=shorter).returncode == 1
    assert "There are 1 gaps" in run(elsewhere, "ledger", "verify", "--gaps", stdin=shorter).stdout
    for nonsense in ("", "hello\n"):
        refused = run(elsewhere, "ledger", "verify", stdin=nonsense)
        assert refused.returncode == 2
        assert "Traceback" not in refused.stderr
    assert run(elsewhere, "ledger", "verify", "nowhere.jsonl").returncode == 2


def test_an_export_can_be_for_the_public_of_one_project_and_of_a_part(tmp_path: Path) -> None:
    assert run(tmp_path, "user", "add", "alice").returncode == 0
    assert run(tmp_path, "token", "create", "alice", "--project", "demo").returncode == 0
    public = run(tmp_path, "ledger", "export", "--public").stdout
    assert "alice" not in public
    assert public.count("previous_hash") == 2
    assert '"kind":"token-created"' in run(tmp_path, "ledger", "export", "--project", "Demo").stdout
    assert run(tmp_path, "ledger", "export", "--project", "Demo", "--public").stdout == ""
    assert '"serial":2' in run(tmp_path, "ledger", "export", "--after", "1", "--limit", "1").stdout

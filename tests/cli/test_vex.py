"""VEX statements at the command line: made, listed, taken over, handed on and ended."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from command_line import Done, customhouse
from customhouse.consume.audit.vex_file import read_statements


def vex(folder: Path, *arguments: str) -> Done:
    return customhouse("vex", *arguments, folder=folder)


def added(folder: Path, *more: str, package: str = "b==1.9") -> Done:
    return vex(
        folder, "add", "CVE-2026-1000", package, "--justification", "vulnerable_code_not_in_execute_path",
        "--reason", "We never unpickle.", "--owner", "alice", "--expires", "90d", *more,
    )  # fmt: skip


def test_a_statement_is_added_listed_and_ended(tmp_path: Path) -> None:
    done = added(tmp_path, "--alias", "PYSEC-2026-1", "--without", "C_X")
    assert done.returncode == 0, done.stderr
    (one,) = read_statements([tmp_path / "customhouse.vex.json"])
    assert (one.owner, one.reopening.components, str(one.products[0])) == ("alice", ("c-x",), "b==1.9")
    shown = vex(tmp_path, "list").stdout
    assert "CVE-2026-1000 b==1.9\n  not affected, until" in shown
    assert max(map(len, shown.splitlines())) <= 80
    assert json.loads(vex(tmp_path, "list", "--json").stdout)["lapsed"] is False
    assert vex(tmp_path, "lapse").returncode == 0
    assert vex(tmp_path, "lapse", "--within", "100").returncode == 1
    assert "counts no more" in vex(tmp_path, "lapse", "PYSEC-2026-1").stdout
    done = vex(tmp_path, "lapse")
    assert (done.returncode, "LAPSED on" in done.stdout) == (1, True)


def test_the_same_statement_again_is_a_newer_version_of_it(tmp_path: Path) -> None:
    added(tmp_path)
    added(tmp_path, "--impact", "It is not called.")
    (one,) = read_statements([tmp_path / "customhouse.vex.json"])
    assert (one.version, one.impact) == (2, "It is not called.")
    assert json.loads((tmp_path / "customhouse.vex.json").read_text())["version"] == 2


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--expires", "181d"], "more than 180 days"),
        (["--expires", "2020-01-01"], "is over"),
        (["--expires", "soon"], "is no day"),
        (["--owner", " "], "--owner: it is empty"),
        (["--reason", ""], "--reason: it is empty"),
    ],
)
def test_a_statement_needs_an_owner_a_reason_and_an_expiry_that_is_near(
    tmp_path: Path, arguments: list[str], why: str
) -> None:
    plain = ["--justification", "component_not_present", "--reason", "x", "--owner", "alice", "--expires", "9d"]
    given = [one for at, one in enumerate(plain) if arguments[0] not in plain[max(0, at - 1) : at + 1]]
    done = vex(tmp_path, "add", "CVE-2026-1000", "b==1.9", *given, *arguments)
    assert done.returncode == 2
    assert why in done.stderr
    assert not (tmp_path / "customhouse.vex.json").exists()


def test_no_statement_without_its_why(tmp_path: Path) -> None:
    done = vex(
        tmp_path, "add", "CVE-2026-1000", "b==1.9", "--reason", "x", "--owner", "alice", "--expires", "9d",
    )  # fmt: skip
    assert (done.returncode, "and not why" in done.stderr) == (2, True)
    assert added(tmp_path, package="b @ https://example.org/b.whl").returncode == 2
    assert added(tmp_path, package="b==x y").returncode == 2


def test_longer_is_possible_if_somebody_says_so(tmp_path: Path) -> None:
    day = (datetime.now(UTC) + timedelta(days=400)).date().isoformat()
    done = vex(
        tmp_path, "add", "CVE-2026-1000", "b", "--impact", "x", "--reason", "x", "--owner", "alice",
        "--expires", day, "--longer",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("kind", ["openvex", "csaf", "cyclonedx"])
def test_what_is_exported_is_imported_again(tmp_path: Path, kind: str) -> None:
    added(tmp_path)
    assert vex(tmp_path, "export", kind, "--namespace", "https://example.org", "--output", "out.json").returncode == 0
    done = vex(tmp_path, "import", "out.json", "--file", "other.json")
    assert done.returncode == 0, done.stderr
    assert read_statements([tmp_path / "other.json"]) == read_statements([tmp_path / "customhouse.vex.json"])


def test_statements_of_others_need_an_expiry_and_may_get_another_owner(tmp_path: Path) -> None:
    (tmp_path / "vendor.json").write_text(
        json.dumps(
            {
                "@context": "https://openvex.dev/ns/v0.2.0", "@id": "https://vendor.example/1", "author": "Vendor",
                "timestamp": "2026-11-01T12:00:00Z", "version": 1, "statements": [{
                    "vulnerability": {"name": "CVE-2026-1000"}, "products": [{"@id": "pkg:pypi/b@1.9"}],
                    "status": "not_affected", "justification": "component_not_present",
                    "impact_statement": "It is not built in."}],
            }
        )
    )  # fmt: skip
    done = vex(tmp_path, "import", "vendor.json")
    assert (done.returncode, "not until when" in done.stderr) == (2, True)
    assert vex(tmp_path, "import", "vendor.json", "--expires", "30d", "--owner", "bob").returncode == 0
    (one,) = read_statements([tmp_path / "customhouse.vex.json"])
    assert (one.owner, one.impact) == ("bob", "It is not built in.")


def test_a_file_that_is_damaged_or_missing_is_said(tmp_path: Path) -> None:
    done = vex(tmp_path, "list")
    assert (done.returncode, "there is no such file" in done.stderr) == (2, True)
    (tmp_path / "customhouse.vex.json").write_text("{")
    done = vex(tmp_path, "list")
    assert (done.returncode, "it is no JSON" in done.stderr) == (2, True)
    assert added(tmp_path).returncode == 2
    assert (tmp_path / "customhouse.vex.json").read_text() == "{"

"""The journey "mitigated by VEX": a finding that does not concern us, said with an owner and an expiry, until it lapses."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import jsonschema
import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from advising import record
from auditing import snapshot_of
from command_line import Done, customhouse
from customhouse.consume.audit.engine import Engine
from customhouse.consume.audit.mitigated import mitigate
from customhouse.consume.audit.model import Finding
from customhouse.consume.audit.read.detect import read_target
from customhouse.consume.audit.vex_file import read_statements
from customhouse.consume.snapshot.read import Snapshot
from terminal_picture import terminal_picture

pytestmark = pytest.mark.slow
FILE = "customhouse.vex.json"
SCHEMA = Path(__file__).parents[1] / "data/vex/openvex-0.2.0.schema.json"


def run(folder: Path, *arguments: str) -> Done:
    return customhouse(*arguments, folder=folder, environment={"XDG_CACHE_HOME": str(folder / "cache")})


def audit(folder: Path, *flags: str) -> Done:
    """An audit of the requirements that believes the statements of the team."""
    return run(
        folder, "audit", "requirements.txt", "--offline", "--snapshot", "s.sqlite", "--old-after-days", "100000",
        *flags,
    )  # fmt: skip


def know(folder: Path, modified: str) -> None:
    """An advisory about betalib, as it was modified last."""
    snapshot_of(
        folder / "s.sqlite",
        record("PYSEC-2026-900", "betalib", fixed="2.1", aliases=["CVE-2026-9000"], modified=modified),
    )


def on(folder: Path, day: date) -> Finding:
    """The same audit with the clock turned to a day."""
    (subject,) = read_target(folder / "requirements.txt")
    report = Engine(Snapshot(folder / "s.sqlite")).audit([subject])
    (found,) = mitigate(report.findings, read_statements([folder / FILE]), day, subject.components)
    return found


def say(folder: Path, *more: str) -> Done:
    """The team says that it is not affected."""
    return run(
        folder, "vex", "add", "CVE-2026-9000", "betalib==1.9", "--justification", "vulnerable_code_not_in_execute_path",
        "--reason", "We never read YAML with it: see tests/test_no_yaml.py.", "--owner", "alice", "--expires", "90d", *more,
    )  # fmt: skip


def test_journey_of_a_finding_that_is_mitigated_without_an_upgrade(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("alphalib==1.4\nbetalib==1.9\n")
    know(tmp_path, "2026-10-01T00:00:00Z")
    today = datetime.now(UTC).date()
    (tmp_path / FILE).write_text(_empty_neighbour())
    found = audit(tmp_path)
    assert found.returncode == 1, found.stdout + found.stderr
    terminal_picture("vex-finding", "customhouse audit requirements.txt", found.stdout)

    # Said with an owner, a reason and an expiry: the audit is content, and shows who answers for it.
    said = say(tmp_path)
    assert said.returncode == 0, said.stderr
    held = audit(tmp_path)
    assert held.returncode == 0, held.stdout + held.stderr
    assert "alice" in held.stdout
    terminal_picture("vex-mitigated", "customhouse audit requirements.txt", held.stdout)
    terminal_picture("vex-list", "customhouse vex list", run(tmp_path, "vex", "list").stdout)

    # The clock turns: it holds up to its last day, and on the next it is open again.
    last = today + timedelta(days=90)
    assert on(tmp_path, last).mitigation is not None
    lapsed = on(tmp_path, last + timedelta(days=1))
    assert lapsed.mitigation is None
    assert f"it has expired on {last.isoformat()}" in lapsed.remarks[0]

    # It goes out in every format, and each is valid.
    exported = _exported(tmp_path)
    jsonschema.validate(exported["openvex"], json.loads(SCHEMA.read_text()))
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(exported["cyclonedx"])) is None
    assert exported["csaf"]["document"]["category"] == "csaf_vex"
    for kind in exported:
        done = run(tmp_path, "vex", "import", f"{kind}.json", "--file", f"from-{kind}.json")
        assert done.returncode == 0, done.stderr
        again = read_statements([tmp_path / f"from-{kind}.json"])
        assert again == read_statements([tmp_path / FILE])
        assert run(
            tmp_path, "audit", "requirements.txt", "--offline", "--snapshot", "s.sqlite", "--old-after-days", "100000",
            "--no-vex", "--vex", f"from-{kind}.json",
        ).returncode == 0  # fmt: skip

    # Another version is another matter.
    (tmp_path / "requirements.txt").write_text("alphalib==1.4\nbetalib==1.9.1\n")
    other = audit(tmp_path)
    assert other.returncode == 1
    assert "it is for betalib==1.9, and betalib 1.9.1 is here" in " ".join(other.stdout.split())
    (tmp_path / "requirements.txt").write_text("alphalib==1.4\nbetalib==1.9\n")

    # The advisory is modified after the statement: somebody must look again.
    know(tmp_path, (datetime.now(UTC) + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ"))
    changed = audit(tmp_path)
    assert changed.returncode == 1
    assert "after it was made" in " ".join(changed.stdout.split())
    terminal_picture("vex-reopened", "customhouse audit requirements.txt", changed.stdout)
    know(tmp_path, "2026-10-01T00:00:00Z")

    # A second opinion that is stricter wins, and that is said.
    run(
        tmp_path, "vex", "add", "CVE-2026-9000", "betalib==1.9", "--status", "under-investigation",
        "--reason", "A plug-in may.", "--owner", "bob", "--expires", "9d",
    )  # fmt: skip
    doubted = audit(tmp_path)
    assert doubted.returncode == 1
    assert "contradict each other" in " ".join(doubted.stdout.split())

    # Ended by hand.
    assert run(tmp_path, "vex", "lapse", "CVE-2026-9000").returncode == 0
    assert audit(tmp_path).returncode == 1
    assert run(tmp_path, "vex", "lapse").returncode == 1


def _empty_neighbour() -> str:
    """A file that says something of something else."""
    return json.dumps({
        "@context": "https://openvex.dev/ns/v0.2.0", "@id": "urn:uuid:2f5a29a1-0b0c-4f5e-9d5c-000000000001",
        "author": "alice", "timestamp": "2026-11-01T12:00:00Z", "version": 1,
        "statements": [{"@id": "urn:vex:other", "vulnerability": {"name": "CVE-2026-1"}, "status": "fixed",
                        "products": [{"@id": "pkg:pypi/gamma@1.0"}],
                        "status_notes": 'customhouse: {"expires": "2027-01-15"}'}],
    })  # fmt: skip


def _exported(folder: Path) -> dict[str, dict[str, dict[str, str]]]:
    found = {}
    for kind in ("openvex", "csaf", "cyclonedx"):
        done = run(folder, "vex", "export", kind, "--namespace", "https://example.org", "--output", f"{kind}.json")
        assert done.returncode == 0, done.stderr
        found[kind] = json.loads((folder / f"{kind}.json").read_text())
    return found

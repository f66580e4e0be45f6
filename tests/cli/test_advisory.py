"""``customhouse advisory``, as an operator types it. What stands in the lists of exploitation here is made up."""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path

import pytest

from command_line import Done, customhouse
from world import blank_folder

FINE, USAGE, PARTIAL, SERVICE_FAILED = 0, 2, 3, 4
EVENTS = [{"introduced": "0"}, {"fixed": "2.0"}]


def advisory(*arguments: str, data: Path) -> Done:
    done = customhouse("advisory", *arguments, environment={"CUSTOMHOUSE_DATA": str(data)})
    assert "Traceback" not in done.stderr
    if "--json" not in arguments:
        assert all(len(line) <= 80 for line in done.stdout.splitlines() if str(data.parent) not in line), done.stdout
    return done


@pytest.fixture
def data(tmp_path: Path) -> Path:
    shutil.copytree(blank_folder(), tmp_path / "data")
    return tmp_path / "data"


def write(folder: Path, name: str, advisory_id: str, **more: object) -> None:
    package = {"ecosystem": "PyPI", "name": "demo"}
    affected = [{"package": package, "ranges": [{"type": "ECOSYSTEM", "events": EVENTS}]}]
    document = {"id": advisory_id, "modified": "2026-01-01T00:00:00Z", "affected": affected, **more}
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(json.dumps(document))


def test_a_folder_is_imported_and_a_damaged_record_gives_exit_code_3(data: Path, tmp_path: Path) -> None:
    write(tmp_path / "db", "a.json", "PYSEC-2026-1", aliases=["CVE-2026-1111"], summary="It \x1b[31mleaks\u202e")
    (tmp_path / "db" / "b.json").write_text("{")
    done = advisory("import", str(tmp_path / "db"), "--name", "mine", data=data)
    assert done.returncode == PARTIAL
    assert "mine: 1 new, 0 changed, 0 as before." in done.stdout
    assert "b.json" in done.stderr
    assert "1 records could not be read" in done.stderr
    listed = advisory("source", "list", data=data)
    assert (listed.returncode, "! 1 records could not be read" in listed.stdout) == (PARTIAL, True)
    assert advisory("source", "problems", "mine", data=data).returncode == PARTIAL
    write(tmp_path / "db", "b.json", "PYSEC-2026-2")
    done = advisory("import", str(tmp_path / "db"), data=data)
    assert (done.returncode, done.stdout) == (FINE, "mine: 1 new, 0 changed, 1 as before.\n")
    assert advisory("source", "list", data=data).returncode == FINE
    shown = advisory("show", "CVE-2026-1111", data=data).stdout
    assert "PYSEC-2026-1  not scored\n  from mine" in shown
    assert "demo: mended in 2.0" in shown
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    document = json.loads(advisory("show", "PYSEC-2026-1", "--json", data=data).stdout)
    assert document["aliases"] == ["CVE-2026-1111"]


def test_what_is_not_there_is_said_with_the_right_exit_code(data: Path, tmp_path: Path) -> None:
    assert advisory("import", str(tmp_path / "none"), data=data).returncode == USAGE
    assert advisory("import", str(tmp_path / "none"), "--kind", "folder", data=data).returncode == SERVICE_FAILED
    assert advisory("show", "CVE-2026-1", data=data).returncode == USAGE
    assert advisory("source", "remove", "none", data=data).returncode == USAGE
    assert advisory("source", "problems", "none", data=data).returncode == USAGE
    assert advisory("kev", str(tmp_path / "none"), data=data).returncode == USAGE
    # Nobody listens there, and private networks are not reached anyhow.
    assert advisory("import", "http://127.0.0.1:9/all.zip", data=data).returncode in (USAGE, SERVICE_FAILED)


def test_a_source_is_added_listed_and_removed(data: Path, tmp_path: Path) -> None:
    write(tmp_path / "db", "a.json", "PYSEC-2026-1")
    assert "No source is known" in advisory("source", "list", data=data).stdout
    added = advisory("source", "add", "mine", str(tmp_path / "db"), "--ecosystem", "PyPI", data=data)
    assert (added.returncode, "read every hour" in added.stdout) == (FINE, True)
    listed = advisory("source", "list", data=data).stdout
    assert "mine  folder, trust 0, 0 records" in listed
    assert "never yet" in listed
    assert advisory("source", "remove", "mine", data=data).returncode == FINE


def test_a_name_is_not_taken_away_from_another_place(data: Path, tmp_path: Path) -> None:
    for folder in ("one", "two"):
        write(tmp_path / folder, "a.json", f"X-{folder}")
        refused = advisory("import", str(tmp_path / folder), "--name", "mine", data=data)
    assert (refused.returncode, "--name" in refused.stderr) == (USAGE, True)


def test_lists_of_exploitation_are_imported_and_shown(data: Path, tmp_path: Path) -> None:
    write(tmp_path / "db", "a.json", "PYSEC-2026-1", aliases=["CVE-2026-1111"])
    advisory("import", str(tmp_path / "db"), data=data)
    row = {"cveID": "CVE-2026-1111", "dateAdded": "2026-02-03", "knownRansomwareCampaignUse": "Known"}
    (tmp_path / "kev.json").write_text(json.dumps({"count": 2, "vulnerabilities": [row, {"cveID": "none"}]}))
    done = advisory("kev", str(tmp_path / "kev.json"), data=data)
    assert (done.returncode, "1 exploited vulnerabilities" in done.stdout) == (PARTIAL, True)
    scores = (
        "#model_version:v2026.01.01,score_date:2026-02-03T00:00:00+0000\ncve,epss,percentile\nCVE-2026-1111,0.5,0.9\n"
    )
    (tmp_path / "epss.csv.gz").write_bytes(gzip.compress(scores.encode()))
    assert advisory("epss", str(tmp_path / "epss.csv.gz"), data=data).returncode == FINE
    shown = advisory("show", "PYSEC-2026-1", data=data).stdout
    assert "CVE-2026-1111 is exploited, known since 2026-02-03 (ransomware)." in shown
    assert "with a probability of 50.0%" in shown

"""``customhouse audit`` as a process: what it prints, where, and with which exit code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from advising import advise, record
from auditing import BIN, our_command, snapshot_of, write_environment, write_lock
from command_line import customhouse
from osv_store import osv_store
from packages import wheel
from world import World

OPENVEX: dict[str, Any] = {
    "@context": "https://openvex.dev/ns/v0.2.0", "@id": "urn:example:1", "author": "alice", "version": 1,
    "timestamp": "2026-11-21T00:00:00Z",
    "statements": [{
        "vulnerability": {"name": "CVE-2026-1"}, "products": [{"@id": "pkg:pypi/demo@1.0"}], "status": "not_affected",
        "justification": "vulnerable_code_not_in_execute_path", "impact_statement": "We never call it.",
    }],
}  # fmt: skip


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with requirements and a snapshot that knows two of them."""
    snapshot_of(
        tmp_path / "s.sqlite",
        record("PYSEC-2026-1", "demo", fixed="2.0", aliases=["CVE-2026-1"]),
        record("PYSEC-2026-2", "low", fixed="1.5",
               severity=[{"type": "CVSS_V3", "score": "CVSS:3.1/AV:L/AC:H/PR:H/UI:R/S:U/C:N/I:N/A:L"}]),
    )  # fmt: skip
    (tmp_path / "clean.txt").write_text("fine==1.0\n")
    (tmp_path / "bad.txt").write_text("demo==1.0\nfine==1.0\n")
    (tmp_path / "low.txt").write_text("low==1.0\n")
    (tmp_path / "loose.txt").write_text("fine>=1.0\n")
    (tmp_path / "both.txt").write_text("fine>=1.0\ndemo==1.0\n")
    (tmp_path / "vex.json").write_text(json.dumps(OPENVEX))
    (tmp_path / "broken.json").write_text("{")
    return tmp_path


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is away is asked again at once."""
    monkeypatch.setattr("customhouse.consume.wire.PAUSE_SECONDS", 0.0)


def audit(place: Path, *flags: str) -> tuple[int, str, str]:
    """In this process: the exit code, what was printed, what was said on standard error."""
    command = our_command(*flags, snapshot=place / "s.sqlite")
    done = customhouse(*command[1:], folder=place, environment={"XDG_CACHE_HOME": str(place / "cache")})
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    ("flags", "code"),
    [
        (["clean.txt"], 0),
        (["bad.txt"], 1),
        (["bad.txt", "clean.txt", "--level", "critical"], 1),
        (["low.txt"], 1),
        (["low.txt", "--level", "medium"], 0),
        (["loose.txt"], 3),
        (["both.txt"], 1),
        (["bad.txt", "--ignore", "CVE-2026-1", "--reason", "not called"], 0),
        (["bad.txt", "--ignore", "CVE-2026-1"], 2),
        (["bad.txt", "--vex", "vex.json"], 0),
        (["bad.txt", "--vex", "broken.json"], 2),
        (["nowhere.txt"], 2),
        (["bad.txt", "--level", "terrible"], 2),
        (["bad.txt", "--baseline", "none.json"], 2),
        (["bad.txt", "--write-baseline"], 2),
        (["bad.txt", "--dry-run"], 2),
        (["bad.txt", "--no-dev", "--only-group", "dev"], 2),
        (["bad.txt", "--install"], 2),
        (["--sideways"], 2),
    ],
)
def test_the_exit_code_tells_findings_from_usage_and_from_gaps(place: Path, flags: list[str], code: int) -> None:
    done = audit(place, *flags)
    assert done[0] == code, done
    assert "Traceback" not in done[2]


def test_a_process_of_its_own_ends_with_the_same_code_and_loads_little(place: Path) -> None:
    command = our_command("bad.txt", snapshot=place / "s.sqlite")
    program = (
        "import sys; from customhouse.cli.main import main\n"
        "try: main()\n"
        "finally: print(*sorted(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *command[1:]], cwd=place, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "demo 1.0  (bad.txt:1)" in done.stdout
    loaded = {name.partition(".")[0] for name in done.stderr.split()}
    assert not loaded & {"rich", "httpx2", "sqlalchemy", "alembic", "starlette", "cvss", "yaml", "pydantic", "jinja2"}
    assert subprocess.run(command, cwd=place, capture_output=True, check=False).returncode == 1


def test_the_table_says_what_to_do_and_what_was_checked(place: Path) -> None:
    code, text, _ = audit(place, "bad.txt")
    assert code == 1
    assert text == (
        "demo 1.0  (bad.txt:1)\n"
        "  unknown   PYSEC-2026-1, CVE-2026-1                               mended in 2.0\n"
        "            demo is wrong\n"
        "  └─ you asked for it\n"
        "  Next: raise demo to 2.0.\n"
        "\n"
        "Checked 2 packages of bad.txt against 2 advisories, the newest of 2026-11-20.\n"
        "1 vulnerability in 1 package: 1 unknown. 1 counts at the level low.\n"
        "Not asked: an index, for archived projects and yanked releases (--index-url).\n"
    )


def test_the_statements_beside_the_target_are_found_and_named(place: Path) -> None:
    said = "Asked too: the VEX statements in {} (--no-vex leaves them)."
    (place / "customhouse.vex.json").write_text(json.dumps(OPENVEX))
    code, text, _ = audit(place, "bad.txt")
    assert (code, said.format("customhouse.vex.json") in text.splitlines()) == (0, True)
    assert "1 does not count because of VEX statements." in text
    assert json.loads(audit(place, "bad.txt", "--format", "json")[1])["statements"] == ["customhouse.vex.json"]
    code, text, _ = audit(place, "bad.txt", "--no-vex")
    assert (code, "Asked too" in text) == (1, False)
    assert audit(place, "bad.txt", "--no-vex", "--vex", "vex.json")[0] == 0
    # Beside the target comes before the working folder, where the statement is for another product.
    other = {**OPENVEX, "statements": [{**OPENVEX["statements"][0], "products": [{"@id": "pkg:pypi/other@1.0"}]}]}
    project = place / "project"
    project.mkdir()
    (project / "requirements.txt").write_text("demo==1.0\n")
    assert audit(place, "project")[0] == 0
    (project / "customhouse.vex.json").write_text(json.dumps(other))
    for target in ("project", "project/requirements.txt"):
        code, text, _ = audit(place, target)
        assert (code, said.format("project/customhouse.vex.json") in " ".join(text.split())) == (1, True)


def test_what_lies_in_an_environment_or_a_root_silences_nothing(place: Path) -> None:
    write_environment(place, {"demo": "1.0"})
    (place / "venv/customhouse.vex.json").write_text(json.dumps(OPENVEX))
    code, text, _ = audit(place, "venv")
    assert (code, "Asked too" in text) == (1, False)


def test_statements_beside_the_target_that_are_none_are_no_silence(place: Path) -> None:
    (place / "customhouse.vex.json").write_text("{")
    code, _, error = audit(place, "bad.txt")
    assert code == 2
    assert "customhouse.vex.json" in error
    assert audit(place, "bad.txt", "--no-vex")[0] == 1


@pytest.mark.parametrize("form", ["json", "sarif", "cyclonedx", "markdown"])
def test_each_form_goes_to_a_file_whole(place: Path, form: str) -> None:
    code, text, _ = audit(place, "bad.txt", "--format", form, "--output", "out")
    assert (code, text) == (1, "")
    written = (place / "out").read_text()
    assert "PYSEC" in written
    assert json.loads(written) if form != "markdown" else written.startswith("# Audit")
    assert audit(place, "bad.txt", "-f", form)[1].count("PYSEC") == written.count("PYSEC")


def test_a_baseline_lets_only_what_is_new_fail(place: Path) -> None:
    assert audit(place, "bad.txt", "--baseline", "b.json", "--write-baseline")[0] == 2, "without a reason"
    assert audit(place, "bad.txt", "--baseline", "b.json", "--write-baseline", "--reason", "known")[0] == 0
    assert audit(place, "bad.txt", "--baseline", "b.json")[0] == 0
    assert audit(place, "bad.txt", "low.txt", "--baseline", "b.json")[0] == 1
    code, _, said = audit(place, "clean.txt", "--baseline", "b.json")
    assert code == 0
    assert "not found any more" in said
    assert audit(place, "clean.txt", "--baseline", "b.json", "--write-baseline")[0] == 0
    assert json.loads((place / "b.json").read_text())["known"] == []


def test_the_users_own_bound_is_an_edge_that_only_he_raises(place: Path) -> None:
    (place / "bad.in").write_text("demo<2\nfine\n")
    code, text, _ = audit(place, "bad.txt")
    assert code == 1
    assert "Blocked: your project requires demo<2." in text
    assert "1. Raise your own bound, demo<2 in bad.in:1, so that it allows demo 2.0" in " ".join(text.split())
    before = (place / "bad.txt").read_text()
    code, _, said = audit(place, "bad.txt", "--fix")
    assert (code, (place / "bad.txt").read_text()) == (1, before)
    assert "your project requires demo<2" in said


def test_fix_shows_raises_and_audits_again(place: Path) -> None:
    before = (place / "bad.txt").read_text()
    code, _, said = audit(place, "bad.txt", "--fix", "--dry-run")
    assert (code, (place / "bad.txt").read_text()) == (1, before)
    assert "-demo==1.0\n+demo==2.0\n" in said
    code, text, said = audit(place, "bad.txt", "--fix")
    assert (code, (place / "bad.txt").read_text()) == (0, "demo==2.0\nfine==1.0\n")
    assert "Nothing known is wrong" in text
    assert "-demo==1.0\n+demo==2.0\n" in said


def test_a_lock_that_cannot_be_locked_anew_offline_stays_and_says_why(place: Path) -> None:
    write_lock(place, "https://packages.example.org", {"demo": "1.0"})
    project = place / "pyproject.toml"
    project.write_text(project.read_text().replace("demo==1.0", "demo"))
    before = (place / "uv.lock").read_text()
    code, _, said = audit(place, "uv.lock", "--fix")
    assert (code, (place / "uv.lock").read_text()) == (1, before)
    assert "locking anew asks the index" in said


def test_another_environment_is_audited_from_its_metadata(place: Path) -> None:
    venv = write_environment(place, {"demo": "1.0", "fine": "1.0"})
    code, text, _ = audit(place, str(venv))
    assert code == 1
    assert "demo 1.0" in text
    assert audit(place, "--python", str(venv / "bin/python"))[0] in (1, 2)


def test_without_a_target_the_active_environment_is_audited(place: Path) -> None:
    venv = write_environment(place, {"demo": "1.0"})
    command = our_command("-f", "json", snapshot=place / "s.sqlite")
    done = customhouse(*command[1:], folder=place, environment={"VIRTUAL_ENV": str(venv)})
    assert [one["package"] for one in json.loads(done.stdout)["findings"]] == ["demo"]


def test_advisories_come_from_where_they_are_said_to_be_and_later_from_there(place: Path) -> None:
    environment = {"XDG_CACHE_HOME": str(place / "cache")}
    with osv_store() as store:
        store.put(record("PYSEC-2026-7", "fine", fixed="2.0").document)
        first = customhouse("audit", "clean.txt", "--advisories", store.url, folder=place, environment=environment)
        assert first.returncode == 1, first.stderr
        assert (place / "cache/customhouse/advisories.sqlite").is_file()
        again = customhouse("audit", "clean.txt", "--refresh", folder=place, environment=environment)
        assert again.returncode == 1
        assert store.asked["/PyPI/all.zip"] == 1
    away = customhouse("audit", "low.txt", "--refresh", folder=place, environment=environment)
    assert away.returncode == 3
    assert "could not be brought up to date" in away.stdout
    offline = customhouse("audit", "low.txt", "--offline", folder=place, environment=environment)
    assert offline.returncode == 0


def test_a_service_that_is_away_is_no_finding(place: Path) -> None:
    with osv_store() as store:
        url = store.url
    done = customhouse("audit", "bad.txt", "--advisories", url, folder=place,
                       environment={"XDG_CACHE_HOME": str(place / "other")})  # fmt: skip
    assert done.returncode == 4
    assert "is not available" in done.stderr


def test_offline_without_advisories_says_how_to_get_them(place: Path) -> None:
    done = customhouse("audit", "bad.txt", "--offline", "--snapshot", "none.sqlite", folder=place)
    assert done.returncode == 2
    assert "no advisories on this machine" in done.stderr
    assert "--advisories" in done.stderr


def test_a_reader_that_leaves_early_is_no_failure(place: Path) -> None:
    command = our_command("bad.txt", snapshot=place / "s.sqlite")
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb") as closed:
        done = subprocess.run(command, cwd=place, stdout=closed, stderr=subprocess.PIPE, check=False)
    assert done.returncode in (0, 1)
    assert b"Traceback" not in done.stderr


def test_the_help_fits_and_names_every_exit_code(place: Path) -> None:
    done = subprocess.run(
        [BIN / "customhouse", "audit", "--help"], capture_output=True, text=True, check=True, cwd=place
    )
    assert max(map(len, done.stdout.splitlines())) <= 80
    for code in "01234":
        assert f"{code}:" in done.stdout.replace("\n", " ")


@pytest.mark.slow
def test_the_whole_index_is_audited_on_its_own_database(world: World) -> None:
    for version in ("1.0", "2.0"):
        assert world.upload(wheel("demo", version), name="demo", version=version).status == 200
    assert world.upload(wheel("fine", "1.0"), name="fine", version="1.0").status == 200
    advise(world.app, record("PYSEC-2026-1", "demo", fixed="2.0"), record("PYSEC-2026-2", "elsewhere", fixed="2.0"))
    environment = {
        "CUSTOMHOUSE_DATA": str(world.app.settings.data),
        "CUSTOMHOUSE_DATABASE": world.app.settings.database or "",
    }
    done = customhouse("audit", "--index", environment=environment)
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        "unknown   demo: 1 of 2 releases, not the newest; 1 advisory",
        "Checked 3 releases of 2 projects against 2 advisories.",
        "1 project has releases that are affected.",
    ]
    for more in (["uv.lock"], ["--vex", "vex.json"], ["--ignore", "CVE-1", "--reason", "x"], ["--fix"], ["--no-vex"]):
        refused = customhouse("audit", "--index", *more, environment=environment)
        assert (refused.returncode, "does not go with --index" in refused.stderr) == (2, True), more
    assert customhouse("audit", "--index", "--offline", "--level", "critical", environment=environment).returncode == 1
    whole = json.loads(customhouse("audit", "--index", "--format", "json", environment=environment).stdout)
    assert [(one["package"], one["version"], one["fixes"]) for one in whole["findings"]] == [("demo", "1.0", ["2.0"])]

"""Advisories on CPython, all of the PSF's own: which releases they affect although they name commits only."""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
from functools import cache
from pathlib import Path

import pytest

from customhouse.formats.osv.cpython import affects_cpython, fixed_cpython, is_on_cpython
from customhouse.formats.osv.model import Record
from customhouse.formats.osv.read import read_record

ROOT = Path(__file__).parents[3]
DATA = ROOT / "tests/data/advisories/psf-advisory-database.tar.xz"


@cache
def records() -> dict[str, Record]:
    with tarfile.open(DATA) as archive:
        found = {}
        for member in archive:
            if member.name.endswith(".json") and (file := archive.extractfile(member)) is not None:
                record = read_record(json.loads(file.read()), member.name)
                found[record.id] = record
        return found


def affected_by(version: str) -> set[str]:
    return {name for name, record in records().items() if affects_cpython(record, version)}


@pytest.mark.parametrize(
    ("name", "affected", "mended"),
    [
        # CVE-2023-40217, TLS handshake bypass: as its CVE record has it.
        ("PSF-2023-8", ["3.8.17", "3.9.17", "3.10.12", "3.11.4", "3.7.17", "2.7.18"], ["3.8.18", "3.9.18", "3.10.13", "3.11.5", "3.12.0", "3.14.2"]),
        # CVE-2021-3177, ctypes buffer overflow: by its commits.
        ("PSF-2021-3", ["3.6.12", "3.7.9", "3.8.7", "3.9.1", "3.5.10"], ["3.6.13", "3.7.10", "3.8.8", "3.9.2", "3.10.0", "3.11.0"]),
        # CVE-2023-6507 was in 3.12.0 only.
        ("PSF-2023-12", ["3.12.0"], ["3.11.7", "3.10.0", "3.12.1", "3.13.0"]),
        # CVE-2023-41105 began with 3.11.
        ("PSF-2023-9", ["3.11.0", "3.11.4"], ["3.10.12", "3.11.5", "3.12.0"]),
        # As Misc/NEWS.d of CPython names the issues: gh-105987 in 3.12.0b4, gh-118486 and gh-122133 in those behind these.
        ("PSF-2023-7", ["3.12.0b3"], ["3.11.4", "3.12.0b4", "3.12.0rc1", "3.12.0"]),
        ("PSF-2024-3", ["3.12.3", "3.11.9"], ["3.12.4", "3.11.10"]),
        ("PSF-2024-7", ["3.12.4", "3.11.9"], ["3.12.5", "3.11.10"]),
        # As Bitnami's record of the same CVE has it: before 3.12.0 alpha 8, which became beta 1.
        ("PSF-2023-3", ["3.12.0a7"], ["3.11.3", "3.12.0b1", "3.12.0"]),
        # CVE-2024-5642 was mended in 3.9 years after 3.10 had lost the function.
        ("PSF-2024-6", ["3.9.23", "3.8.20"], ["3.9.24", "3.10.0"]),
    ],
)  # fmt: skip
def test_a_release_is_affected_until_its_own_branch_is_mended(
    name: str, affected: list[str], mended: list[str]
) -> None:
    record = records()[name]
    assert [affects_cpython(record, one) for one in affected] == [True] * len(affected)
    assert [affects_cpython(record, one) for one in mended] == [False] * len(mended)


def test_every_release_of_the_last_ten_years_is_decided_for_every_advisory() -> None:
    releases = ["2.7.18", "3.6.15", "3.7.17", "3.8.20", "3.9.25", "3.10.14", "3.11.7", "3.12.3", "3.13.0", "3.14.0"]
    undecided = {
        (one, name) for one in releases for name, record in records().items() if affects_cpython(record, one) is None
    }
    assert len(records()) == 132
    assert undecided == set()


def test_the_newest_releases_have_only_what_nobody_has_mended() -> None:
    # CVE-2023-36632 is disputed and has no fix in its record.
    assert affected_by("3.12.6") == affected_by("3.14.0") == {"PSF-2023-4"}


def test_a_later_release_of_a_branch_never_has_more() -> None:
    for first, second in [("3.8.0", "3.8.20"), ("3.11.3", "3.11.7"), ("3.12.0", "3.12.6"), ("3.9.2", "3.9.24")]:
        assert affected_by(second) < affected_by(first)


def test_a_commit_that_is_not_known_is_never_taken_for_mended() -> None:
    known = records()["PSF-2021-3"]
    document = json.loads(json.dumps(known.document))
    events = document["affected"][0]["ranges"][0]["events"]
    events.append({"fixed": "0" * 40})
    document["id"] = "PSF-2099-1"
    document["aliases"] = []
    more = read_record(document, "made up")
    # Below a known fix it is affected; at and above it, the other commit may be a second step.
    assert affects_cpython(more, "3.8.7") is True
    assert affects_cpython(more, "3.8.8") is None
    assert affects_cpython(more, "3.12.0") is None
    document["affected"][0]["ranges"][0]["events"] = [{"introduced": "0"}, {"fixed": "1" * 40}]
    unknown = read_record(document, "made up")
    assert affects_cpython(unknown, "3.8.7") is None
    document["details"] = "http.client in 3.8.x before 3.8.9 and 3.9.x before 3.9.3 allows it"
    told = read_record(document, "made up")
    assert [affects_cpython(told, one) for one in ("3.8.8", "3.8.9", "3.9.2", "3.10.0")] == [True, False, True, None]


def test_lists_of_tags_and_ranges_of_versions_count_where_a_database_has_them() -> None:
    document = json.loads(json.dumps(records()["PSF-2021-3"].document))
    document["id"], document["aliases"] = "PSF-2099-2", []
    entry = document["affected"][0]
    entry["ranges"][0]["events"] = [{"introduced": "0"}, {"fixed": "2" * 40}]
    entry["versions"] = ["v3.8.0", "v3.8.1", "v3.8.3"]
    listed = read_record(document, "made up")
    assert [affects_cpython(listed, one) for one in ("3.8.1", "3.8.2", "3.8.4", "3.9.0")] == [True, False, None, None]
    entry["versions"] = []
    entry["ranges"] = [{"type": "SEMVER", "events": [{"introduced": "3.8.0"}, {"fixed": "3.8.9"}]}]
    entry["package"] = {"ecosystem": "Bitnami", "name": "python"}
    ranged = read_record(document, "made up")
    assert [affects_cpython(ranged, one) for one in ("3.7.9", "3.8.8", "3.8.9")] == [False, True, False]


def test_what_is_not_on_cpython_or_was_withdrawn_affects_no_interpreter() -> None:
    document = json.loads(json.dumps(records()["PSF-2021-3"].document))
    other = json.loads(json.dumps(document))
    other["affected"][0]["ranges"][0]["repo"] = "https://github.com/pypa/pip"
    assert not is_on_cpython(read_record(other, "made up"))
    assert affects_cpython(read_record(other, "made up"), "3.8.0") is False
    document["withdrawn"] = "2024-01-01T00:00:00Z"
    assert affects_cpython(read_record(document, "made up"), "3.8.0") is False


def test_a_version_that_is_none_cannot_be_decided_and_fixes_are_told_in_order() -> None:
    record = records()["PSF-2023-8"]
    assert affects_cpython(record, "3.11.x") is None
    assert fixed_cpython(record) == ("3.8.18", "3.9.18", "3.10.13", "3.11.5", "3.12.0")


def test_an_alpha_of_the_next_branch_is_not_called_mended_too_early() -> None:
    record = records()["PSF-2023-8"]
    assert affects_cpython(record, "3.12.0rc1") is None
    assert affects_cpython(record, "3.13.0a1") is False


@pytest.mark.slow
def test_the_table_can_be_extended_from_a_clone(tmp_path: Path) -> None:
    clone, advisories = tmp_path / "clone", tmp_path / "advisories"
    clone.mkdir()
    advisories.mkdir()

    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", "-C", str(clone), "-c", "user.name=a", "-c", "user.email=a@example.org", *arguments],
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()

    git("init", "-q", "-b", "main")
    git("commit", "-q", "--allow-empty", "-m", "first")
    git("tag", "v3.97.0")
    git("branch", "3.97")
    git("commit", "-q", "--allow-empty", "-m", "mend it")
    on_main = git("rev-parse", "HEAD")
    git("tag", "v3.98.0a2")
    git("tag", "v3.98.0")
    git("switch", "-q", "3.97")
    git("commit", "-q", "--allow-empty", "-m", "mend it here too")
    on_branch = git("rev-parse", "HEAD")
    git("tag", "v3.97.1")
    git("tag", "v3.97.2")
    range_ = {
        "type": "GIT",
        "repo": "https://github.com/python/cpython",
        "events": [{"introduced": "0"}, {"fixed": on_main}, {"fixed": on_branch}, {"fixed": "3" * 40}],
    }
    (advisories / "PSF-2099-3.json").write_text(json.dumps({"affected": [{"ranges": [range_]}]}))
    done = subprocess.run(
        [sys.executable, ROOT / "scripts/cpython_releases.py", clone, advisories],
        check=True,
        capture_output=True,
        text=True,
    )
    assert set(done.stdout.splitlines()) == {f"commit {on_main[:12]} 3.98.0a2", f"commit {on_branch[:12]} 3.97.1"}
    assert "3" * 40 in done.stderr

"""Unmodified pip-audit and uv ask this index about the PyPA's advisories, and say what we say ourselves."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
from packaging.version import Version
from venvs import UV, clean_environment, run

from advising import load, pypa_records
from customhouse.accounts.users import find_user
from customhouse.formats.osv.matching import fixed_versions, is_affected, read_version
from customhouse.formats.osv.merging import merge
from customhouse.formats.osv.model import Record
from customhouse.index.report import FileReport, Rules, file_report
from customhouse.index.verdict import GiveVerdict, give_verdict
from customhouse.reports.claim import parse_claim
from packages import wheel
from patience import until
from world import Server, upload

pytestmark = pytest.mark.slow

PIP_AUDIT = Path(sys.executable).parent / "pip-audit"
PINS, HARMED = 50, 36
ODD = ("steam", "binderhub", "jw-util")
"""Packages whose records have a fix that is no version, and a name that is not normalised."""


@dataclass(frozen=True)
class Advised:
    """A running index that knows the PyPA's records of some pins, most of them vulnerable."""

    server: Server
    records: Mapping[str, Sequence[Record]]
    pins: Mapping[str, str]

    def ours(self, name: str) -> list[Record]:
        """What affects a pin by our own matcher."""
        return [one for one in self.records[name] if is_affected(one, name, self.pins[name])]

    def agrees(self, name: str, told: Sequence[Mapping[str, Any]]) -> bool:
        """Whether a client names the same vulnerabilities; some make one of those that share an alias."""
        ours = self.ours(name)
        names = {one.id for one in ours} | {alias for one in ours for alias in one.aliases}
        same = {one["id"] for one in told} | {alias for one in told for alias in one["aliases"]} == names
        return same and len(merge(ours)) <= len(told) <= len(ours)

    def fixes(self, name: str) -> set[Version]:
        """The versions in which any of them is mended."""
        return {Version(fix) for one in self.ours(name) for fix in fixed_versions(one, name)}


@pytest.fixture(scope="module")
def advised(running_index: Server) -> Advised:
    """50 pins over the whole alphabet: 36 at a version with something to say, the others at one without."""
    records: dict[str, list[Record]] = {}
    for one in pypa_records():
        for name in one.packages():
            records.setdefault(name, []).append(one)
    listed = sorted(name for name in records if _versions(records[name], name))
    names = sorted({*ODD, *listed[:: len(listed) // (PINS - len(ODD))]})[:PINS]
    pins = {}
    for at, name in enumerate(names):
        known = _versions(records[name], name) or [Version("1")]
        pins[name] = (
            str(known[len(known) // 2]) if name in ODD or at % PINS < HARMED else f"{known[-1].release[0] + 900}"
        )
    with running_index.opened() as app:
        load(app, (one for name in names for one in records[name]))
    found = Advised(running_index, records, pins)
    assert len(pins) == PINS
    assert sum(bool(found.ours(name)) for name in pins) >= HARMED
    return found


def _versions(records: Iterable[Record], name: str) -> list[Version]:
    texts = {text for one in records for entry in one.of(name) for text in entry.versions if one.withdrawn is None}
    return sorted(parsed for text in texts if (parsed := read_version(text)) is not None)


def test_pip_audit_says_of_fifty_pins_what_we_say(advised: Advised, tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text(
        "".join(f"{name}=={version}\n" for name, version in advised.pins.items())
    )
    command = [str(PIP_AUDIT), "-s", "osv", "--osv-url", f"{advised.server.url}/v1/query", "--no-deps", "--disable-pip",
               "--progress-spinner", "off", "-f", "json", "-r", "requirements.txt"]  # fmt: skip
    done = run(command, cwd=tmp_path, environment=clean_environment(tmp_path / "home"))
    assert done.returncode == 1, done.stderr
    answered = {one["name"]: one for one in json.loads(done.stdout)["dependencies"]}
    assert answered.keys() == advised.pins.keys()
    for name, one in answered.items():
        assert advised.agrees(name, one["vulns"]), name
        fixes = {Version(fix) for vuln in one["vulns"] for fix in vuln["fix_versions"]}
        assert fixes <= advised.fixes(name), name
        assert bool(fixes) == bool(advised.fixes(name)), name


def test_uv_audit_says_of_fifty_pins_what_we_say(advised: Advised, tmp_path: Path) -> None:
    lock(tmp_path, f"{advised.server.url}/simple", advised.pins)
    command = [str(UV), "audit", "--preview", "--frozen", "--output-format", "json",
               "--service-url", advised.server.url, "--default-index", f"{advised.server.url}/simple/"]  # fmt: skip
    done = run(command, cwd=tmp_path, environment=clean_environment(tmp_path / "home", UV_PYTHON=sys.executable))
    assert done.returncode == 1, done.stderr
    answer = json.loads(done.stdout)
    assert answer["summary"]["audited_packages"] == PINS
    for name in advised.pins:
        assert advised.agrees(name, [one for one in answer["vulnerabilities"] if one["dependency"]["name"] == name]), (
            name
        )


def test_uv_sync_installs_nothing_of_a_release_that_a_verdict_calls_malware(
    running_index: Server, tmp_path: Path
) -> None:
    """The malware check of uv asks us. It asks only about what is locked from PyPI, so that is what the lock says."""
    token = running_index.new_token("packager")
    running_index.new_token("reporter")
    dists = {version: wheel("hides-harm", version) for version in ("1.0", "2.0")}
    with httpx.Client(base_url=running_index.url, timeout=30) as http:
        for version, dist in dists.items():
            assert upload(http, token, dist, name="hides-harm", version=version).status == 200
    with running_index.opened() as app:
        with app.database.read() as sql:
            reporter = find_user(sql, "reporter").actor
        claim = parse_claim({"kind": "malware", "text": "It reads ~/.pypirc.", "version": "2.0"})
        case = app.do(file_report, FileReport("hides-harm", claim, reporter, Rules.of(app.settings))).case_id
        app.do(give_verdict, GiveVerdict(case, "malware", "It does.", versions=("2.0",)))
    ask = {"queries": [{"package": {"purl": "pkg:pypi/hides-harm@2.0"}}]}
    until(lambda: httpx.post(f"{running_index.url}/v1/querybatch", json=ask).json()["results"] != [{}], seconds=60)
    for version, code in (("1.0", 0), ("2.0", 2)):
        folder = tmp_path / version
        folder.mkdir()
        url = f"{running_index.url}/files/hides-harm/{dists[version].filename}"
        files = f'wheels = [{{ url = "{url}", hash = "sha256:{dists[version].sha256}" }}]'
        lock(folder, "https://pypi.org/simple", {"hides-harm": version}, files)
        checked = {"UV_MALWARE_CHECK": "1", "UV_MALWARE_CHECK_URL": running_index.url}
        done = run(
            [str(UV), "sync", "--frozen", "--python", sys.executable],
            cwd=folder,
            environment=clean_environment(tmp_path / "home", **checked),
        )
        assert done.returncode == code, done.stderr
        assert ("MAL-" in done.stderr) == (version == "2.0")
        assert bool(list(folder.glob(".venv/**/hides_harm*"))) == (version == "1.0")


def lock(folder: Path, registry: str, pins: Mapping[str, str], files: str = "") -> None:
    """A project with these pins and its uv.lock. If no files are named, there are some that nobody may download."""
    wanted = ", ".join(f'"{name}=={version}"' for name, version in pins.items())
    (folder / "pyproject.toml").write_text(
        f'[project]\nname = "zz-job"\nversion = "0"\nrequires-python = ">=3.11"\ndependencies = [{wanted}]\n'
    )
    packages = "".join(
        f'[[package]]\nname = "{name}"\nversion = "{version}"\nsource = {{ registry = "{registry}" }}\n'
        + (files or f'sdist = {{ url = "{registry}/{name}.tar.gz", hash = "sha256:{"0" * 64}", size = 1 }}')
        + "\n\n"
        for name, version in pins.items()
    )
    depends = "".join(f'    {{ name = "{name}" }},\n' for name in pins)
    job = f'[[package]]\nname = "zz-job"\nversion = "0"\nsource = {{ virtual = "." }}\ndependencies = [\n{depends}]\n'
    (folder / "uv.lock").write_text(f'version = 1\nrevision = 3\nrequires-python = ">=3.11"\n\n{packages}{job}')

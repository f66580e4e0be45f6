"""The same pins for three auditors, and what each of them says of them: ours, pip-audit and uv audit, unmodified."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from packaging.version import Version

from customhouse.consume.snapshot.build import Builder, write_snapshot
from customhouse.formats.osv.matching import read_version
from customhouse.formats.osv.model import Record

BIN = Path(sys.executable).parent
PINS, HARMED = 50, 36
PACKAGES, INSTALLED = 1_300, 250
"""The largest lock that people named in the interviews, and a large environment."""
QUIET = {
    "aiohttp": "3.10.9", "anyio": "4.6.0", "attrs": "24.2.0", "charset-normalizer": "3.3.2", "click": "8.1.7",
    "colorama": "0.4.6", "iniconfig": "2.0.0", "itsdangerous": "2.2.0", "markupsafe": "2.1.5", "packaging": "24.1",
    "pluggy": "1.5.0", "python-dateutil": "2.9.0", "six": "1.16.0", "typing-extensions": "4.12.2",
}  # fmt: skip
"""Pins of which nothing was known in October 2024."""

Verdict = Mapping[str, Sequence[Sequence[str]]]
"""By package: every name of each vulnerability."""


def fifty_pins(records: Iterable[Record]) -> dict[str, str]:
    """36 pins over the whole alphabet at a version with something to say, and 14 others."""
    versions: dict[str, list[Version]] = {}
    for one in records:
        for name in one.packages() if one.withdrawn is None else ():
            texts = [text for entry in one.of(name) for text in entry.versions]
            versions.setdefault(name, []).extend(parsed for text in texts if (parsed := read_version(text)) is not None)
    listed = sorted(name for name, found in versions.items() if found and name not in QUIET)
    harmed = listed[:: len(listed) // HARMED][:HARMED]
    return {name: str(sorted(versions[name])[len(versions[name]) // 2]) for name in harmed} | QUIET


def write_requirements(folder: Path, pins: Mapping[str, str]) -> Path:
    """The pins as pip writes them."""
    file = folder / "requirements.txt"
    file.write_text("".join(f"{name}=={version}\n" for name, version in pins.items()))
    return file


def write_lock(folder: Path, url: str, pins: Mapping[str, str], *, files: int = 1) -> Path:
    """A project with these pins and its uv.lock, each package requiring some that follow it."""
    names = list(pins)
    registry = f'source = {{ registry = "{url}/simple/" }}'
    (folder / "pyproject.toml").write_text(
        '[project]\nname = "zz-job"\nversion = "0"\nrequires-python = ">=3.11"\ndependencies = ['
        + ", ".join(f'"{name}=={version}"' for name, version in pins.items()) + "]\n"
    )  # fmt: skip
    chance = random.Random(6)  # noqa: S311 - digests of files that do not exist
    parts = ['version = 1\nrevision = 3\nrequires-python = ">=3.11"\n']
    for at, (name, version) in enumerate(pins.items()):
        stem = name.replace("-", "_")
        needs = "".join(f'    {{ name = "{other}" }},\n' for other in names[2 * at + 30 : 2 * at + 34])
        wheels = "".join(
            f'    {{ url = "{url}/files/{name}/{stem}-{version}-cp3{number + 9}-none-any.whl",'
            f' hash = "sha256:{chance.getrandbits(256):064x}", size = {chance.randrange(10**7)} }},\n'
            for number in range(files)
        )
        parts.append(
            f'[[package]]\nname = "{name}"\nversion = "{version}"\n{registry}\n'
            + (f"dependencies = [\n{needs}]\n" if needs else "") + f"wheels = [\n{wheels}]\n"
        )  # fmt: skip
    depends = "".join(f'    {{ name = "{name}" }},\n' for name in names)
    parts.append(f'[[package]]\nname = "zz-job"\nversion = "0"\nsource = {{ virtual = "." }}\n'
                 f"dependencies = [\n{depends}]\n")  # fmt: skip
    file = folder / "uv.lock"
    file.write_text("\n".join(parts))
    return file


def with_bystanders(pins: Mapping[str, str], count: int) -> dict[str, str]:
    """The pins among others of which nobody knows anything."""
    others = {f"bystander-{at}": f"{at % 7}.{at % 11}.{at % 13}" for at in range(count - len(pins))}
    return {**others, **pins}


def write_environment(folder: Path, pins: Mapping[str, str]) -> Path:
    """A venv whose packages are there by their metadata alone, each with a record of its files."""
    site = folder / "venv" / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    site.mkdir(parents=True)
    (folder / "venv" / "pyvenv.cfg").write_text(f"home = {BIN}\nversion = 3.13.0\n")
    (folder / "venv" / "bin").mkdir()
    names = list(pins)
    for at, (name, version) in enumerate(pins.items()):
        stem = name.replace("-", "_")
        place = site / f"{stem}-{version}.dist-info"
        place.mkdir()
        needs = "".join(f"Requires-Dist: {other}>=0\n" for other in names[2 * at + 30 : 2 * at + 34])
        (place / "METADATA").write_text(
            f"Metadata-Version: 2.4\nName: {name}\nVersion: {version}\n{needs}\n{'Words. ' * 300}"
        )
        (place / "RECORD").write_text("".join(f"{stem}/module_{n}.py,sha256=x,{n}\n" for n in range(60)))
        (place / "INSTALLER").write_text("uv")
    return folder / "venv"


def snapshot_of(path: Path, *records: Record) -> Path:
    """A snapshot of some records."""

    def fill(into: Builder) -> None:
        for one in records:
            into.put(one, "test")

    write_snapshot(path, fill)
    return path


def our_command(*arguments: str | Path, snapshot: Path) -> list[str]:
    """Ours, offline, with these advisories."""
    return [str(BIN / "customhouse"), "audit", "--offline", "--snapshot", str(snapshot), "--old-after-days", "100000",
            *map(str, arguments)]  # fmt: skip


def pip_audit_command(requirements: Path, url: str) -> list[str]:
    """pip-audit as fast as it gets: no resolver, no pip."""
    return [str(BIN / "pip-audit"), "-s", "osv", "--osv-url", f"{url}/v1/query", "--no-deps", "--disable-pip",
            "--progress-spinner", "off", "-f", "json", "-r", str(requirements)]  # fmt: skip


def uv_audit_command(url: str) -> list[str]:
    """Uv's audit of the lock in the working folder."""
    return [str(BIN / "uv"), "audit", "--preview", "--frozen", "--output-format", "json",
            "--service-url", url, "--default-index", f"{url}/simple/"]  # fmt: skip


def done(command: Sequence[str], folder: Path, *, code: int = 1) -> str:
    """What a command says; it must end with this code."""
    environment = {"PATH": f"{BIN}:/usr/bin:/bin", "HOME": str(folder), "LANG": "C.UTF-8"}
    found = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert found.returncode == code, f"{found.returncode}\n{found.stdout[-2000:]}\n{found.stderr[-2000:]}"
    return found.stdout


def our_verdict(text: str) -> Verdict:
    """What ours says as JSON."""
    found: dict[str, list[list[str]]] = {}
    for one in json.loads(text)["findings"]:
        found.setdefault(one["package"], []).append(sorted([one["id"], *one["aliases"]]))
    return _sorted(found)


def pip_audit_verdict(text: str) -> Verdict:
    """What pip-audit says as JSON."""
    return _sorted({
        one["name"]: [sorted({vuln["id"], *vuln["aliases"]}) for vuln in one["vulns"]]
        for one in json.loads(text)["dependencies"] if one["vulns"]
    })  # fmt: skip


def uv_audit_verdict(text: str) -> Verdict:
    """What uv says as JSON."""
    found: dict[str, list[list[str]]] = {}
    for one in json.loads(text)["vulnerabilities"]:
        found.setdefault(one["dependency"]["name"], []).append(sorted({one["id"], *one["aliases"]}))
    return _sorted(found)


def _sorted(found: Mapping[str, Iterable[list[str]]]) -> Verdict:
    """In order. Two entries that share a name are one vulnerability: uv and pip-audit do not always join them."""
    return {name: _joined(vulns) for name, vulns in sorted(found.items())}


def _joined(vulns: Iterable[list[str]]) -> list[list[str]]:
    groups: list[set[str]] = []
    for one in vulns:
        group = set(one)
        for other in [other for other in groups if other & group]:
            groups.remove(other)
            group |= other
        groups.append(group)
    return sorted(sorted(group) for group in groups)

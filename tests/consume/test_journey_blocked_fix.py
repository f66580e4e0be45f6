"""The journey "blocked fix": an upper bound excludes the only fix, and every way out of it is walked.

A real index holds alphalib 1.4, which requires ``betalib<2``. betalib 1.9 is vulnerable, 2.1 is mended, and neither 2.0
nor 2.1 existed when alphalib 1.4 was uploaded. uv locks, uv installs, nothing is pretended.
"""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import httpx2 as httpx
import pytest

from advising import advise, record
from auditing import BIN
from command_line import Done, customhouse
from packages import wheel
from terminal_picture import terminal_picture
from world import Server, upload

pytestmark = pytest.mark.slow
TESTS = "import alphalib, betalib\nassert betalib.answer() == 42, betalib.__version__\nprint('1 passed')\n"


@dataclass
class Shop:
    """A project of somebody who uses the index."""

    folder: Path
    index: Server
    token: str

    def publish(self, name: str, version: str, requires: str = "", answer: int = 42) -> None:
        """A release on the index."""
        code = f"__version__ = {version!r}\ndef answer():\n    return {answer}\n".encode()
        dist = wheel(
            name, version, headers={"Requires-Dist": requires} if requires else None,
            files={f"{name}/__init__.py": code},
        )  # fmt: skip
        with httpx.Client(base_url=self.index.url, timeout=30) as client:
            done = upload(client, self.token, dist, name=name, version=version)
        assert done.status == 200, done.text

    def project(self, more: str = "") -> None:
        """Its pyproject.toml."""
        (self.folder / "pyproject.toml").write_text(
            '[project]\nname = "shop"\nversion = "1"\nrequires-python = ">=3.11"\ndependencies = ["alphalib"]\n'
            f'[[tool.uv.index]]\nname = "ours"\nurl = "{self.index.url}/simple/"\ndefault = true\n{more}'
        )

    def uv(self, *arguments: str) -> None:
        """A command of uv, as a developer types it."""
        environment = {
            "PATH": f"{BIN}:/usr/bin:/bin", "HOME": str(self.folder.parent), "UV_CACHE_DIR": str(self.folder.parent / "uv"),
            "UV_PYTHON": sys.executable, "UV_PYTHON_DOWNLOADS": "never",
        }  # fmt: skip
        done = subprocess.run(
            [str(BIN / "uv"), *arguments, "--refresh"], cwd=self.folder, env=environment, capture_output=True,
            text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr

    def customhouse(self, *arguments: str) -> Done:
        """A command of ours."""
        return customhouse(
            *arguments, folder=self.folder,
            environment={"HOME": str(self.folder.parent), "XDG_CACHE_HOME": str(self.folder.parent / "cache"),
                         "UV_CACHE_DIR": str(self.folder.parent / "uv"), "UV_DEFAULT_INDEX": f"{self.index.url}/simple/"},
        )  # fmt: skip

    def audit(self, *flags: str) -> Done:
        """An audit of the lock, with the advisories of the index."""
        return self.customhouse("audit", "uv.lock", "--advisories", self.index.url, "--refresh", *flags)

    def remedies(self) -> list[str]:
        """What the audit says to do."""
        done = self.audit("--format", "json")
        (finding,) = json.loads(done.stdout)["findings"]
        assert finding["blocked"]["requirement"] == "betalib<2"
        return list(finding["blocked"]["remedies"])

    def locked(self) -> str:
        """The version of betalib that is locked."""
        parts = (self.folder / "uv.lock").read_text().split("[[package]]")
        (line,) = [one for part in parts if 'name = "betalib"\nversion' in part for one in part.splitlines()
                   if one.startswith("version")]  # fmt: skip
        return line.split('"')[1]


@pytest.fixture
def shop(running_index: Server, tmp_path: Path) -> Shop:
    """The index with its releases in the order in which they came, and a project that is locked."""
    made = Shop(tmp_path / "shop", running_index, running_index.new_token())
    made.folder.mkdir()
    made.publish("betalib", "1.9")
    made.publish("alphalib", "1.4", "betalib<2")
    made.publish("betalib", "2.0")
    made.publish("betalib", "2.1")
    with running_index.opened() as app:
        advise(app, record("PYSEC-2026-900", "betalib", fixed="2.1", aliases=["CVE-2026-9000"]))
    made.project()
    made.uv("lock")
    (made.folder / "check.py").write_text(TESTS)
    return made


def test_journey_of_a_fix_that_a_bound_excludes(shop: Shop) -> None:
    assert shop.locked() == "1.9"
    # The very edge, that it was a guess, and what to do in which order.
    found = shop.audit()
    assert found.returncode == 1, found.stdout + found.stderr
    told = " ".join(found.stdout.split())
    assert "Blocked: alphalib 1.4 requires betalib<2, written before such versions existed." in told
    remedies = shop.remedies()
    assert [one.split(" ", 1)[0] for one in remedies] == ["Override", "If", "Replace"]
    assert "no release of it allows betalib 2.1" in remedies[-1]
    terminal_picture("audit-blocked", "customhouse audit uv.lock", found.stdout)

    # Our own tests, in a new environment with the override. They fail first: the run is kept, and counts for nothing.
    failed = shop.customhouse("audit", "override", "record", "--command", "python -c 'assert False'", "betalib==2.1")
    assert failed.returncode == 1, failed.stdout + failed.stderr
    assert "An override does not do yet" in shop.remedies()[0]
    passed = shop.customhouse("audit", "override", "record", "--command", "python check.py", "betalib==2.1")
    assert passed.returncode == 0, passed.stdout + passed.stderr
    assert "1 passed" in passed.stderr
    terminal_picture(
        "audit-override", 'customhouse audit override record --command "python check.py" betalib==2.1',
        passed.stderr + passed.stdout,
    )  # fmt: skip
    first = shop.remedies()[0]
    assert "`python check.py` passed with betalib 2.1" in first
    assert 'override-dependencies = ["betalib==2.1"] in [tool.uv]' in first
    assert shop.locked() == "1.9", "recording changes nothing of the project"

    # The override as it is told, and the audit is clean.
    shop.project('[tool.uv]\noverride-dependencies = ["betalib==2.1"]\n')
    shop.uv("lock")
    assert shop.locked() == "2.1"
    clean = shop.audit()
    assert clean.returncode == 0, clean.stdout + clean.stderr

    # Without the override again: a newer alphalib appears, and is the first remedy, with the command that does it.
    shop.project()
    (shop.folder / "uv.lock").unlink()
    shop.uv("lock")
    shop.publish("alphalib", "1.5", "betalib<2.1")
    shop.publish("alphalib", "1.6", "betalib<3")
    first = shop.remedies()[0]
    assert first.startswith("Upgrade alphalib to 1.6, which allows betalib 2.1: uv lock --upgrade-package"), first
    shop.uv(*shlex.split(first.split(": ", 1)[1])[1:])
    assert shop.locked() == "2.1"
    done = shop.audit()
    assert done.returncode == 0, done.stdout + done.stderr
    terminal_picture("audit-mended", "customhouse audit uv.lock", done.stdout)

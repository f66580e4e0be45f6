"""Unmodified pip-audit and uv audit, asking a running index, say of the same pins what `customhouse audit` says offline.

The PyPA's whole database lies in the index; ours has taken its snapshot from the index, as anybody would.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from advising import load, pypa_records
from auditing import (
    BIN,
    HARMED,
    PINS,
    Verdict,
    done,
    fifty_pins,
    our_command,
    our_verdict,
    pip_audit_command,
    pip_audit_verdict,
    uv_audit_command,
    uv_audit_verdict,
    with_bystanders,
    write_environment,
    write_lock,
    write_requirements,
)
from world import Server, running

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Audited:
    """A folder with the same pins in three forms, the index that is asked, and a snapshot that was taken from it."""

    folder: Path
    server: Server
    snapshot: Path

    def ours(self, target: str) -> Verdict:
        command = our_command(target, "--format", "json", snapshot=self.snapshot)
        return our_verdict(done(command, self.folder))


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Audited]:
    folder = tmp_path_factory.mktemp("audited")
    with running(folder / "data") as server:
        with server.opened() as app:
            load(app, pypa_records())
        pins = fifty_pins(pypa_records())
        write_requirements(folder, pins)
        write_lock(folder, server.url, with_bystanders(pins, 300))
        write_environment(folder, pins)
        snapshot = folder / "advisories.sqlite"
        taking = ["audit", "requirements.txt", "--advisories", server.url, "--snapshot", str(snapshot), "--no-index"]
        done([str(BIN / "customhouse"), *taking], folder)
        yield Audited(folder, server, snapshot)


def test_the_pins_are_worth_comparing(audited: Audited) -> None:
    verdict = audited.ours("requirements.txt")
    assert len(verdict) == HARMED
    assert sum(map(len, verdict.values())) > PINS


def test_pip_audit_agrees(audited: Audited) -> None:
    text = done(pip_audit_command(audited.folder / "requirements.txt", audited.server.url), audited.folder)
    assert pip_audit_verdict(text) == audited.ours("requirements.txt")


def test_uv_audit_agrees(audited: Audited) -> None:
    text = done(uv_audit_command(audited.server.url), audited.folder)
    assert uv_audit_verdict(text) == audited.ours("uv.lock")


def test_every_form_of_the_same_pins_is_judged_alike(audited: Audited) -> None:
    assert audited.ours("uv.lock") == audited.ours("requirements.txt") == audited.ours("venv")


def test_the_second_update_asks_for_the_list_alone(audited: Audited) -> None:
    """The index's list has not changed, so that nothing else goes over the wire; the verdict stays."""
    before = audited.snapshot.stat().st_ino
    done([str(BIN / "customhouse"), "audit", "requirements.txt", "--refresh", "--snapshot", str(audited.snapshot),
          "--no-index"], audited.folder)  # fmt: skip
    assert audited.snapshot.stat().st_ino == before

"""``customhouse release bundle``, ``layout`` and ``verify`` as people type them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from command_line import Done
from command_line import customhouse as command
from released import RUN, Puppet


@pytest.fixture(scope="module")
def desk(released: Puppet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the run, as the engine keeps it, and with what a stranger brings."""
    folder = tmp_path_factory.mktemp("desk")
    released.lay(folder / ".customhouse" / "release")
    (folder / "root.json").write_bytes(released.notary.trusted_root)
    (folder / "release.toml").write_text(released.pipeline)
    for name, body in released.bodies.items():
        (folder / name).write_bytes(body)
    assert customhouse(folder, "bundle", RUN, "--trust-root", "root.json").returncode == 0
    return folder


def customhouse(folder: Path, *words: str) -> Done:
    """No network is needed: addresses lead nowhere, and there is no home."""
    nowhere = "http://127.0.0.1:9"
    surroundings = {"HOME": str(folder), "HTTPS_PROXY": nowhere, "HTTP_PROXY": nowhere}
    return command("release", *words, folder=folder, environment=surroundings)


BUNDLE = "sealed-3.1.0.release.tar"
KNOWN = ("--trust-root", "root.json", "--pipeline", "release.toml")


def test_a_stranger_verifies_files_by_the_bundle(desk: Path, released: Puppet) -> None:
    wheel = next(name for name in released.bodies if name.endswith(".whl"))
    done = customhouse(desk, "verify", BUNDLE, *KNOWN, "--artifact", wheel)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{wheel} is a file of this release" in " ".join(done.stdout.split())
    assert "It does not prove:" in done.stdout
    (desk / wheel).write_bytes(b"another")
    assert customhouse(desk, "verify", BUNDLE, *KNOWN, "--artifact", wheel).returncode == 1


def test_who_brings_nothing_gets_three(desk: Path) -> None:
    done = customhouse(desk, "verify", BUNDLE, "--json")
    assert done.returncode == 3
    found = json.loads(done.stdout)
    assert found["result"] == "incomplete"
    roots = (
        "--trust-root",
        f"sha256:{found['trust_root']['sha256']}",
        "--pipeline",
        f"sha256:{found['pipeline']['sha256']}",
    )
    assert customhouse(desk, "verify", BUNDLE, *roots).returncode == 0


def test_the_second_time_it_is_remembered(desk: Path) -> None:
    assert customhouse(desk, "verify", BUNDLE, *KNOWN, "--checkpoint", "seen.json", "--remember").returncode == 0
    done = customhouse(desk, "verify", BUNDLE, "--checkpoint", "seen.json")
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_damaged_bundle_is_named_and_ends_with_one(desk: Path) -> None:
    body = bytearray((desk / BUNDLE).read_bytes())
    body[5000] ^= 1
    (desk / "damaged.tar").write_bytes(body)
    done = customhouse(desk, "verify", "damaged.tar", *KNOWN)
    assert done.returncode == 1
    assert "The bundle is not whole" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("missing.tar",),
        (BUNDLE, "--trust-root", "missing"),
        (BUNDLE, "--trust-root", "sha256:1"),
        (BUNDLE, "--remember"),
    ],
)
def test_what_cannot_be_read_is_a_fault_of_the_call(desk: Path, words: tuple[str, ...]) -> None:
    done = customhouse(desk, "verify", *words)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_in_toto_verifies_the_exported_layout(desk: Path) -> None:
    assert customhouse(desk, "layout", RUN, "-o", "layout").returncode == 0
    command = [
        str(Path(sys.executable).with_name("in-toto-verify")),
        "-l",
        "root.layout",
        "--verification-keys",
        "owner.pub",
    ]
    assert subprocess.run(command, cwd=desk / "layout", capture_output=True, check=False).returncode == 0


def test_the_same_run_gives_the_same_bundle(desk: Path) -> None:
    before = (desk / BUNDLE).read_bytes()
    assert customhouse(desk, "bundle", RUN, "--trust-root", "root.json", "-o", "again").returncode == 0
    assert (desk / "again" / BUNDLE).read_bytes() == before

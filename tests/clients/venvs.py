"""Real clients in environments of their own, kept between runs under ``.cache/clients``."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
LOCKS = ROOT / "requirements" / "clients"
CACHE = ROOT / ".cache" / "clients"
UV = Path(sys.executable).parent / "uv"
PUBLISHERS = ("twine-3.8", "twine-6.2", "twine-7", "uv", "poetry", "flit", "hatch", "pdm")
INSTALLERS = ("pip-20.3.4", "pip-22.3.1", "pip-23.2.1", "pip-25.3", "pip-newest", "uv", "poetry", "pdm", "hatch")


def client(name: str) -> Path:
    """The environment of a client, made from its lock if need be."""
    lock = LOCKS / f"{name}.txt"
    wanted = hashlib.sha256(lock.read_bytes() + sys.version.encode()).hexdigest()
    place = CACHE / name
    stamp = place / "lock.sha256"
    CACHE.mkdir(parents=True, exist_ok=True)
    # Tests run in several processes: whoever comes second waits for the one who installs.
    with (CACHE / f"{name}.lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        if not stamp.exists() or stamp.read_text() != wanted:
            shutil.rmtree(place, ignore_errors=True)
            _install(place, lock)
            stamp.write_text(wanted)
    return place


def _install(place: Path, lock: Path) -> None:
    """By uv, because Debian's pip cannot install a locked requirement that another one names with an extra."""
    subprocess.run([sys.executable, "-m", "venv", str(place)], check=True, capture_output=True)
    done = subprocess.run(
        [str(UV), "pip", "install", "--python", str(place / "bin" / "python"), "--require-hashes", "-r", str(lock)],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]


def clean_environment(home: Path, **more: str) -> dict[str, str]:
    """Nothing of this machine: no configuration, no keyring, no other index."""
    home.mkdir(parents=True, exist_ok=True)
    return {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_INPUT": "1",
        "UV_NO_CONFIG": "1",
        "UV_CACHE_DIR": str(home / "uv-cache"),
        "UV_PYTHON_DOWNLOADS": "never",
        "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
        "NO_COLOR": "1",
        **more,
    }


def run(command: list[str], *, cwd: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a client; its words are in the answer."""
    return subprocess.run(
        command,
        cwd=cwd,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
        stdin=subprocess.DEVNULL,
    )

"""The unmodified pypi-attestations library and its command, trusting a private Sigstore.

Neither has an option for another root of trust. Offline they read Sigstore's public one from a cache in the user's folder,
unchecked; so a cache that holds ours there makes them trust us and nobody else.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PRODUCTION = "https%3A%2F%2Ftuf-repo-cdn.sigstore.dev"


def cache_that_trusts(trusted_root: str, folder: Path) -> Path:
    """A cache folder (``XDG_CACHE_HOME``) in which the public root is the given ``trusted_root.json``."""
    inside = folder / "sigstore-python" / "tuf" / PRODUCTION
    inside.mkdir(parents=True)
    (inside / "trusted_root.json").write_text(trusted_root)
    return folder


def verify_by_command(cache: Path, distribution: Path, provenance: Path, repository: str) -> tuple[bool, str]:
    """``pypi-attestations verify pypi`` on local files: whether it is content, and what it says."""
    home = {"XDG_CACHE_HOME": str(cache), "XDG_DATA_HOME": str(cache)}
    done = subprocess.run(
        [
            sys.executable, "-m", "pypi_attestations", "verify", "pypi", "--offline", "--provenance-file",
            str(provenance), "--repository", repository, str(distribution),
        ],
        env={**os.environ, **home}, check=False, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    return done.returncode == 0, done.stdout + done.stderr

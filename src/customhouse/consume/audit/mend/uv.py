"""What uv does for an audit beyond reading: locking one package anew, and installing exactly what was audited.

Nothing is built: whoever builds an sdist runs it, and what builds it, before anybody has audited either.
"""

from __future__ import annotations

import shutil
import subprocess  # uv is called by a list of arguments, never by a shell
import sys
from collections.abc import Sequence
from pathlib import Path

from customhouse.consume.audit.mend.plan import Raise
from customhouse.formats.plain import plain
from customhouse.terms.errors import Rejected, Unavailable

SECONDS = 600.0


def lock_upgraded(lock: Path, raises: Sequence[Raise], index_url: str) -> None:
    """Lock these packages anew in a project's ``uv.lock``. Raises `Unavailable` with what uv says."""
    upgrades = [f"--upgrade-package={one.name}=={one.to}" for one in raises]
    index = [f"--default-index={index_url}"] if index_url else []
    _run(["lock", f"--project={lock.parent.absolute()}", "--no-build", *upgrades, *index])


def resolved_with_hashes(files: Sequence[Path], into: Path, python: str, index_url: str) -> None:
    """Resolve requirements to pins with hashes, in a file. Raises `Unavailable` with what uv says."""
    index = [f"--default-index={index_url}"] if index_url else []
    _run([
        "pip", "compile", *(str(one.absolute()) for one in files), "--no-build", "--generate-hashes",
        "--quiet", "--no-header", "--no-progress",
        f"--output-file={into}", f"--python={python}", *index,
    ])  # fmt: skip


def install_exactly(file: Path, python: str, index_url: str) -> None:
    """Install these pins and nothing else, with their hashes checked. Raises `Unavailable` with what uv says."""
    index = [f"--default-index={index_url}"] if index_url else []
    _run([
        "pip", "install", "--no-build", "--require-hashes", "--no-deps", f"--requirement={file}", f"--python={python}",
        *index,
    ])  # fmt: skip


def _run(arguments: Sequence[str]) -> None:
    beside = Path(sys.executable).with_name("uv")
    program = shutil.which("uv") or (str(beside) if beside.is_file() else "")
    if not program:
        raise Rejected("no-uv", "uv", "it is not installed", "`pip install uv`")
    try:
        done = subprocess.run(  # noqa: S603 - no shell, and no option can be smuggled in: each is joined to its value
            [program, *arguments, "--color=never"], stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS,
            check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise Unavailable("uv", f"it did not end within {SECONDS:g} s") from error
    if done.returncode:
        said = plain(done.stderr.decode("utf-8", "replace").strip(), 2000)
        raise Unavailable(f"uv {arguments[0]}", said or f"it ended with {done.returncode}")

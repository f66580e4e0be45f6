"""What the pipeline of CPython runs: ``release.py --export VERSION`` and ``release.py --test VERSION [TEST ...]``.

`--export` writes the two source archives into ``dist``. They are written anew afterwards (order, times, owners and
compression are always the same), so nothing of that matters here. `--test` unpacks the archive that is staged, builds
the interpreter from it and runs tests with it. Standard library alone.
"""
# ruff: noqa: INP001 - it goes into the repository of CPython, and is no part of a package here

import os
import subprocess
import sys
import tarfile
from pathlib import Path

DIST = "dist"
STAGED = Path("/given/in/src")
"""Where files lie that come into a step."""
TESTS = ("test_grammar", "test_json", "test_hashlib", "test_zipfile")
"""What is run where nothing is said: minutes, and not hours."""


def export(version: str) -> None:
    """Both archives, each of everything that the commit holds."""
    top = f"Python-{version}"
    Path(DIST).mkdir(exist_ok=True)
    names = sorted(one.name for one in Path().iterdir() if one.name != DIST)
    with tarfile.open(Path(DIST, f"{top}.tgz"), "w:gz", compresslevel=1) as small:
        for name in names:
            small.add(name, f"{top}/{name}")
    with tarfile.open(Path(DIST, f"{top}.tar.xz"), "w:xz", preset=0) as smaller:
        for name in names:
            smaller.add(name, f"{top}/{name}")


def test(version: str, tests: tuple[str, ...]) -> int:
    """Build from the staged archive, and run the interpreter that comes of it."""
    with tarfile.open(STAGED / f"Python-{version}.tgz") as archive:
        archive.extractall("unpacked", filter="data")
    root = Path("unpacked", f"Python-{version}").resolve()
    jobs = f"-j{os.cpu_count() or 1}"
    is_it = f"import platform, sys; sys.exit(platform.python_version() != {version!r})"
    for command in (
        ["./configure", "--quiet"],
        ["make", "--quiet", jobs],
        ["./python", "-c", is_it],
        ["./python", "-m", "test", *(tests or TESTS)],
    ):
        done = subprocess.run(command, cwd=root, check=False)  # noqa: S603 - arguments of our own, no shell
        if done.returncode:
            sys.stderr.write(f"{' '.join(command)} ended with {done.returncode}\n")
            return 1
    sys.stderr.write(f"Python {version} passed {' '.join(tests or TESTS)}\n")
    return 0


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["--export", version]:
            export(version)
        case ["--test", version, *tests]:
            sys.exit(test(version, tuple(tests)))
        case _:
            sys.exit(__doc__)

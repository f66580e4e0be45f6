"""Pythons of this machine by their version: on the path, in pyenv's folders and in uv's."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from customhouse.release.actions import Problem
from customhouse.release.building.isolation import BASE_PYTHON
from customhouse.release.children import Children

_VERSION = re.compile(r"3\.\d{1,2}")
_ASK = "import json, sys; print(json.dumps([sys._base_executable or sys.executable, sys.version.split()[0]]))"


@dataclass(frozen=True, slots=True)
class Python:
    """One interpreter."""

    path: Path
    version: str
    """``3.11.2``."""
    tag: str
    """``cp311``."""


def own_python(children: Children) -> Python:
    """The one under ours."""
    found = _asked(children, BASE_PYTHON)
    if found is None:
        raise Problem("no-python", f"{BASE_PYTHON} does not start", place="building")
    return found


def find_python(children: Children, wanted: str) -> Python | None:
    """The Python of this version (``3.12``), or at this path; None where there is none that starts."""
    if wanted.startswith("/"):
        return _asked(children, Path(wanted))
    if not _VERSION.fullmatch(wanted):
        raise Problem("no-python", f"{wanted!r} is no version of Python", "3.11, or the path of an interpreter")
    for path in _candidates(wanted):
        found = _asked(children, path)
        if found is not None and found.version.startswith(f"{wanted}."):
            return found
    return None


def _candidates(wanted: str) -> Iterator[Path]:
    name = f"python{wanted}"
    on_path = shutil.which(name)
    if on_path:
        yield Path(on_path)
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    uv = Path(os.environ.get("UV_PYTHON_INSTALL_DIR") or Path.home() / ".local/share/uv/python")
    for folder, pattern in ((pyenv, f"{wanted}.*"), (uv, f"cpython-{wanted}.*")):
        # The newest first: 3.12.10 before 3.12.9.
        yield from sorted((one / "bin" / name for one in folder.glob(pattern)), key=_numbers, reverse=True)
    for folder in (Path("/usr/bin"), Path("/usr/local/bin")):
        yield folder / name


def _numbers(path: Path) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", path.parent.parent.name)]


def _asked(children: Children, path: Path) -> Python | None:
    if not path.exists():
        return None
    ran = children.run(
        [str(path), "-I", "-c", _ASK], env={"PATH": "/usr/bin:/bin", "HOME": str(Path.home())}, timeout=30
    )
    try:
        real, version = json.loads(ran.out)
    except ValueError:
        return None
    major, minor, _ = version.split(".", 2)
    return Python(Path(real).resolve(), version, f"cp{major}{minor}")

"""What a target is, and its reader: ``customhouse audit .`` says in the title which file won and why."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from customhouse.consume.audit.read.here import (
    PYTHON_FILE,
    environment_of_python,
    environments_at,
    packages_at,
    running_environment,
    running_interpreter,
)
from customhouse.consume.audit.read.options import ReadOptions
from customhouse.consume.audit.read.requirements import read_requirements
from customhouse.consume.audit.read.source import CODE, read_text
from customhouse.formats.inventory.model import Subject
from customhouse.terms.errors import Rejected

ACCEPTED = (
    "environment, interpreter, or the path of a lock file, a requirements file, pyproject.toml, an environment, "
    "a wheel or sdist, an SBOM, an image or a folder of these"
)
WORDS: dict[str, Callable[[], Subject]] = {
    "": running_environment,
    "environment": running_environment,
    "interpreter": running_interpreter,
}


def read_target(target: str | Path, options: ReadOptions = ReadOptions()) -> tuple[Subject, ...]:  # noqa: B008  # frozen
    """What a path or a word stands for. Raises `Rejected` if nothing of it can be read."""
    if isinstance(target, str) and target in WORDS:
        return (WORDS[target](),)
    path = Path(target)
    if "\0" in str(target):
        raise Rejected(CODE, "target", "it holds a NUL", ACCEPTED)
    if path.is_dir():
        return _folder(path, options)
    if not path.exists():
        raise Rejected(CODE, str(target)[:300], "there is no such file or folder", ACCEPTED)
    return _file(path, options)


def _file(path: Path, options: ReadOptions) -> tuple[Subject, ...]:
    name = path.name.lower()
    if PYTHON_FILE.fullmatch(name):
        return (environment_of_python(path),)
    if name == "uv.lock":
        from customhouse.formats.inventory.uv_lock import read_uv_lock  # noqa: PLC0415

        return (read_uv_lock(read_text(path), str(path)),)
    if name.startswith("pylock") and name.endswith(".toml"):
        from customhouse.formats.inventory.pylock import read_pylock  # noqa: PLC0415

        return (read_pylock(read_text(path), str(path)),)
    if name.endswith((".txt", ".in")):
        return (read_requirements(path, options),)
    raise Rejected(CODE, str(path), "it is nothing that can be audited", ACCEPTED)


def _folder(path: Path, options: ReadOptions) -> tuple[Subject, ...]:
    if (path / "pyvenv.cfg").is_file() and (found := environments_at(path)):
        return found
    for name in ("uv.lock", "pylock.toml", "requirements.txt"):
        if (path / name).is_file():
            return _file(path / name, options)
    if any(path.glob("*.dist-info")) or any(path.glob("*.egg-info")):
        return (packages_at(path),)
    if found := environments_at(path):
        return found
    raise Rejected(CODE, str(path), "nothing in this folder can be audited", ACCEPTED)

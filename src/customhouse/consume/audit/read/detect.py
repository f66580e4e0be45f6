"""What a target is, and its reader: ``customhouse audit .`` says in the title which file won and why.

A name decides where a tool gives one; content decides for ``.json``, ``.xml`` and what has no ending. Of a project's
files the one that says most wins: a lock over requirements, requirements over what is only asked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from customhouse.consume.audit.read.options import ReadOptions
from customhouse.consume.audit.read.source import CODE, read_head
from customhouse.formats.inventory.model import Subject
from customhouse.terms.errors import Rejected

ACCEPTED = (
    "environment, interpreter, or the path of a lock file, a requirements file, pyproject.toml, an environment, "
    "a wheel or sdist, an SBOM, an image or a folder of these"
)
WORDS = ("", "environment", "interpreter")
PYTHON_FILE = re.compile(r"(?:python|pypy)(?:\d+(?:\.\d+)?t?)?(?:w)?(?:\.exe)?")
_REQUIREMENTS = re.compile(r"(?:.*[-_.])?(?:requirements|constraints|reqs)(?:[-_.].*)?\.(?:txt|in)")
_PYLOCK = re.compile(r"pylock(?:\.[^.]+)?\.toml")
# In this order: the more a file says, the earlier.
_LOCKS = ("uv.lock", "pylock.toml", "poetry.lock", "Pipfile.lock")
_UNREAD_LOCKS = {"pdm.lock": "pdm export", "pixi.lock": "pixi list", "conda-lock.yml": "conda-lock render"}


def read_target(target: str | Path, options: ReadOptions = ReadOptions()) -> tuple[Subject, ...]:  # noqa: B008  # frozen
    """What a path or a word stands for. Raises `Rejected` if nothing of it can be read."""
    if isinstance(target, str) and target in WORDS:
        from customhouse.consume.audit.read import here  # noqa: PLC0415

        return (here.running_interpreter(options) if target == "interpreter" else here.running_environment(options),)
    if "\0" in str(target):
        raise Rejected(CODE, "target", "it holds a NUL", ACCEPTED)
    path = Path(target)
    try:
        if path.is_dir():
            return _folder(path, options)
        there = path.exists()
    except OSError as error:
        raise Rejected(CODE, str(target)[:300], error.strerror or "it cannot be read", ACCEPTED) from None
    if not there:
        raise Rejected(CODE, str(target)[:300], "there is no such file or folder", ACCEPTED)
    return _file(path, options)


def _file(path: Path, options: ReadOptions) -> tuple[Subject, ...]:
    from customhouse.consume.audit.read import files  # noqa: PLC0415 - each reader is loaded when it is needed

    name = path.name.lower()
    if PYTHON_FILE.fullmatch(name) and not name.endswith(".py"):
        from customhouse.consume.audit.read.here import environment_of_python  # noqa: PLC0415

        return (environment_of_python(path, options),)
    if name in ("uv.lock", "poetry.lock", "pipfile.lock", "pyproject.toml"):
        return (files.BY_NAME[name](path, options),)
    if name == "pipfile":
        return (files.BY_NAME["pipfile.lock"](path.with_name("Pipfile.lock"), options),)
    if _PYLOCK.fullmatch(name):
        return (files.BY_NAME["pylock.toml"](path, options),)
    if name in _UNREAD_LOCKS:
        raise Rejected(CODE, str(path), "this kind of lock is not read", f"what `{_UNREAD_LOCKS[name]}` writes")
    if name.endswith(".py.lock"):
        # uv keeps the lock of a script beside it. Other locks are other tools': Cargo's looks much like uv's.
        return (files.BY_NAME["uv.lock"](path, options),)
    if name.endswith((".txt", ".in")) and not name.endswith(".spdx.txt"):
        return (files.requirements(path, options),)
    return files.by_content(path, read_head(path), options)


def _folder(path: Path, options: ReadOptions) -> tuple[Subject, ...]:
    from customhouse.consume.audit.read.here import environments_at, packages_at  # noqa: PLC0415

    if (path / "pyvenv.cfg").is_file() and (found := environments_at(path, options)):
        return found
    if (path / "oci-layout").is_file() or ((path / "manifest.json").is_file() and any(path.glob("*/layer.tar"))):
        from customhouse.consume.audit.read.image import read_image_folder  # noqa: PLC0415

        return read_image_folder(path, options)
    if project := _project(path, options):
        return project
    if any(_metadata(path)):
        return (packages_at(path, options),)
    if _is_file_system(path):
        from customhouse.consume.audit.read.container import read_file_system  # noqa: PLC0415

        return read_file_system(path, options)
    if found := environments_at(path, options):
        return found
    from customhouse.consume.audit.read.distribution import (  # noqa: PLC0415
        distributions_in,
        read_folder_of_distributions,
    )

    if distributions_in(path):
        return (read_folder_of_distributions(path, options),)
    raise Rejected(CODE, str(path), "nothing in this folder can be audited", ACCEPTED)


def _project(path: Path, options: ReadOptions) -> tuple[Subject, ...]:
    """The file of a project that wins."""
    there = {name: path / name for name in (*_LOCKS, "pyproject.toml") if (path / name).is_file()}
    listed = sorted(one for one in path.glob("*.txt") if _REQUIREMENTS.fullmatch(one.name.lower()))
    listed += sorted(path.glob("requirements/*.txt"))
    others = [name for name in _UNREAD_LOCKS if (path / name).is_file()]
    locks = [name for name in _LOCKS if name in there]
    named = sorted(
        one.name for one in path.glob("pylock.*.toml") if _PYLOCK.fullmatch(one.name) and one.name not in locks
    )
    if locks or named:
        winners = locks[:1] or named
        passed = [one for one in (*locks[1:], *(named if locks else ()), *others, *(one.name for one in listed)) if one]
        why = f"a lock says most{_instead(passed)}"
        return _titled(path, winners, why, options)
    plain = [one for one in listed if one.name.lower() == "requirements.txt"]
    if plain or listed:
        winners = [str(one.relative_to(path)) for one in (plain or listed)]
        passed = [*others, *(str(one.relative_to(path)) for one in listed if one not in plain and plain)]
        passed += ["pyproject.toml"] if "pyproject.toml" in there else []
        return _titled(path, winners, f"there is no lock{_instead(passed)}", options)
    if "pyproject.toml" in there:
        return _titled(
            path, ["pyproject.toml"], f"there is no lock and no requirements file{_instead(others)}", options
        )
    if others:
        raise Rejected(
            CODE, str(path / others[0]), "this kind of lock is not read", f"what `{_UNREAD_LOCKS[others[0]]}` writes"
        )
    return ()


def _titled(path: Path, winners: list[str], why: str, options: ReadOptions) -> tuple[Subject, ...]:
    subjects = [one for name in winners for one in _file(path / name, options)]
    return tuple(replace(one, title=f"{one.title} ({why})") for one in subjects)


def _instead(passed: list[str]) -> str:
    return f"; passed over: {', '.join(passed[:5])}{' …' if len(passed) > 5 else ''}" if passed else ""  # noqa: PLR2004


def _metadata(path: Path) -> Iterator[Path]:
    for pattern in ("*.dist-info", "*.egg-info", "*.egg-link"):
        yield from path.glob(pattern)


def _is_file_system(path: Path) -> bool:
    """Whether a folder looks like the root of a system."""
    return (path / "usr").is_dir() and any((path / name).is_dir() for name in ("etc", "bin", "var", "opt"))

"""Running somebody's own tests with versions that a bound excludes, and keeping what came of it.

The environment is new and made by uv; what the file asks for is installed with the override in place. Of the run the
command, the exit code, the digest of what it printed and the day are kept, in a file that belongs beside the lock.
"""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import shutil
import signal
import subprocess  # programs are called by lists of arguments, never by a shell
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from packaging.requirements import InvalidRequirement, Requirement

from customhouse.consume.audit.blocked import Trial
from customhouse.formats.strict_json import read_json
from customhouse.terms.errors import Rejected, Unavailable
from customhouse.terms.names import ProjectName, normalize
from customhouse.terms.versions import version_of

NAME = "customhouse.overrides.json"
"""What the file is called unless somebody says otherwise; the command line looks for it there, too."""
CODE = "bad-override"
FORMAT = 1
MAX_BYTES = 4 * 2**20
MOST_RUNS = 1_000
SOURCES = ("uv.lock", "pylock.toml", "requirements.txt", "pyproject.toml")
"""Where to look for what is to be installed, the first that is there."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be run, with what."""

    pins: tuple[tuple[str, str], ...]
    """Name and version of each package whose bounds are passed over."""
    command: str
    source: Path
    """The lock, the requirements or the project that is installed."""
    python: str = ""
    """The interpreter for uv; empty: our own."""
    index_url: str = ""
    seconds: float = 1_800.0
    """The most that the tests may take."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What came of a run."""

    runs: tuple[Trial, ...]
    log: bytes
    """What the command printed, its end if it was much."""


def read_pins(texts: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """``b==2.1`` apart; raises `Rejected`."""
    found = []
    for text in texts:
        try:
            read = Requirement(text)
        except InvalidRequirement as error:
            raise Rejected(CODE, "PACKAGE", f"{text[:80]!r} is no package at a version", "b==2.1") from error
        pins = [one.version for one in read.specifier if one.operator == "=="]
        if len(pins) != 1 or len(read.specifier) != 1 or read.url or version_of(pins[0]) is None:
            raise Rejected(CODE, "PACKAGE", f"{text[:80]!r} names no single version", "b==2.1")
        found.append((ProjectName.parse(read.name, where="PACKAGE").normalized, str(version_of(pins[0]))))
    if not found:
        raise Rejected(CODE, "PACKAGE", "none is named", "b==2.1")
    return tuple(found)


def find_source(folder: Path) -> Path:
    """What is installed if nobody says it; raises `Rejected`."""
    for name in SOURCES:
        if (folder / name).is_file():
            return folder / name
    raise Rejected(CODE, "--from", "there is none of " + ", ".join(SOURCES), "--from requirements.txt")


def record_run(wish: Wish, now: datetime, environment: Mapping[str, str]) -> Recorded:
    """Make the environment, run the command in it, and say what came of it.

    Raises `Rejected` if the command is none, `Unavailable` if uv cannot make the environment.
    """
    words = _words(wish.command)
    with TemporaryDirectory(prefix="customhouse-override-") as folder:
        place = Path(folder)
        _make(wish, place, environment)
        code, digest, log = _run(words, wish, place / "venv", environment)
    runs = tuple(Trial(name, version, wish.command, code, digest, now.date()) for name, version in wish.pins)
    return Recorded(runs, log)


def _words(command: str) -> list[str]:
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise Rejected(CODE, "--command", f"{command[:80]!r}: {error}", 'like "pytest -q"') from error
    if not words:
        raise Rejected(CODE, "--command", "it is empty", 'like "pytest -q"')
    return words


def _make(wish: Wish, place: Path, environment: Mapping[str, str]) -> None:
    """A new environment with what the source asks for, the pins overriding whatever anybody requires of them."""
    uv = _program("uv", environment)
    overrides = place / "overrides.txt"
    overrides.write_text("".join(f"{name}=={version}\n" for name, version in wish.pins))
    _uv([uv, "venv", "--quiet", "--no-project", "--python", wish.python or sys.executable, str(place / "venv")], wish,
        environment)  # fmt: skip
    arguments = [
        uv, "pip", "install", "--quiet", "--no-progress", "--color", "never", "--python", str(place / "venv"),
        "--override", str(overrides), "--no-verify-hashes",
    ]  # fmt: skip
    if wish.index_url:
        arguments += ["--default-index", wish.index_url]
    _uv([*arguments, *_asked(wish, uv, place, environment)], wish, environment)


def _asked(wish: Wish, uv: str, place: Path, environment: Mapping[str, str]) -> list[str]:
    """What is installed, as arguments of uv. A lock's pins are requirements here: the overrides go before them."""
    source = wish.source
    if source.name == "uv.lock":
        out = place / "locked.txt"
        _uv(
            [uv, "export", "--quiet", "--frozen", "--no-hashes", "--all-groups", "--no-emit-project", "--project",
             str(source.parent), "--output-file", str(out)],
            wish, environment,
        )  # fmt: skip
        return ["-r", str(out)]
    return ["-r", str(source)]


def _program(name: str, environment: Mapping[str, str]) -> str:
    beside = Path(sys.executable).with_name(name)
    found = shutil.which(name, path=environment.get("PATH")) or (str(beside) if beside.is_file() else "")
    if not found:
        raise Unavailable(name, "it is not installed")
    return found


def _uv(arguments: Sequence[str], wish: Wish, environment: Mapping[str, str]) -> None:
    done = subprocess.run(  # noqa: S603 - no shell
        arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
        cwd=wish.source.parent, env=dict(environment), timeout=wish.seconds,
    )  # fmt: skip
    if done.returncode != 0:
        told = " ".join(done.stdout.decode("utf-8", "replace").split())
        raise Unavailable("uv", told[-600:] or f"it ended with {done.returncode}", retry_after_seconds=0)


def _run(words: Sequence[str], wish: Wish, venv: Path, environment: Mapping[str, str]) -> tuple[int, str, bytes]:
    """Exit code, digest of what was printed, and its end. A command that takes too long fails with 124."""
    inside = {
        **{key: value for key, value in environment.items() if key not in ("PYTHONHOME", "PYTHONPATH")},
        "VIRTUAL_ENV": str(venv),
        "PATH": f"{venv / 'bin'}{os.pathsep}{environment.get('PATH', os.defpath)}",
    }
    log = venv.parent / "log"
    with log.open("wb") as file:
        try:
            process = subprocess.Popen(  # noqa: S603 - the user's own command, without a shell
                words, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT, cwd=wish.source.parent,
                env=inside, start_new_session=True, executable=shutil.which(words[0], path=inside["PATH"]),
            )  # fmt: skip
        except OSError as error:
            raise Rejected(CODE, "--command", f"{words[0][:80]!r} cannot be started: {error.strerror}") from error
        try:
            code = process.wait(wish.seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            code = 124
    digest = hashlib.sha256()
    with log.open("rb") as file:
        while piece := file.read(2**20):
            digest.update(piece)
        file.seek(max(0, file.tell() - 2**20))
        return code, digest.hexdigest(), file.read()


def read_runs(path: Path) -> tuple[Trial, ...]:
    """The runs that are kept; none if there is no file. Raises `Rejected` naming what is damaged."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise Rejected(CODE, str(path), f"it cannot be read: {error.strerror}") from error
    if len(content) > MAX_BYTES:
        raise Rejected(CODE, str(path), f"it is longer than {MAX_BYTES} bytes")
    try:
        document = read_json(content.decode(), max_depth=6)
        runs = [_read_run(one) for one in document["runs"][:MOST_RUNS]]
        known = document["format"] == FORMAT
    except (ValueError, KeyError, TypeError) as error:
        raise Rejected(CODE, str(path), f"{type(error).__name__}: {error}", "what record has written") from error
    if not known:
        raise Rejected(CODE, f"{path}: format", f"{str(document['format'])[:40]} is not known here", str(FORMAT))
    return tuple(runs)


def _read_run(one: Mapping[str, object]) -> Trial:
    code = one["exit-code"]
    if not isinstance(code, int):
        raise TypeError("exit-code is no number")
    return Trial(
        normalize(str(one["package"])), str(one["version"]), str(one["command"])[:500], code,
        str(one["log-sha256"])[:64], date.fromisoformat(str(one["day"])),
    )  # fmt: skip


def save_runs(path: Path, runs: Sequence[Trial]) -> None:
    """Keep these beside what is kept already; of the same package, version and command the last one stays."""
    if path.exists() and not path.is_file():
        raise Rejected(CODE, str(path), "it is no file", f"a path like {NAME}")
    kept = {(one.package, one.version, one.command): one for one in (*read_runs(path), *runs)}
    document = {
        "format": FORMAT,
        "runs": [
            {
                "package": one.package, "version": one.version, "command": one.command, "exit-code": one.exit_code,
                "log-sha256": one.log_sha256, "day": one.day.isoformat(),
            }
            for one in list(kept.values())[-MOST_RUNS:]
        ],
    }  # fmt: skip
    new = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        new.write_text(json.dumps(document, indent=2) + "\n")
        new.replace(path)
    except OSError as error:
        new.unlink(missing_ok=True)
        raise Rejected(CODE, str(path), f"it cannot be written: {error.strerror}") from error

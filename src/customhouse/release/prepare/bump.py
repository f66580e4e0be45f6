"""The version in the source: each place that says it is found once, or the step fails; nothing is guessed.

``files`` names them: ``pyproject.toml`` (``project.version``), ``setup.cfg``, a Python file with one line ``__version__
= "…"``, CPython's ``Include/patchlevel.h``, or ``PATH:PATTERN`` for anything else, where the pattern's one group is the
version. Without it: ``pyproject.toml``, and every package's own ``__version__`` that says the same.
"""

from __future__ import annotations

import re
from pathlib import Path

import tomlkit
from packaging.version import InvalidVersion, Version
from tomlkit.exceptions import TOMLKitError

from customhouse.release.actions import Outcome, Problem, StepRun
from customhouse.release.prepare.copy import Copy, copied, found, left, taken

_LINE = re.compile(
    r"""^__version__(?:\s*:\s*[\w.\[\]]+)?\s*=\s*(?P<quote>["'])(?P<version>[^"'\n]*)(?P=quote)""", re.MULTILINE
)
_CFG = re.compile(r"^version\s*=\s*(?P<version>\S+)[ \t]*$", re.MULTILINE)
_MODULES = ("__init__.py", "_version.py", "version.py", "__about__.py", "__version__.py")
_LEVELS = {"": "FINAL", "a": "ALPHA", "b": "BETA", "rc": "GAMMA"}
_LONGEST_BYTES = 4 * 2**20


class Bump:
    """`version.bump`."""

    def do(self, run: StepRun) -> Outcome:
        """Write the run's version everywhere, or nowhere."""
        version = _version(run)
        copy = copied(run, for_programs=False)
        wanted = _wanted(run, copy)
        written = {path: _bumped(copy, path, pattern, version) for path, pattern in wanted}
        for path, text in written.items():
            _write(copy.file(path), text)
        return taken(run, copy, lambda path: path in written, {"version": version, "files": ", ".join(written)})

    def probe(self, run: StepRun) -> Outcome | None:
        """Whether this attempt has left a tree in which something was written."""
        tree, changes = left(run)
        if not tree or not changes:
            return None
        return found(run, {"version": _version(run), "files": ", ".join(change.path for change in changes)})

    def undo(self, run: StepRun) -> str:
        """Nothing has left this machine: the next attempt starts from the tree before."""
        del run
        return "nothing to undo"


def patchlevel(text: str, version: Version) -> str:
    """CPython's header with this version: five numbers and the text. Raises `Problem` unless each is there once."""
    level, serial = version.pre or ("", 0)
    release = (*version.release, 0, 0, 0)[:3]
    values = dict(zip(("PY_MAJOR_VERSION", "PY_MINOR_VERSION", "PY_MICRO_VERSION"), map(str, release), strict=True))
    values["PY_RELEASE_LEVEL"] = f"PY_RELEASE_LEVEL_{_LEVELS[level]}"
    values["PY_RELEASE_SERIAL"] = str(serial)
    values["PY_VERSION"] = f'"{version}"'
    for name, value in values.items():
        text = _once(
            re.compile(rf"^#define {name}[ \t]+(?P<version>\S+)", re.MULTILINE), text, value, f"#define {name}"
        )
    return text


def pyproject(text: str, version: str) -> str:
    """The file with ``project.version``, everything else untouched; raises `Problem` if it says none."""
    try:
        document = tomlkit.parse(text)
    except TOMLKitError as error:
        raise Problem("bad-toml", str(error), place="pyproject.toml") from error
    for table in ("project", "tool.poetry"):
        found_in: object = document
        for part in table.split("."):
            found_in = found_in.get(part) if isinstance(found_in, dict) else None
        if isinstance(found_in, dict) and "version" in found_in:
            found_in["version"] = version
            return tomlkit.dumps(document)
    raise Problem(
        "no-version", "it says no version", "project.version", place="pyproject.toml",
        next_step='Name the file that says it: with = { files = ["src/NAME/__init__.py"] }.',
    )  # fmt: skip


def _wanted(run: StepRun, copy: Copy) -> list[tuple[str, str]]:
    named = run.step.options.get("files", ())
    entries = (named,) if isinstance(named, str) else named
    if not isinstance(entries, tuple):
        raise Problem("bad-option", f"files = {entries!r}", "a list of paths", place=run.step.id)
    pairs = [(path, pattern) for path, _, pattern in (str(entry).partition(":") for entry in entries)]
    pairs = pairs or _found(copy)
    if not pairs:
        raise Problem(
            "no-version", "no file says a version", "pyproject.toml, or __version__ in a package", place=run.step.id,
            next_step='Name the file that says it: with = { files = ["docs/conf.py:release = \'(.*)\'"] }.',
        )  # fmt: skip
    paths = [path for path, _ in pairs]
    if len(set(paths)) < len(paths):
        raise Problem("twice", f"a file is named twice: {', '.join(paths)}", "each file once", place=run.step.id)
    return pairs


def _found(copy: Copy) -> list[tuple[str, str]]:
    """``pyproject.toml`` if it says a version, and packages' own modules that say the same; raises `Problem`."""
    said: dict[str, str] = {}
    project = copy.folder / "pyproject.toml"
    if project.is_file() and not project.is_symlink():
        parsed = tomlkit.parse(_read(project)).unwrap()
        for table in (parsed.get("project", {}), parsed.get("tool", {}).get("poetry", {})):
            if "version" in table:
                said["pyproject.toml"] = str(table["version"])
    for path in sorted(
        path for pattern in ("*", "src/*") for name in _MODULES for path in copy.folder.glob(f"{pattern}/{name}")
    ):
        found = _LINE.search(_read(path)) if path.is_file() and not path.is_symlink() else None
        if found is not None:
            said[str(path.relative_to(copy.folder))] = found["version"]
    if len(set(said.values())) > 1:
        told = ", ".join(f"{path} says {version}" for path, version in said.items())
        raise Problem(
            "ambiguous", told, "the same version everywhere",
            next_step="Name the files that say the release's version: with = { files = [ … ] }.",
        )  # fmt: skip
    return [(path, "") for path in said]


def _bumped(copy: Copy, path: str, pattern: str, version: str) -> str:
    file = copy.file(path)
    if not file.is_file():
        raise Problem("no-file", f"there is no {path}", "a file of the work tree", place=path)
    text = _read(file)
    if pattern:
        try:
            compiled = re.compile(pattern, re.MULTILINE)
        except re.error as error:
            raise Problem("bad-pattern", f"{pattern}: {error}", "a regular expression", place=path) from error
        if compiled.groups != 1:
            raise Problem("bad-pattern", f"{compiled.groups} groups", "one group, around the version", place=path)
        return _once(compiled, text, version, pattern)
    if file.name == "pyproject.toml":
        return pyproject(text, version)
    if file.name == "patchlevel.h":
        return patchlevel(text, Version(version))
    if file.name == "setup.cfg":
        return _once(_CFG, text, version, "version =")
    if file.suffix in (".py", ".pyi"):
        return _once(_LINE, text, version, "__version__ =")
    raise Problem(
        "no-pattern", f"nothing is known of how {path} says a version", "PATH:PATTERN", place=path,
        next_step=f'Say how: files = ["{path}:^version: (.*)$"].',
    )  # fmt: skip


def _once(pattern: re.Pattern[str], text: str, version: str, what: str) -> str:
    """The text with what the pattern's one group matches replaced, if that is there exactly once."""
    matches = list(pattern.finditer(text))
    if len(matches) != 1:
        raise Problem(
            "ambiguous" if matches else "no-version", f"{what!r} is there {len(matches)} times", "once",
            next_step="Name a pattern that matches one place: PATH:PATTERN.",
        )  # fmt: skip
    start, end = matches[0].span("version" if "version" in pattern.groupindex else 1)
    return text[:start] + version + text[end:]


def _version(run: StepRun) -> str:
    text = run.params.get("version", "")
    try:
        return str(Version(text))
    except InvalidVersion as error:
        raise Problem("bad-version", f"{text!r}", "a version as PEP 440 has it", place="version") from error


def _read(path: Path) -> str:
    if path.stat().st_size > _LONGEST_BYTES:
        raise Problem("too-long", f"{path.stat().st_size} bytes", f"at most {_LONGEST_BYTES}", place=path.name)
    with path.open(encoding="utf-8", newline="") as file:
        try:
            return file.read()
        except UnicodeDecodeError as error:
            raise Problem("not-text", str(error), "UTF-8", place=path.name) from error


def _write(path: Path, text: str) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(text)

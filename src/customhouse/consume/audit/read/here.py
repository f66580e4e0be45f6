"""Environments of this machine as subjects: the running one, a venv, a prefix, a folder of packages, an interpreter."""

from __future__ import annotations

import os
import platform
import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from customhouse.consume.audit.read.bundled import libraries_of_packages
from customhouse.consume.audit.read.environment import read_packages
from customhouse.consume.audit.read.options import ReadOptions
from customhouse.consume.audit.read.prefixes import Prefix, prefixes_at
from customhouse.consume.audit.read.source import CODE
from customhouse.consume.audit.read.tree import DiskTree, Tree
from customhouse.formats.inventory.marks import Marks
from customhouse.formats.inventory.model import Gap, Subject, SubjectKind
from customhouse.terms.errors import Rejected

_LIB_VERSION = re.compile(r"(?:python|pypy)(\d{1,2}\.\d{1,3})t?")


def running_environment(options: ReadOptions) -> Subject:
    """What this very process could import."""
    tree = DiskTree(Path("/"))
    folders = [os.path.realpath(one).strip("/") for one in dict.fromkeys(sys.path) if one and Path(one).is_dir()]
    exact = platform.python_version().rstrip("+") if sys.implementation.name == "cpython" else ""
    title = f"the running environment, {sys.prefix}{_told(exact)}"
    active = os.environ.get("VIRTUAL_ENV", "")
    if active and os.path.realpath(active) != os.path.realpath(sys.prefix):
        # Whoever runs this as a tool of its own mostly means the environment that he has activated.
        title += f"; not the active one, which is audited by its path: {active[:200]}"
    return _subject(tree, list(dict.fromkeys(folders)), Marks(), title, exact, options)


def running_interpreter(_options: ReadOptions) -> Subject:
    """The Python that runs this."""
    exact = platform.python_version().rstrip("+") if sys.implementation.name == "cpython" else ""
    gaps = (
        () if exact else (Gap(sys.executable, f"{sys.implementation.name} is not CPython", "see its own advisories"),)
    )
    return Subject(f"the running interpreter, {sys.executable}{_told(exact)}", "interpreter", (), gaps, exact)


def environments_at(path: Path, options: ReadOptions) -> tuple[Subject, ...]:
    """The environments of a venv or a prefix; none if the folder is neither."""
    tree = DiskTree(path)
    return tuple(environment_of(tree, one, str(path), options) for one in prefixes_at(tree, ""))


def environment_of(
    tree: Tree, prefix: Prefix, title: str, options: ReadOptions, *, kind: SubjectKind = "environment"
) -> Subject:
    """One environment as a subject."""
    marks = Marks(prefix.python)
    subject = _subject(tree, prefix.folders, marks, f"{title}{_told(prefix.exact)}", prefix.exact, options)
    if prefix.exact or not (prefix.python or prefix.is_venv):
        return replace(subject, kind=kind)
    which = f"Python {prefix.python}" if prefix.python else "Python"
    gap = Gap(
        title,
        f"nothing tells the exact release of its {which}: the interpreter is not checked",
        "run `customhouse audit interpreter` with it",
    )
    return replace(subject, kind=kind, gaps=(*subject.gaps, gap))


def _subject(tree: Tree, folders: Sequence[str], marks: Marks, title: str, exact: str, options: ReadOptions) -> Subject:
    components, gaps = read_packages(tree, folders, marks)
    subject = Subject(title, "environment", components, gaps, exact)
    if options.bundled == "never" or not any(one.files for one in components):
        return subject
    libraries, more = libraries_of_packages(tree, components, by_bytes=options.bundled == "bytes" and tree.is_whole)
    return replace(subject, libraries=libraries, gaps=(*gaps, *more))


def packages_at(path: Path, options: ReadOptions) -> Subject:
    """A folder in which packages lie: site-packages, or what ``pip install --target`` has filled."""
    tree = DiskTree(path)
    absolute = path.absolute()
    version = _LIB_VERSION.fullmatch(absolute.parent.name)
    exact = ""
    if absolute.name in ("site-packages", "dist-packages") and version is not None:
        own = prefixes_at(DiskTree(absolute.parents[2]), "")
        exact = next((one.exact for one in own if one.python.startswith(version[1])), "")
    marks = Marks(exact or (version[1] if version is not None else ""))
    return _subject(tree, [""], marks, f"{path}{_told(exact)}", exact, options)


def environment_of_python(path: Path, options: ReadOptions) -> Subject:
    """The environment of ``PREFIX/bin/python``, which is not run. Raises `Rejected`."""
    # The link of a venv is looked at first: behind it is the Python that it was made from.
    link = Path(os.path.abspath(path))  # noqa: PTH100  # `resolve` would follow it
    for executable in (link, path.resolve()):
        prefix = executable.parent.parent if executable.parent.name in ("bin", "Scripts") else executable.parent
        tree = DiskTree(prefix)
        found = prefixes_at(tree, "")
        version = _LIB_VERSION.fullmatch(path.resolve().name)
        found = tuple(one for one in found if version is None or one.python.startswith(version[1])) or found
        if found and (found[0].is_venv or executable != link or link == path.resolve()):
            return environment_of(tree, found[0], f"{path} ({prefix})", options)
    raise Rejected(CODE, str(path), "no packages lie beside this Python", "the python of an environment, or its folder")


def _told(exact: str) -> str:
    return f" (CPython {exact})" if exact else ""

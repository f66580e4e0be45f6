"""Where packages lie under a prefix, and which CPython that is: from files alone, since to run it would be to trust it.

Sources: the pages `venv` and `site` of the Python library reference (pyvenv.cfg, the layout of a prefix), the Python
policy of Debian (dist-packages), ``Include/patchlevel.h`` of CPython.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from customhouse.consume.audit.read.tree import Tree

_CFG_BYTES = 64 * 2**10
_HEADER_BYTES = 64 * 2**10
_LIB = re.compile(r"(?:python|pypy)(\d{1,2}\.\d{1,3})t?")
_PATCHLEVEL = re.compile(rb'^#define\s+PY_VERSION\s+"([0-9][0-9a-z.+]{0,30})"', re.MULTILINE)
_VERSION = re.compile(r"(\d{1,2}\.\d{1,3}\.\d{1,3})(?:\.?(final|alpha|beta|candidate|rc|a|b)\.?(\d{1,3}))?\+?")
_LEVELS = {"alpha": "a", "beta": "b", "candidate": "rc"}


class Prefix(NamedTuple):
    """One Python with the folders in which its packages lie."""

    path: str
    """In its tree; empty for the root."""
    folders: tuple[str, ...]
    """The first one wins for Python."""
    python: str
    """``3.11``, or more exactly; empty if nothing tells it."""
    exact: str = ""
    """The CPython release, ``3.11.7``; empty if nothing tells it, or it is another implementation."""
    is_venv: bool = False


def prefixes_at(tree: Tree, path: str) -> tuple[Prefix, ...]:
    """The Pythons whose prefix a folder is: one for each ``lib/pythonX.Y``, none if it is no prefix."""
    names = tree.names(path) or ()
    cfg = read_cfg(tree, path) if "pyvenv.cfg" in names else {}
    found = [_prefix(tree, path, version, folders, cfg) for version, folders in _folders(tree, path, names)]
    if cfg and not found:
        found = [_prefix(tree, path, "", (), cfg)]
    return tuple(found)


def read_cfg(tree: Tree, path: str) -> dict[str, str]:
    """The lines ``key = value`` of pyvenv.cfg, keys in lower case."""
    raw = tree.read(_join(path, "pyvenv.cfg"), _CFG_BYTES) or b""
    pairs = (line.partition("=") for line in raw.decode("utf-8", "replace").splitlines())
    found = {key.strip().lower(): value.strip() for key, equals, value in pairs if equals}
    return found or {"pyvenv": "empty"}


def _folders(tree: Tree, path: str, names: tuple[str, ...]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The folders of each version under one prefix."""
    found: dict[str, list[str]] = {}
    for lib in ("lib", "lib64", "local/lib"):
        if lib.partition("/")[0] not in names:
            continue
        for name in tree.names(_join(path, lib)) or ():
            if (version := _LIB.fullmatch(name)) is not None:
                place = _join(path, f"{lib}/{name}")
                # What Debian installs below local/ belongs to its own Python; site-packages there to another one.
                for kind in ("dist-packages",) if lib == "local/lib" else ("site-packages", "dist-packages"):
                    found.setdefault(version[1], []).extend(_there(tree, f"{place}/{kind}"))
    shared = _there(tree, _join(path, "lib/python3/dist-packages"))
    if "Lib" in names:
        shared += _there(tree, _join(path, "Lib/site-packages"))
    for version_text, folders in found.items():
        if places := _once(tree, (*folders, *shared)):
            yield version_text, places
    if shared and not any(found.values()):
        yield "", tuple(shared)


def _there(tree: Tree, folder: str) -> list[str]:
    return [folder] if tree.names(folder) is not None else []


def _once(tree: Tree, folders: tuple[str, ...]) -> tuple[str, ...]:
    """Without ``lib64`` where it is a link to ``lib``, as in every venv."""
    seen: set[object] = set()
    kept = []
    for folder in folders:
        real = tree.real(folder)
        if real not in seen:
            seen.add(real)
            kept.append(folder)
    return tuple(kept)


def _prefix(tree: Tree, path: str, version: str, folders: tuple[str, ...], cfg: dict[str, str]) -> Prefix:
    told = exact_version(cfg.get("version_info") or cfg.get("version") or "")
    home = tree.inside(cfg["home"]) if cfg.get("home") else None
    base = home.rpartition("/")[0] if home is not None else path
    exact = _by_header(tree, base, version or ".".join(told.split(".")[:2])) or told
    if cfg.get("implementation", "CPython").lower() not in ("cpython", ""):
        exact = ""
    if version and exact and not exact.startswith(f"{version}."):
        # A venv whose base was exchanged: what lies there counts, what was written at its making does not.
        exact = ""
    if cfg.get("include-system-site-packages", "").lower() == "true" and base != path:
        base_names = tree.names(base) or ()
        for other, more in _folders(tree, base, base_names):
            folders += tuple(one for one in more if other in (version, "") and one not in folders)
    return Prefix(path, folders, exact or told or version, exact, is_venv=bool(cfg))


def _by_header(tree: Tree, base: str, version: str) -> str:
    """What ``patchlevel.h`` says, if the headers lie there."""
    if not version:
        return ""
    for folder in (f"include/python{version}", f"include/python{version}t"):
        raw = tree.read(_join(base, f"{folder}/patchlevel.h"), _HEADER_BYTES)
        if raw and (found := _PATCHLEVEL.search(raw)) is not None:
            return exact_version(found[1].decode())
    return ""


def exact_version(text: str) -> str:
    """``3.11.7`` of ``3.11.7.final.0``, ``3.13.0rc1`` of ``3.13.0.candidate.1``; empty for what is none."""
    found = _VERSION.fullmatch(text.strip())
    if found is None:
        return ""
    level = found[2] or "final"
    return found[1] if level == "final" else f"{found[1]}{_LEVELS.get(level, level)}{found[3]}"


def _join(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name

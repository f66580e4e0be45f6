"""The files that a lock names, each with its digest: as far as its format names files and not digests alone.

``pylock.toml``, ``uv.lock``, ``poetry.lock`` and ``pdm.lock`` do. Requirements and ``Pipfile.lock`` hold digests
without names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from customhouse.formats.inventory.toml_lock import hashes_of, read_lock_toml, some_tables, table, text
from customhouse.terms.names import normalize


@dataclass(frozen=True, slots=True)
class LockedFile:
    """One file of one package."""

    name: str
    """The project's, normalised."""
    version: str
    filename: str
    digest: str
    """``sha256:…``; of another algorithm if the lock has no SHA-256; empty if it has none at all."""
    url: str = ""
    """Where it is fetched from, if the lock says."""


def read_locked_files(lock: str, where: str) -> tuple[LockedFile, ...]:
    """Every file of a lock in TOML; raises `Rejected` for what is no TOML."""
    values = read_lock_toml(lock, where, whole=True)
    listed = values.get("packages") if "lock-version" in values else values.get("package")
    old_poetry = table(table(values.get("metadata")).get("files"))
    found: dict[tuple[str, str, str], LockedFile] = {}
    for package in some_tables(listed):
        for one in _files(package, old_poetry):
            found.setdefault((one.name, one.version, one.filename), one)
    return tuple(found.values())


def _files(package: Mapping[str, Any], old_poetry: Mapping[str, Any]) -> Iterator[LockedFile]:
    name, version = text(package.get("name")), text(package.get("version"))
    tables = [
        *some_tables(package.get("wheels")), table(package.get("sdist")), table(package.get("archive")),
        *some_tables(package.get("files")), *some_tables(old_poetry.get(name)),
    ]  # fmt: skip
    for one in tables:
        url = text(one.get("url"))
        filename = text(one.get("name")) or text(one.get("file")) or _last(url) or _last(text(one.get("path")))
        if filename:
            yield LockedFile(normalize(name), version, filename, _digest(one), url)


def _digest(one: Mapping[str, Any]) -> str:
    found = sorted(hashes_of(dict(one)), key=lambda digest: (not digest.startswith("sha256:"), digest))
    return found[0] if found else ""


def _last(address: str) -> str:
    try:
        return unquote(urlsplit(address).path.rpartition("/")[2])
    except ValueError:
        return ""

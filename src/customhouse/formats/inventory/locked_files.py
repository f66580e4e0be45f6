"""The files that a lock names, each with its digest: as far as its format names files and not digests alone.

``pylock.toml``, ``uv.lock``, ``poetry.lock`` and ``pdm.lock`` do. Requirements and ``Pipfile.lock`` hold digests
without names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from customhouse.formats.inventory.pylock import told_by_file
from customhouse.formats.inventory.toml_lock import hashes_of, read_lock_toml, some_tables, table, text
from customhouse.terms.names import normalize


@dataclass(frozen=True, slots=True)
class LockedFile:
    """One file of one package."""

    name: str
    """The project's, normalised."""
    version: str
    filename: str
    """Empty if the lock tells none."""
    digest: str
    """``sha256:…`` or of another algorithm: one entry for each that the file has; empty if it has none at all."""
    url: str = ""
    """Where it is fetched from, if the lock says."""


def read_locked_files(lock: str, where: str) -> tuple[LockedFile, ...]:
    """Every file of a lock in TOML; raises `Rejected` for what is no TOML."""
    values = read_lock_toml(lock, where, whole=True)
    listed = values.get("packages") if "lock-version" in values else values.get("package")
    old_poetry = table(table(values.get("metadata")).get("files"))
    found: dict[tuple[str, str, str, str], LockedFile] = {}
    for package in some_tables(listed):
        for one in _files(package, old_poetry):
            # Twice the same file with two digests: installers take either.
            found.setdefault((one.name, one.version, one.filename, one.digest), one)
    return tuple(found.values())


def _files(package: Mapping[str, Any], old_poetry: Mapping[str, Any]) -> Iterator[LockedFile]:
    name, version = text(package.get("name")), text(package.get("version")) or told_by_file(package)
    tables = [
        *some_tables(package.get("wheels")), table(package.get("sdist")), table(package.get("archive")),
        *some_tables(package.get("files")), *some_tables(old_poetry.get(name)),
    ]  # fmt: skip
    for one in tables:
        url = text(one.get("url"))
        if not one:
            continue
        told = (text(one.get("name")), text(one.get("file")), _last(url), _last(text(one.get("path"))))
        filename = next(filter(None, told), "")
        for digest in sorted(hashes_of(dict(one))) or [""]:
            yield LockedFile(normalize(name), version, filename, digest, url)


def _last(address: str) -> str:
    try:
        return unquote(urlsplit(address).path.rpartition("/")[2])
    except ValueError:
        return ""

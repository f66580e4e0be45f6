"""Records of the PyPA's database, read once, and records made for a test."""

from __future__ import annotations

import tarfile
from functools import cache
from pathlib import Path
from typing import Any

from customhouse.formats.osv.documents import Damaged, read_documents
from customhouse.formats.osv.model import Record
from customhouse.formats.osv.read import read_record

DATA = Path(__file__).parent / "data" / "advisories"


@cache
def pypa_files() -> dict[str, bytes]:
    """The database's files, by path."""
    with tarfile.open(DATA / "pypa-advisory-database.tar.xz") as archive:
        return {one.name: _content(archive, one) for one in archive if one.isfile()}


@cache
def pypa() -> tuple[Record, ...]:
    """Its 2,461 records."""
    found = [one for name, content in pypa_files().items() if _is_record(name) for one in read_documents(content, name)]
    damaged = [one for one in found if isinstance(one, Damaged)]
    assert not damaged, damaged
    return tuple(one for one in found if isinstance(one, Record))


def record(*ranges: list[dict[str, str]], versions: list[str] | None = None, **more: Any) -> Record:
    """A record on the package ``demo`` with these ranges of events and these versions."""
    affected = {
        "package": {"ecosystem": "PyPI", "name": "Demo"},
        "ranges": [{"type": "ECOSYSTEM", "events": events} for events in ranges],
        "versions": versions or [],
    }
    return read_record({"id": "X-1", "modified": "2026-01-01T00:00:00Z", "affected": [affected], **more}, "X-1.json")


def _is_record(name: str) -> bool:
    return "vulns/" in name and name.endswith(".yaml")


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(member)
    assert file is not None
    return file.read()

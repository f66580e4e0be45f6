"""The simple repository API as values, and their two renderings.

Sources: PEP 503 (pages), 592 (yank), 629 (version), 658 and 714 (metadata beside files), 691 (JSON), 700 (versions,
size, upload time), 740 (provenance), 752 (namespaces), 792 (project status), 833 (HTML stays at 1.4).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html import escape
from typing import Any, Literal

from packaging.version import Version

from customhouse.terms.names import normalize

API_VERSION = "1.5"
"""Of the JSON form. 1.5 means that namespaces are kept as PEP 752 says."""

ProjectStatus = Literal["active", "archived", "quarantined", "deprecated"]


@dataclass(frozen=True, slots=True)
class SimpleFile:
    """One distribution file as every consumer sees it."""

    filename: str
    url: str
    sha256: str
    """Empty if an upstream does not say it and nobody has fetched the file yet."""
    size_bytes: int | None
    """None if an upstream does not say it."""
    uploaded_at: datetime | None
    """None if an upstream does not say it."""
    version: str
    requires_python: str | None = None
    yanked: bool = False
    yanked_reason: str = ""
    core_metadata_sha256: str | None = None
    core_metadata_unhashed: bool = False
    """Metadata is served beside the file, and its digest is not known yet (PEP 714: true)."""
    provenance: str | None = None
    signals: Mapping[str, object] = field(default_factory=dict)
    """Our own facts about the file, served under the private key ``_customhouse``."""


@dataclass(frozen=True, slots=True)
class Namespace:
    """A reserved prefix that covers a project's name."""

    name: str
    """Normalised."""
    owned: bool
    """Whether the project's holder is the one who has the namespace."""


@dataclass(frozen=True, slots=True)
class SimplePage:
    """One project as every consumer sees it: the values behind ``/simple/NAME/``."""

    name: str
    """The normalised name."""
    serial: int
    """The ledger's serial at the project's last change."""
    versions: tuple[str, ...] = ()
    files: tuple[SimpleFile, ...] = ()
    status: ProjectStatus = "active"
    status_reason: str = ""
    signals: Mapping[str, object] = field(default_factory=dict)
    namespaces: tuple[Namespace, ...] = ()


@dataclass(frozen=True, slots=True)
class ProjectList:
    """The values behind ``/simple/``: names as their owners spell them, sorted by normalised name."""

    names: tuple[str, ...]
    serial: int


def to_json(page: SimplePage) -> bytes:
    """The page as ``application/vnd.pypi.simple.v1+json`` (PEP 691, 700, 714, 740, 752, 792)."""
    # PEP 700: from 1.1 on every file has a size.
    version = API_VERSION if all(file.size_bytes is not None for file in page.files) else "1.0"
    whole: dict[str, Any] = {
        "meta": {"api-version": version, "_last-serial": page.serial},
        "name": page.name,
    }
    if page.status != "active":
        whole["project-status"] = {"status": page.status} | (
            {"reason": page.status_reason} if page.status_reason else {}
        )
    # PEP 752: the key is always there, null for a name that no namespace covers.
    whole["namespaces"] = [{"name": one.name, "owned": one.owned} for one in page.namespaces] or None
    # PEP 700: every file's version is in `versions`, which may also hold versions without files.
    versions = {*page.versions, *(file.version for file in page.files)}
    whole["versions"] = sorted(versions, key=Version)
    whole["files"] = [_file_json(file) for file in _in_order(page)]
    if page.signals:
        whole["_customhouse"] = dict(page.signals)
    return _json_bytes(whole)


def to_html(page: SimplePage) -> bytes:
    """The page as ``application/vnd.pypi.simple.v1+html`` (PEP 503, 592, 629, 658, 714, 740, 792)."""
    status = ""
    if page.status != "active":
        status = f'<meta name="pypi:project-status" content="{page.status}">\n'
        if page.status_reason:
            reason = escape(page.status_reason)
            status += f'<meta name="pypi:project-status-reason" content="{reason}">\n'
    anchors = "".join(f"<a {' '.join(_attributes(file))}>{escape(file.filename)}</a><br>\n" for file in _in_order(page))
    return _html_bytes(f"Links for {page.name}", status, anchors)


def list_to_json(projects: ProjectList) -> bytes:
    """The list as ``application/vnd.pypi.simple.v1+json`` (PEP 691)."""
    meta = {"api-version": API_VERSION, "_last-serial": projects.serial}
    return _json_bytes({"meta": meta, "projects": [{"name": name} for name in projects.names]})


def list_to_html(projects: ProjectList) -> bytes:
    """The list as ``application/vnd.pypi.simple.v1+html`` (PEP 503)."""
    anchors = "".join(f'<a href="{normalize(name)}/">{escape(name)}</a><br>\n' for name in projects.names)
    return _html_bytes("Simple index", "", anchors)


def timestamp(moment: datetime) -> str:
    """A moment as PEP 700 wants it: UTC, ending in Z, at most six decimals."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _in_order(page: SimplePage) -> list[SimpleFile]:
    parsed = {version: Version(version) for version in {file.version for file in page.files}}
    return sorted(page.files, key=lambda file: (parsed[file.version], file.filename))


def _file_json(file: SimpleFile) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "filename": file.filename,
        "url": file.url,
        "hashes": {"sha256": file.sha256} if file.sha256 else {},
        # PEP 592: an empty reason would read as "not yanked".
        "yanked": (file.yanked_reason or True) if file.yanked else False,
        "core-metadata": {"sha256": file.core_metadata_sha256}
        if file.core_metadata_sha256
        else file.core_metadata_unhashed,
    }
    if file.size_bytes is not None:
        entry["size"] = file.size_bytes
    if file.uploaded_at is not None:
        entry["upload-time"] = timestamp(file.uploaded_at)
    if file.requires_python:
        entry["requires-python"] = file.requires_python
    if file.provenance:
        entry["provenance"] = file.provenance
    if file.signals:
        entry["_customhouse"] = dict(file.signals)
    return entry


def _attributes(file: SimpleFile) -> Iterator[str]:
    yield f'href="{escape(file.url)}{f"#sha256={file.sha256}" if file.sha256 else ""}"'
    if file.requires_python:
        yield f'data-requires-python="{escape(file.requires_python)}"'
    if file.yanked:
        yield f'data-yanked="{escape(file.yanked_reason)}"'
    if file.core_metadata_sha256:
        # PEP 714: the new name must be there; the old one serves clients from before.
        yield f'data-core-metadata="sha256={file.core_metadata_sha256}"'
        yield f'data-dist-info-metadata="sha256={file.core_metadata_sha256}"'
    elif file.core_metadata_unhashed:
        yield 'data-core-metadata="true"'
        yield 'data-dist-info-metadata="true"'
    if file.provenance:
        yield f'data-provenance="{escape(file.provenance)}"'


def _html_bytes(title: str, status: str, anchors: str) -> bytes:
    # PEP 833: HTML stays at 1.4 for ever.
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="pypi:repository-version" content="1.4">\n{status}'
        f"<title>{title}</title>\n</head>\n<body>\n<h1>{title}</h1>\n{anchors}</body>\n</html>\n"
    ).encode()


def _json_bytes(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()

"""``/pypi/NAME/json`` and ``/pypi/NAME/VERSION/json`` in the shape that PyPI gives them; pure rendering.

Source: the JSON API documentation of PyPI. ``downloads`` are -1 there and here; keys that begin with ``_`` are ours.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from packaging.version import Version

from customhouse.formats.metadata import CoreMetadata
from customhouse.formats.osv.matching import fixed_versions
from customhouse.formats.osv.model import Record
from customhouse.formats.osv.times import write_time
from customhouse.formats.simple import timestamp


@dataclass(frozen=True, slots=True)
class JsonFile:
    """One file as the JSON API tells it."""

    filename: str
    version: str
    kind: str
    python_version: str
    """``py3`` and the like for a wheel, ``source`` for an sdist."""
    url: str
    size_bytes: int
    uploaded_at: datetime
    requires_python: str | None
    md5: str
    sha256: str
    blake2b_256: str
    yanked: bool
    yanked_reason: str
    signals: Sequence[Mapping[str, str]]


def choose_version(versions: Sequence[str], yanked: Sequence[str]) -> str | None:
    """The version that stands for the project: the newest final one that is not yanked, else the newest of all."""
    ordered = sorted((Version(text), text) for text in versions)
    for allowed in (
        [text for parsed, text in ordered if text not in yanked and not parsed.is_prerelease],
        [text for _, text in ordered if text not in yanked],
        [text for _, text in ordered],
    ):
        if allowed:
            return allowed[-1]
    return None


def project_json(
    metadata: CoreMetadata,
    *,
    version: str,
    files: Sequence[JsonFile],
    serial: int,
    project_url: str,
    with_releases: bool,
    status: str,
    vulnerabilities: Sequence[Mapping[str, Any]] = (),
) -> bytes:
    """The document for one version; ``with_releases`` adds every file of the project by version."""
    mine = [file for file in files if file.version == version]
    whole: dict[str, Any] = {
        "info": _info(metadata, version, mine, project_url),
        "last_serial": serial,
    }
    if with_releases:
        versions = sorted({file.version for file in files}, key=Version)
        whole["releases"] = {one: [_file(file) for file in files if file.version == one] for one in versions}
    whole["urls"] = [_file(file) for file in mine]
    whole["vulnerabilities"] = list(vulnerabilities)
    whole["_customhouse"] = {"status": status}
    return json.dumps(whole, separators=(",", ":"), ensure_ascii=False).encode()


def vulnerability(record: Record, name: str, link: str) -> dict[str, Any]:
    """A record that affects the shown version, as PyPI tells it; ``link`` is where people read more.

    Each fix is a version of PEP 440: pip-audit gives up at any other.
    """
    return {
        "aliases": list(record.aliases),
        "details": record.details,
        "fixed_in": list(fixed_versions(record, name)),
        "id": record.id,
        "link": link,
        "published": write_time(record.published) if record.published else None,
        "source": "osv",
        "summary": record.summary or None,
        "withdrawn": write_time(record.withdrawn) if record.withdrawn else None,
    }


def _info(metadata: CoreMetadata, version: str, files: Sequence[JsonFile], project_url: str) -> dict[str, Any]:
    reasons = [file.yanked_reason for file in files if file.yanked]
    return {
        "author": metadata.author,
        "author_email": metadata.author_email,
        "bugtrack_url": None,
        "classifiers": list(metadata.classifiers),
        "description": metadata.description,
        "description_content_type": metadata.description_content_type or None,
        "docs_url": None,
        "download_url": metadata.download_url or None,
        "downloads": {"last_day": -1, "last_month": -1, "last_week": -1},
        "dynamic": list(metadata.dynamic) or None,
        "home_page": metadata.home_page or None,
        "keywords": ",".join(metadata.keywords) or None,
        "license": metadata.license or None,
        "license_expression": metadata.license_expression or None,
        "license_files": list(metadata.license_files) or None,
        "maintainer": metadata.maintainer or None,
        "maintainer_email": metadata.maintainer_email or None,
        "name": metadata.name,
        "package_url": project_url,
        "platform": ",".join(metadata.platforms) or None,
        "project_url": project_url,
        "project_urls": dict(metadata.project_urls) or None,
        "provides_extra": list(metadata.provides_extra) or None,
        "release_url": f"{project_url}{version}/" if version else project_url,
        "requires_dist": list(metadata.requires_dist) or None,
        "requires_python": metadata.requires_python or None,
        "summary": metadata.summary,
        "version": version,
        "yanked": bool(files) and len(reasons) == len(files),
        "yanked_reason": next((reason for reason in reasons if reason), None),
    }


def _file(file: JsonFile) -> dict[str, Any]:
    return {
        "comment_text": "",
        "digests": {"blake2b_256": file.blake2b_256, "md5": file.md5, "sha256": file.sha256},
        "downloads": -1,
        "filename": file.filename,
        "has_sig": False,
        "md5_digest": file.md5,
        "packagetype": file.kind,
        "python_version": file.python_version,
        "requires_python": file.requires_python,
        "size": file.size_bytes,
        "upload_time": file.uploaded_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S"),
        "upload_time_iso_8601": timestamp(file.uploaded_at),
        "url": file.url,
        "yanked": file.yanked,
        "yanked_reason": file.yanked_reason or None,
        **({"_customhouse": {"signals": [dict(signal) for signal in file.signals]}} if file.signals else {}),
    }

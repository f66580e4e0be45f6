"""What we know of a project that an upstream has: values, and the rules that need nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from customhouse.formats.simple import ProjectStatus


@dataclass(frozen=True, slots=True)
class Inspected:
    """What was found when the whole file was here (a row of ``mirrored_object``)."""

    digest: str
    """SHA-256 of what is stored; empty if its bytes were let go again (keep rules), everything else still stands."""
    size_bytes: int
    refusal: str = ""
    """Why the strict reader refuses the archive; empty if it reads well."""
    signals: Mapping[str, object] = field(default_factory=dict)
    """As of an upload (`formats.signals`)."""
    metadata_digest: str = ""
    """SHA-256 of its METADATA or PKG-INFO, stored as an object of its own; empty if there is none to serve."""
    metadata_size_bytes: int = 0
    requires: tuple[str, ...] = ()
    licence: str = ""
    """``License-Expression`` of its metadata."""


@dataclass(frozen=True, slots=True)
class MirroredFile:
    """One file as upstream lists it, with what we have found out ourselves."""

    filename: str
    version: str
    """Normalised (PEP 440); a file whose name is none of PEP 427 or 625 is not kept."""
    url: str
    """Absolute, http or https."""
    sha256: str = ""
    """What upstream says; empty if it says none."""
    other_digests: Mapping[str, str] = field(default_factory=dict)
    """What upstream says besides, by the hash's name (``md5``, ``sha1``, ``blake2b``, ...); compared if there is no
    SHA-256."""
    size_bytes: int | None = None
    uploaded_at: datetime | None = None
    """What upstream says, from its JSON page or its JSON API; never when we fetched it."""
    requires_python: str | None = None
    yanked: bool = False
    yanked_reason: str = ""
    metadata_sha256: str = ""
    """Of the metadata file beside it, if upstream serves one (PEP 658) and says so."""
    has_metadata: bool = False
    """Whether upstream serves one."""
    provenance_url: str = ""
    """Where its attestations are (PEP 740); empty if upstream names none."""
    first_seen_at: datetime | None = None
    removed_at: datetime | None = None
    """Upstream has listed it and no longer does."""
    signals: Mapping[str, object] = field(default_factory=dict)
    """What another Customhouse says under ``_customhouse``."""
    inspected: Inspected | None = None


@dataclass(frozen=True, slots=True)
class MirroredProject:
    """One project of one upstream, as it was when we last asked."""

    name: str
    """Normalised."""
    upstream: str
    files: tuple[MirroredFile, ...]
    versions: tuple[str, ...] = ()
    status: ProjectStatus = "active"
    status_reason: str = ""
    checked_at: datetime | None = None
    """When upstream last confirmed it, by an answer or by a 304."""
    changed_at: datetime | None = None
    removed_at: datetime | None = None
    """Upstream answers 404 since then."""
    signals: Mapping[str, object] = field(default_factory=dict)
    """What another Customhouse says under ``_customhouse``."""
    stale: bool = False
    """Upstream could not be asked just now, and this is what it said before."""

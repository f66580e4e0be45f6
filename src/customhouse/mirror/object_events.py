"""What happens to files of upstreams. For operators alone: what is installed here is nobody's business."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from customhouse.ledger.events import Event


@dataclass(frozen=True, slots=True)
class UpstreamFileTaken(Event):
    """A file of an upstream was fetched whole, stored, and read by the strict reader: policies may see it otherwise."""

    kind: ClassVar[str] = "upstream-file-taken"
    upstream: str
    filename: str
    sha256: str
    refused_as: str
    """The code of what is wrong with the archive; empty if it reads well."""


@dataclass(frozen=True, slots=True)
class UpstreamFileLied(Event):
    """A file of an upstream holds other metadata than was served beside it. It is refused from now on."""

    kind: ClassVar[str] = "upstream-file-lied"
    upstream: str
    filename: str
    why: str


@dataclass(frozen=True, slots=True)
class UpstreamFilesLetGo(Event):
    """The bytes of files that nobody has fetched for long were removed, by the keep rules. Their digests stay."""

    kind: ClassVar[str] = "upstream-files-let-go"
    files: int
    size_bytes: int

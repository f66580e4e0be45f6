"""What happens to download counts by somebody's hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from customhouse.ledger.events import Event


@dataclass(frozen=True, slots=True)
class DownloadLogImported(Event):
    """An operator has imported an access log, or what it has grown by since he last did."""

    kind: ClassVar[str] = "download-log-imported"
    log: str
    lines: int
    downloads: int
    unknown_files: int
    bad_lines: int

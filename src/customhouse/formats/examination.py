"""All that is asked of an uploaded file: the strict walk, metadata, whether the description renders, what it bundles.

It runs in a process that can be killed, because each of them can be made slow; so its result is plain data.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from customhouse.formats.bundled.model import BundledScan
from customhouse.formats.bundled.scan import Scanner
from customhouse.formats.description import render_description
from customhouse.formats.filenames import SdistName, WheelName, parse_filename
from customhouse.formats.inspect import inspect_archive
from customhouse.formats.inspection import Inspection, Limits, Signal
from customhouse.formats.metadata import CoreMetadata, parse_metadata
from customhouse.terms.errors import Rejected

# A hostile archive could carry a signal on every member; what is stored and served stays small.
MAX_SIGNALS = 100
DEFAULT_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Examination:
    """What an upload needs to know of its file."""

    kind: Literal["bdist_wheel", "sdist"]
    metadata_text: str
    metadata: CoreMetadata
    metadata_served: bool
    """Whether the metadata may be offered beside the file (PEP 658): always for wheels, for sdists if it is final."""
    signals: tuple[Signal, ...]
    bundled: BundledScan = field(default_factory=BundledScan)
    """The libraries that a wheel bundles; they were looked for on the same walk."""

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "kind": self.kind,
            "metadata_text": self.metadata_text,
            "metadata": self.metadata.to_dict(),
            "metadata_served": self.metadata_served,
            "signals": [asdict(signal) for signal in self.signals],
            "bundled": self.bundled.to_dict(),
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Examination:
        """The inverse of `to_dict`."""
        return cls(
            values["kind"],
            values["metadata_text"],
            CoreMetadata.from_dict(values["metadata"]),
            values["metadata_served"],
            tuple(Signal(**signal) for signal in values["signals"]),
            BundledScan.from_dict(values["bundled"]),
        )


def examine(path: Path, filename: str, limits: Limits = DEFAULT_LIMITS) -> Examination:
    """Examine one distribution file; raises `Rejected` naming the fault, the place and the offset."""
    # The door has applied the platform rule already; here the name only has to be read.
    name = parse_filename(filename, linux_tags=True)
    scanner = Scanner()
    inspection = inspect_archive(path, filename, limits, scanner.follow)
    metadata = parse_metadata(inspection.metadata, name=name.name, version=name.version)
    _check_license_files(inspection, metadata, name)
    render_description(metadata.description, metadata.description_content_type)
    return Examination(
        inspection.kind,
        inspection.metadata,
        metadata,
        inspection.kind == "bdist_wheel" or metadata.is_final,
        inspection.signals[:MAX_SIGNALS],
        scanner.result(),
    )


def _check_license_files(inspection: Inspection, metadata: CoreMetadata, name: WheelName | SdistName) -> None:
    """Every License-File of metadata 2.4 or later is in the archive (PEP 639)."""
    folder = name.stem if isinstance(name, SdistName) else f"{name.stem}.dist-info/licenses"
    present = {member.name for member in inspection.members}
    for path in metadata.license_files:
        if f"{folder}/{path}" not in present:
            raise Rejected(
                "license-file-missing",
                "License-File",
                f"{path[:200]!r} is not in the archive",
                f"{folder}/{path[:200]}",
            )

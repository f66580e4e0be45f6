"""What the strict reader found in an archive that it let pass. Plain data, because it crosses a process border."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one walk, in bytes unless the name says otherwise.

    Source of the ratio and its threshold: the upload checks of PyPI's own index (a member set of more than 64 MiB that
    expands more than fifty-fold is a bomb).
    """

    expanded_bytes: int = 8 * 2**30
    bomb_floor_bytes: int = 64 * 2**20
    bomb_ratio: int = 50
    members: int = 100_000
    name_bytes: int = 1024
    header_bytes: int = 1 * 2**20
    """One pax header or one set of extra fields."""
    directory_bytes: int = 32 * 2**20
    """The central directory of a ZIP, which is read whole."""
    metadata_bytes: int = 5 * 2**20
    record_bytes: int = 16 * 2**20


@dataclass(frozen=True, slots=True)
class Member:
    """One member of an archive, as its header names it."""

    name: str
    kind: Literal["file", "directory", "link"]
    size_bytes: int
    sha256: str = ""
    """Hexadecimal; empty for directories and links."""
    target: str = ""
    """Where a link points."""


@dataclass(frozen=True, slots=True)
class Signal:
    """Something legal but notable: a stable code, the member it was seen in, and a sentence."""

    code: str
    where: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Inspection:
    """The strict reader's account of one distribution file."""

    filename: str
    kind: Literal["bdist_wheel", "sdist"]
    metadata: str
    """The text of ``METADATA`` or ``PKG-INFO``, exactly as in the archive."""
    metadata_sha256: str
    members: tuple[Member, ...]
    signals: tuple[Signal, ...] = ()
    expanded_bytes: int = 0
    top_level: tuple[str, ...] = ()
    """Names that appear in site-packages once a wheel is installed; empty for an sdist."""
    entry_points: tuple[str, ...] = field(default=())
    """Scripts that a wheel puts on the path."""

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Inspection:
        """The inverse of `to_dict`."""
        return cls(
            **{
                **values,
                "members": tuple(Member(**member) for member in values["members"]),
                "signals": tuple(Signal(**signal) for signal in values["signals"]),
                "top_level": tuple(values["top_level"]),
                "entry_points": tuple(values["entry_points"]),
            }
        )

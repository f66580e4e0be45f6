"""What is handed over, as a name and a digest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Algorithm = Literal["sha256", "gitCommit", "gitTag", "gitTree"]


@dataclass(frozen=True, slots=True, order=True)
class Thing:
    """A file, a commit or a tag. Of files, ``digest`` is SHA-256 in hexadecimal and the name that the store knows."""

    name: str
    algorithm: Algorithm
    digest: str
    size_bytes: int = 0


Things = tuple[Thing, ...]

"""What verifying the attestations of a staged file has shown: one place for every way in which files come."""

from __future__ import annotations

from typing import Any, Protocol

from customhouse.catalog.staged import StagedFile


class Verify(Protocol):
    """Verifies what was attested of a file whose digest is known."""

    def __call__(self, file: StagedFile, sha256: str, /) -> list[dict[str, Any]] | None:
        """What was shown, for the file's row; None if nothing was attested. Raises `Rejected`."""
        ...

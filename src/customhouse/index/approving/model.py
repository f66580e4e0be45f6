"""What approving speaks about: why a release waits for people, and what is still missing before it may be published."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Method = Literal["any", "webauthn"]
"""Which second factor an approval must be given with: any, or a security key or passkey."""
STAGES_ONLY = "stages-only"
RULE = "release-rule"
RECOVERY = "account-in-recovery"
HOLDS: Mapping[str, str] = {
    "long-silence": "first upload in a year",
    "new-identity": "somebody who has never published here",
    "provenance-lost": "less provenance than before",
    "provenance-changed": "provenance of somebody else",
    "new-startup-file": "a file that runs whenever Python starts",
    "burst": "many projects within minutes",
}
"""The holds, in words: rules of the index's own about critical projects."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a release waits. ``hold`` is a rule of the index's own about critical projects; its owners are asked."""

    code: str
    sentence: str
    hold: bool = False

    @classmethod
    def of(cls, row: Mapping[str, str]) -> Reason:
        """As it stands in `upload_session.reasons`."""
        return cls(row["code"], row["sentence"], row["code"] in HOLDS)

    @property
    def row(self) -> dict[str, str]:
        """The inverse of `of`."""
        return {"code": self.code, "sentence": self.sentence}


@dataclass(frozen=True, slots=True)
class Missing:
    """What is missing before a staged release may be published, in words and for machines."""

    sentence: str
    approvals: int
    """How many are still wanted."""
    who: tuple[str, ...]
    """Names of the accounts that may give one, or of those that may publish if no approval is wanted."""
    not_before: datetime | None = None
    """It may not be published earlier, however many approve."""

"""The pages of a candidate's address, asked as installers do (`paths.Pages`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from customhouse.consume.audit.history import MEDIA_TYPE, Release, read_releases
from customhouse.consume.wire import NOT_FOUND, Wire
from customhouse.formats.inventory.installed import read_installed
from customhouse.formats.inventory.requirement import Requirement
from customhouse.terms.errors import Unavailable


@dataclass
class AskedPages:
    """One simple repository over HTTP. What it does not answer is unknown."""

    wire: Wire
    address: str
    _releases: dict[str, dict[str, Release] | None] = field(default_factory=dict)

    def versions(self, name: str) -> Sequence[str] | None:
        """Every version that it lists; None if nobody can say."""
        found = self._of(name)
        return list(found) if found is not None else None

    def requires(self, name: str, version: str) -> Sequence[Requirement] | None:
        """What a release requires, by its metadata; None if nobody can say."""
        release = (self._of(name) or {}).get(version)
        if release is None or not release.metadata:
            return None
        try:
            answer = self.wire.get(release.metadata)
        except Unavailable:
            return None
        return None if answer.status == NOT_FOUND else read_installed(answer.body).requires

    def _of(self, name: str) -> dict[str, Release] | None:
        if name not in self._releases:
            self._releases[name] = self._ask(f"{self.address}{name}/")
        return self._releases[name]

    def _ask(self, page: str) -> dict[str, Release] | None:
        try:
            answer = self.wire.get(page, headers={"Accept": MEDIA_TYPE})
            return {} if answer.status == NOT_FOUND else dict(read_releases(answer.body, page))
        except Unavailable:
            return None

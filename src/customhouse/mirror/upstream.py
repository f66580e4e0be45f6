"""One upstream of the settings: where its pages are, and what is sent along to it and to nobody else."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from customhouse.infra.settings import Upstream
from customhouse.infra.targets import Target
from customhouse.terms.errors import Rejected

SIMPLE = "/simple/"


@dataclass(frozen=True, slots=True)
class UpstreamIndex:
    """An index that may be asked."""

    name: str
    root: Target
    """Its simple API; the path ends in a slash."""
    authorization: str = field(default="", repr=False)
    patterns: tuple[str, ...] = ()

    @classmethod
    def of(cls, settings: Upstream) -> UpstreamIndex:
        """As an operator has written it; raises `Rejected` for an address that is none."""
        root = Target.parse(settings.url.rstrip("/") + "/", where=f"upstreams.{settings.name}.url")
        if "?" in root.path:
            raise Rejected(
                "bad-url", f"upstreams.{settings.name}.url", "it holds a query ('?')", "an address without one"
            )
        password = settings.password.get_secret_value()
        sent = base64.b64encode(f"{settings.user}:{password}".encode()).decode() if settings.user or password else ""
        return cls(settings.name, root, f"Basic {sent}" if sent else "", settings.names)

    def asks_for(self, normalized: str) -> bool:
        """Whether projects of this name are asked for here."""
        return not self.patterns or any(fnmatchcase(normalized, pattern) for pattern in self.patterns)

    def page(self, normalized: str) -> Target:
        """Where a project's page is."""
        return self.root.joined(f"{normalized}/")

    def details(self, normalized: str) -> Target | None:
        """Where PyPI's older JSON API would be; None if the address gives no hint."""
        if not self.root.path.endswith(SIMPLE):
            return None
        return self.root.joined(f"{self.root.path.removesuffix(SIMPLE)}/pypi/{normalized}/json")

    def headers_for(self, target: Target) -> Mapping[str, str]:
        """Who asks, for its own scheme, host and port; to all others nothing is sent that could be secret."""
        return {"Authorization": self.authorization} if self.authorization and self.knows(target) else {}

    def knows(self, target: Target) -> bool:
        """Whether an address is on the upstream's own scheme, host and port."""
        return target.origin == self.root.origin


def indexes_of(upstreams: Sequence[Upstream]) -> dict[str, UpstreamIndex]:
    """The upstreams of the settings, by name; raises `Rejected`."""
    found: dict[str, UpstreamIndex] = {}
    for one in upstreams:
        if one.name in found:
            raise Rejected("bad-upstream", "upstreams", f"two are called {one.name!r}", "a name of its own for each")
        found[one.name] = UpstreamIndex.of(one)
    return found

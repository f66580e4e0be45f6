"""Where the answers of an upstream may lead: into private networks only if the upstream lies in one itself (A37).

Operators open networks for an upstream of their own, or for webhooks. A page of PyPI that names a file inside, or an
answer that redirects there, must not have us read it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from customhouse.infra.fetch import Outbound
from customhouse.infra.reach import Reach, as_address
from customhouse.infra.stream import Streams
from customhouse.mirror.upstream import UpstreamIndex


@dataclass(frozen=True)
class Leading:
    """Connections for files of upstreams, kept and used again. For any thread."""

    outbound: Outbound
    indexes: Mapping[str, UpstreamIndex]
    _inside: Streams = field(init=False)
    _public: Streams = field(init=False)

    def __post_init__(self) -> None:
        """Two sets of connections, so that none is used by whoever could not have made it."""
        object.__setattr__(self, "_inside", Streams(self.outbound))
        object.__setattr__(self, "_public", Streams(replace(self.outbound, reach=Reach())))

    def of(self, upstream: str) -> Streams:
        """The connections for what an upstream says; for one that is in the settings no more, public ones."""
        index = self.indexes.get(upstream)
        return self._inside if index is not None and self._lies_inside(index) else self._public

    def close(self) -> None:
        """Close every connection that is kept."""
        self._inside.close()
        self._public.close()

    def _lies_inside(self, index: UpstreamIndex) -> bool:
        if not self.outbound.reach.opened:
            return False
        root = index.root
        try:
            found = [root.address] if root.address else map(as_address, self.outbound.resolve(root.host, root.port))
            return any(Reach().refusal(address) is not None for address in found)
        except (OSError, UnicodeError):
            return False

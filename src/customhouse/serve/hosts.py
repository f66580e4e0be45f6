"""Whether a request means this index: its Host header, looked at before anything else (A38).

Whoever can choose the Host can make a shared cache keep, or a page of his own read, an answer that names his site. So a
Host must be spelled like one, and where the operator has set our address, it must be ours.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from starlette.types import Scope

from customhouse.terms.errors import Rejected

EXEMPT = frozenset({"/-/health", "/-/ready"})
"""Front ends and orchestrators ask these by whatever address they have; the answers name nothing."""
_SPELLED = re.compile(rb"([a-z0-9_][a-z0-9_.-]{0,252}|\[[0-9a-f:.]{2,45}\])(?::[0-9]{1,5})?", re.IGNORECASE)


class Hosts:
    """The names that this index answers to, in lower case and without ports; none at all means any."""

    def __init__(self, names: Collection[str] = ()) -> None:
        self._names = frozenset(name.encode() for name in names)

    def refuse_foreign(self, scope: Scope) -> None:
        """Raise `Rejected` (400) for a request that is meant for another site."""
        if scope["path"] in EXEMPT:
            return
        said = b",".join([value for key, value in scope["headers"] if key == b"host"])
        match = _SPELLED.fullmatch(said)
        if match is None and (said or self._names):
            raise Rejected("bad-host", "Host", "is missing, or is no name of a host", "one name or address, and a port")
        if match is not None and self._names and match[1].lower() not in self._names:
            raise Rejected("foreign-host", "Host", "is not a name of this index", "the one in the setting `url`")

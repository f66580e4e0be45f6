"""What whoever audits may say about how a target is read."""

from __future__ import annotations

from typing import Literal, NamedTuple


class ReadOptions(NamedTuple):
    """How to read a target. The defaults are right for ``customhouse audit .``."""

    python: str = ""
    """The version for which markers are evaluated and requirements resolved, ``3.12``; empty: the running one, and pins
    whose marker does not hold there are audited too, since the file is installed elsewhere as well."""
    offline: bool = False
    """Nothing is asked over the network: what is not pinned becomes a gap."""
    resolve: Literal["needed", "always", "never"] = "needed"
    """Whether uv resolves requirements: if one of them is not pinned; always, so that what fully pinned files leave out
    is found too; or never, and then what is not pinned becomes a gap."""
    index_url: str = ""
    """The simple repository to resolve against; empty: what the input says, else uv's own choice."""
    uv: str = "uv"
    """The program that resolves."""
    resolve_seconds: float = 120.0
    """The most that one resolution may take."""
    bundled: Literal["names", "bytes", "never"] = "names"
    """How libraries that installed packages bundle are looked for: by the names of files and the bills of materials in
    packages, by the bytes of each native file too (at about 40 MB a second), or never. A wheel is read by its bytes."""

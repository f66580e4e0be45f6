"""The version that the name of a wheel or sdist tells, wherever an address or a path ends in one."""

from __future__ import annotations

import re
from urllib.parse import unquote

from customhouse.terms.names import normalize

_ENDINGS = (".tar.gz", ".zip", ".tar.bz2", ".tar.xz", ".tgz")
_WHEEL = re.compile(r"([A-Za-z0-9_.]+)-([^-/]+)(?:-\d[^-/]*)?-[^-/]+-[^-/]+-[^-/]+\.whl", re.ASCII)


def version_in(address: str, name: str = "") -> str:
    """The version; empty if the address ends in no such file, or in one of another name."""
    found = name_and_version_in(address)
    return found[1] if found is not None and (not name or found[0] == normalize(name)) else ""


def name_and_version_in(address: str) -> tuple[str, str] | None:
    """The normalised name and the version."""
    last = unquote(re.split(r"[?#]", address[:4000], maxsplit=1)[0].replace("\\", "/").rpartition("/")[2])
    if (wheel := _WHEEL.fullmatch(last)) is not None:
        return normalize(wheel[1]), wheel[2].replace("_", "+" if "+" not in wheel[2] else "_")
    for ending in _ENDINGS:
        if last.lower().endswith(ending):
            name, dash, version = last[: -len(ending)].rpartition("-")
            if dash and name and version[:1].isdigit():
                return normalize(name), version
    return None

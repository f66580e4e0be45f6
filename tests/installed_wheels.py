"""Projects that are installed here, with all that they need, as wheels and as a lock: for builds without a network."""

from __future__ import annotations

import hashlib
from email.parser import HeaderParser
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from sealed_project import pack_installed


def lock_of_installed(name: str, wheelhouse: Path) -> str:
    """Fill the wheelhouse with the project and its dependencies; returns the lock."""
    wheelhouse.mkdir(parents=True, exist_ok=True)
    lines, todo, seen = [], [canonicalize_name(name)], set()
    while todo:
        one = todo.pop()
        if one in seen:
            continue
        seen.add(one)
        found = distribution(one)
        settings = HeaderParser().parsestr(found.read_text("WHEEL") or "")
        stem = found.metadata["Name"].replace("-", "_").replace(".", "_").lower()
        path = wheelhouse / f"{stem}-{found.version}-{_tags(settings.get_all('Tag') or [])}.whl"
        path.write_bytes(pack_installed(found))
        lines.append(f"{one}=={found.version} --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}")
        for text in found.requires or ():
            needed = Requirement(text)
            if needed.marker is None or needed.marker.evaluate({"extra": ""}):
                todo.append(canonicalize_name(needed.name))
    return "\n".join(sorted(lines)) + "\n"


def _tags(tags: list[str]) -> str:
    parts = [tag.split("-") for tag in tags]
    return "-".join(".".join(sorted({part[at] for part in parts})) for at in range(3))

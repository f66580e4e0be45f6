"""What a project's folder says about itself, for `customhouse release new`: pyproject.toml, git, this machine."""

from __future__ import annotations

import getpass
import re
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from customhouse.formats.plain import plain

NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?", re.ASCII)
"""Of a project, or of an account."""
_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Found:
    """What a folder says about itself; empty where it says nothing."""

    project: str
    user: str
    key: str
    branch: str
    upstream: str
    fork: str
    index: str
    bare_tags: bool
    """Whether its tags are versions without a ``v``."""


def look(folder: Path) -> Found:
    """What pyproject.toml, git and this machine say."""
    from customhouse.cli.place import in_use  # noqa: PLC0415 - only this command needs it

    remotes = {
        name: _without_secrets(url)
        for line in _git(folder, "remote", "-v").splitlines()
        if (parts := line.split()) and len(parts) == 3 and parts[2] == "(push)"  # noqa: PLR2004 - NAME URL (push)
        for name, url in [(parts[0], parts[1])]
    }
    upstream = remotes.get("upstream") or remotes.get("origin") or next(iter(remotes.values()), "")
    project = _project(folder)
    fork = remotes.get("fork") or (remotes.get("origin", "") if "upstream" in remotes else "")
    beside = f"../{project or 'sealed'}-fork.git"
    if not fork and (folder / beside / "HEAD").is_file():
        fork = beside
    key = _git(folder, "config", "user.signingkey").strip().removeprefix("0x").upper()
    tags = _git(folder, "tag", "--list").split()
    return Found(
        project=project,
        user=_user(),
        key=key if re.fullmatch(r"[0-9A-F]{40}", key) else "",
        branch=_branch(_git(folder, "symbolic-ref", "--short", "HEAD").strip()),
        upstream=upstream,
        fork=fork if fork != upstream else "",
        index=origin_of(in_use()),
        bare_tags=bool(tags) and sum(one[:1].isdigit() for one in tags) > len(tags) / 2,
    )


def origin_of(address: str) -> str:
    """Scheme, host and port of an address; empty for what is none."""
    found = re.match(r"https?://[A-Za-z0-9.:\[\]-]+", address)
    return found[0] if found else ""


def build_requirement(folder: Path) -> str:
    """What pyproject.toml says that a build needs first; setuptools where it says nothing plain."""
    needed = _table(folder, "build-system").get("requires")
    if isinstance(needed, list) and all(isinstance(one, str) for one in needed):
        return next((one for one in needed if re.fullmatch(r"[A-Za-z0-9._-]+", one)), "setuptools")
    return "setuptools"


def knows_towncrier(folder: Path) -> bool:
    """Whether towncrier.toml or pyproject.toml has its table."""
    files = ("towncrier.toml", "pyproject.toml")
    return any(isinstance(_table(folder, "tool", file).get("towncrier"), dict) for file in files)


def _project(folder: Path) -> str:
    name = _table(folder, "project").get("name")
    return name if isinstance(name, str) and NAME.fullmatch(name) else ""


def _table(folder: Path, name: str, file: str = "pyproject.toml") -> Mapping[str, Any]:
    """A table of pyproject.toml (or another file); empty if there is none that can be read."""
    with suppress(OSError, RecursionError, ValueError):
        table = tomllib.loads((folder / file).read_text("utf-8")).get(name)
        return table if isinstance(table, dict) else {}
    return {}


def _user() -> str:
    with suppress(OSError, KeyError):
        name = getpass.getuser()
        return name if NAME.fullmatch(name) else ""
    return ""


def _branch(name: str) -> str:
    """The branch, if a parameter can be it."""
    return name if re.fullmatch(r"[a-z0-9][a-z0-9._/-]{0,60}", name) and ".." not in name else ""


def _git(folder: Path, *arguments: str) -> str:
    """What git says here; nothing where there is no git or no repository."""
    from customhouse.release.children import Children  # noqa: PLC0415 - only this command runs programs

    with suppress(OSError):
        done = Children().run(["git", "-C", str(folder), *arguments], timeout=_SECONDS)
        return done.out if done.ok else ""
    return ""


def _without_secrets(url: str) -> str:
    """An address without a name and a password before its host."""
    clean = re.sub(r"^(https?://)[^/@]*@", r"\1", url)
    return clean if plain(clean, 300) == clean else ""

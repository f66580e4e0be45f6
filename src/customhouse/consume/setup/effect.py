"""Where pip, uv and Poetry take packages from in a folder, and which file or variable says so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit, urlunsplit

from customhouse.consume.setup.pip_conf import places_in
from customhouse.consume.setup.places import home, pip_file, read_plain, uv_file
from customhouse.consume.setup.tables import pinned_elsewhere, poetry_places, uses_poetry, uv_places

_OF_THE_MACHINE = Path("/etc/xdg/pip/pip.conf")
PYPI = "https://pypi.org/simple"
PIP_VARIABLES = ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_NO_INDEX", "PIP_CONFIG_FILE")
UV_VARIABLES = (
    "UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_INDEX", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS", "UV_CONFIG_FILE",
    "UV_NO_CONFIG",
)  # fmt: skip


class Effect(NamedTuple):
    """One tool."""

    tool: str
    places: tuple[str, ...]
    """Addresses, the main one first; without passwords."""
    said_by: str
    """A file, a variable, or the tool itself."""


def effects(folder: Path, environment: Mapping[str, str]) -> list[Effect]:
    """What counts, tool by tool. Raises `Rejected` for a file that cannot be read."""
    return [_pip(environment), _uv(folder, environment), *_poetry(folder)]


def overriding(environment: Mapping[str, str]) -> list[str]:
    """Variables that count more than any file."""
    return [one for one in (*PIP_VARIABLES, *UV_VARIABLES) if environment.get(one)]


def past_the_view(folder: Path) -> Iterator[str]:
    """What a project takes from elsewhere by name. Sentences."""
    project = folder / "pyproject.toml"
    text = read_plain(project)
    if text is not None and (names := pinned_elsewhere(text, str(project))):
        yield f"tool.uv.sources in {project} takes {', '.join(names[:5])} from elsewhere, past the view."


def _pip(environment: Mapping[str, str]) -> Effect:
    if environment.get("PIP_INDEX_URL"):
        return _effect("pip", [environment["PIP_INDEX_URL"]], "PIP_INDEX_URL")
    # The later counts more; the values of one key are not joined across files.
    files = [_OF_THE_MACHINE, Path("/etc/pip.conf"), home(environment) / ".pip" / "pip.conf",
             pip_file(environment)]  # fmt: skip
    if environment.get("VIRTUAL_ENV"):
        files.append(Path(environment["VIRTUAL_ENV"]) / "pip.conf")
    if environment.get("PIP_CONFIG_FILE"):
        files.append(Path(environment["PIP_CONFIG_FILE"]))
    main, extra, who = PYPI, list[str](), "pip itself"
    for one in files:
        said = places_in(read_plain(one) or "") if one.is_file() else {}
        if "index-url" in said:
            main, who = said["index-url"][-1], str(one)
        if more := [value for key in ("extra-index-url", "find-links") for value in said.get(key, ())]:
            extra = more
    return _effect("pip", [main, *extra], who)


def _uv(folder: Path, environment: Mapping[str, str]) -> Effect:
    for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL"):
        if environment.get(name):
            return _effect("uv", [environment[name]], name)
    if environment.get("UV_NO_CONFIG"):
        return _effect("uv", [PYPI], "uv itself (UV_NO_CONFIG)")
    if (own := _of_project(folder.absolute())) is not None and own[1]:
        return _effect("uv", own[1], str(own[0]))
    for one in (uv_file(environment), Path("/etc/uv/uv.toml")):
        if one.is_file() and (found := uv_places(read_plain(one) or "", str(one))):
            return _effect("uv", found, str(one))
    return _effect("uv", [PYPI], "uv itself")


def _of_project(folder: Path) -> tuple[Path, list[str]] | None:
    """The file of the nearest project with settings of uv, and what it names."""
    for one in (folder, *folder.parents):
        own, project = one / "uv.toml", one / "pyproject.toml"
        if own.is_file():
            return own, uv_places(read_plain(own) or "", str(own))
        if project.is_file() and "[tool.uv" in (text := read_plain(project) or ""):
            return project, uv_places(text, str(project), ("tool", "uv"))
    return None


def _poetry(folder: Path) -> Iterator[Effect]:
    project = folder / "pyproject.toml"
    text = read_plain(project)
    if text is not None and uses_poetry(text, str(project)):
        found = poetry_places(text, str(project))
        yield _effect("poetry", found or [PYPI], str(project) if found else "Poetry itself")


def _effect(tool: str, places: list[str], said_by: str) -> Effect:
    return Effect(tool, tuple(_without_password(one) for one in places), said_by)


def _without_password(address: str) -> str:
    try:
        parts = urlsplit(address)
    except ValueError:
        return "an address that is none"
    if "@" not in parts.netloc:
        return address
    user = parts.netloc.rpartition("@")[0].partition(":")[0]
    return urlunsplit(parts._replace(netloc=f"{user}@{parts.netloc.rpartition('@')[2]}"))

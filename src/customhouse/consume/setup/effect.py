"""Where pip, uv and Poetry take packages from in a folder, and which file or variable says so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit, urlunsplit

from customhouse.consume.setup.pip_conf import places_in
from customhouse.consume.setup.places import home, pip_file, read_plain, uv_file
from customhouse.consume.setup.tables import UvPlaces, pinned_elsewhere, poetry_places, uses_poetry, uv_places

_OF_THE_MACHINE = Path("/etc/xdg/pip/pip.conf")
PYPI = "https://pypi.org/simple"
PIP_BESIDE = {"extra-index-url": "PIP_EXTRA_INDEX_URL", "find-links": "PIP_FIND_LINKS"}
"""Keys of pip that add places, each with the variable that counts more."""
PIP_VARIABLES = ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_NO_INDEX", "PIP_CONFIG_FILE")
UV_VARIABLES = (
    "UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_INDEX", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS", "UV_CONFIG_FILE",
    "UV_NO_CONFIG", "UV_TORCH_BACKEND",
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


def besides(folder: Path, environment: Mapping[str, str], url: str) -> Iterator[str]:
    """What the tools of a project ask beside this address, or in its place. Sentences.

    Settings of the user and of the machine count there, too: pip takes each key from the last file that has it, and uv
    joins the indexes of all its files.
    """
    venv = next((one for one in (folder / ".venv", folder / "venv") if (one / "pyvenv.cfg").is_file()), None)
    around = {key: text for key, text in environment.items() if key != "VIRTUAL_ENV"}
    for one in effects(folder, around | ({"VIRTUAL_ENV": str(venv)} if venv is not None else {})):
        others = [place for place in one.places if _bare(place) != _bare(url)]
        if others and not (one.tool == "pip" and venv is None):
            named = ", ".join(others[:3])
            yield f"{one.tool} asks {named}, too, past the view: other settings or variables say so, and count here."


def _bare(address: str) -> str:
    parts = address.partition("://")
    return f"{parts[0]}://{parts[2].partition('/')[0].rpartition('@')[2]}/{parts[2].partition('/')[2]}".rstrip("/")


def _pip(environment: Mapping[str, str]) -> Effect:
    # The later counts more; the values of one key are not joined across files.
    files = [_OF_THE_MACHINE, Path("/etc/pip.conf"), home(environment) / ".pip" / "pip.conf",
             pip_file(environment)]  # fmt: skip
    if environment.get("VIRTUAL_ENV"):
        files.append(Path(environment["VIRTUAL_ENV"]) / "pip.conf")
    if environment.get("PIP_CONFIG_FILE"):
        files.append(Path(environment["PIP_CONFIG_FILE"]))
    main, who = PYPI, "pip itself"
    extra: dict[str, Sequence[str]] = {}
    for one in files:
        said = places_in(read_plain(one) or "") if one.is_file() else {}
        if "index-url" in said:
            main, who = said["index-url"][-1], str(one)
        extra |= {key: said[key] for key in PIP_BESIDE if key in said}
    if environment.get("PIP_INDEX_URL"):
        main, who = environment["PIP_INDEX_URL"], "PIP_INDEX_URL"
    for key, variable in PIP_BESIDE.items():
        if environment.get(variable):
            extra[key] = environment[variable].split()
    return _effect("pip", [main, *(value for key in PIP_BESIDE for value in extra.get(key, ()))], who)


def _uv(folder: Path, environment: Mapping[str, str]) -> Effect:
    main, who = "", "uv itself (UV_NO_CONFIG)" if environment.get("UV_NO_CONFIG") else "uv itself"
    others = [one for name in ("UV_INDEX", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS")
              for one in environment.get(name, "").split()]  # fmt: skip
    for name in ("UV_INDEX_URL", "UV_DEFAULT_INDEX"):
        if environment.get(name):
            main, who = environment[name], name
    for place, said in () if environment.get("UV_NO_CONFIG") else _uv_files(folder.absolute(), environment):
        if said.main and not main:
            main, who = said.main, str(place)
        others += said.others
    return _effect("uv", [_unnamed(main) or PYPI, *dict.fromkeys(_unnamed(one) for one in others)], who)


def _unnamed(index: str) -> str:
    """An index without its name: ``name=https://…`` of uv's variables."""
    before, equals, after = index.partition("=")
    return after if equals and "://" not in before else index


def _uv_files(folder: Path, environment: Mapping[str, str]) -> Iterator[tuple[Path, UvPlaces]]:
    """The files that uv joins, the one that counts most first."""
    if environment.get("UV_CONFIG_FILE"):
        # It alone.
        one = Path(environment["UV_CONFIG_FILE"])
        yield one, uv_places(read_plain(one) or "", str(one))
        return
    if (own := _of_project(folder)) is not None:
        yield own
    for one in (uv_file(environment), Path("/etc/uv/uv.toml")):
        if one.is_file():
            yield one, uv_places(read_plain(one) or "", str(one))


def _of_project(folder: Path) -> tuple[Path, UvPlaces] | None:
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

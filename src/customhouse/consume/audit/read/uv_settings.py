"""Which of uv's settings count in an audit: those of the user, and of the project only what says where to resolve.

uv reads ``uv.toml`` or ``[tool.uv]`` of the folder that it is started in, and of those above. Whoever audits somebody
else's project must not let it choose: ``pip.output-file`` writes over any file of the user, ``cache-dir`` writes
anywhere, others build or run programs. So uv is started in a folder of ours, with the harmless settings copied.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from customhouse.consume.audit.read.source import read_text
from customhouse.formats.inventory.toml_lock import read_lock_toml, table

_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_DIRECT = re.compile(r"[@/\\]")
_TEXTS = ("index-url", "index-strategy", "prerelease", "resolution", "exclude-newer", "fork-strategy")
_LISTS = ("extra-index-url", "find-links", "constraint-dependencies", "override-dependencies", "exclude-dependencies")
_REQUIREMENTS = ("constraint-dependencies", "override-dependencies")
_SIGNS = ("no-index",)
_PLACES = frozenset({"index-url", "extra-index-url", "find-links"})
_OF_PLACES = _PLACES | {"index", "index-strategy", "no-index"}
_OF_INDEX = ("name", "url", "default", "explicit", "format")


def settings_for(beside: Path, *, places: bool = True) -> str:
    """The text of an ``uv.toml`` that stands for the project's own. Raises `Rejected` if that cannot be read.

    Without ``places`` nothing in it says where packages come from, also no requirement ``NAME @ ADDRESS``: only what
    may be chosen, and how.
    """
    for folder in (absolute := beside.absolute(), *absolute.parents):
        own = folder / "uv.toml"
        if own.is_file():
            return _written(read_lock_toml(read_text(own), str(own), whole=True), folder, places=places)
        project = folder / "pyproject.toml"
        if project.is_file():
            tool = table(read_lock_toml(read_text(project), str(project), whole=True).get("tool"))
            if "uv" in tool:
                return _written(table(tool["uv"]), folder, places=places)
    return ""


def place_from(value: str, folder: Path) -> str:
    """An address as it is; a path from the folder in whose file it stands."""
    return value if _ADDRESS.match(value) else str(folder.absolute() / value)


def _written(found: Mapping[str, Any], folder: Path, *, places: bool) -> str:
    # What stands in the table `pip` counts over the rest for the command that is called here.
    values = {**found, **table(found.get("pip"))}
    if not places:
        values = {key: value for key, value in values.items() if key not in _OF_PLACES}
        values |= {key: _without_addresses(values[key]) for key in _REQUIREMENTS if key in values}
    lines = [f"{key} = {_text(_place(key, values[key], folder))}" for key in _TEXTS if isinstance(values.get(key), str)]
    for key in _LISTS:
        listed = values.get(key)
        if isinstance(listed, list) and all(isinstance(one, str) for one in listed):
            lines.append(f"{key} = [{', '.join(_text(_place(key, one, folder)) for one in listed)}]")
    lines += [f"{key} = {str(values[key]).lower()}" for key in _SIGNS if isinstance(values.get(key), bool)]
    for one in values["index"] if isinstance(values.get("index"), list) else ():
        lines += _index(table(one), folder)
    return "".join(f"{line}\n" for line in lines)


def _without_addresses(listed: object) -> object:
    """The requirements of a list (PEP 508) that are no direct references; before the marker those alone have an @."""
    if not isinstance(listed, list):
        return listed
    return [one for one in listed if isinstance(one, str) and not _DIRECT.search(one.partition(";")[0])]


def _index(values: Mapping[str, Any], folder: Path) -> Iterator[str]:
    if isinstance(values.get("url"), str):
        yield "[[index]]"
        for key in _OF_INDEX:
            value = values.get(key)
            if isinstance(value, bool):
                yield f"{key} = {str(value).lower()}"
            elif isinstance(value, str):
                yield f"{key} = {_text(place_from(value, folder) if key == 'url' else value)}"


def _place(key: str, value: str, folder: Path) -> str:
    return place_from(value, folder) if key in _PLACES else value


def _text(value: str) -> str:
    """A string of TOML: JSON's are, but for one sign."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")

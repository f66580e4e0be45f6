"""File names as other indexes have them: of which project and version they are.

Uploads here must spell a name as PEP 625 asks. Elsewhere are millions of files from before
(``python-dateutil-2.8.2.tar.gz``), and installers take them: an sdist's name is read with the project's name in mind,
as pip and uv do.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from packaging.utils import InvalidWheelFilename, parse_wheel_filename
from packaging.version import InvalidVersion, Version

from customhouse.terms.names import normalize

MAX_FILENAME = 300
MOST_TAGS = 200
"""A name of 300 characters could stand for a hundred thousand tags; real ones have a few dozen."""
# It goes into addresses, headers and paths of ours: nothing that means something there.
_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+!-]*", re.ASCII)
_WHEEL_PARTS = (5, 6)
_LONGEST_VERSION = 128
# As `packaging` reads versions, before it is asked: a number of hundreds of digits costs nothing here.
_DASH = re.compile("-")


@dataclass(frozen=True, slots=True)
class Belongs:
    """A file of the project that was asked for."""

    version: str
    """Normalised (PEP 440)."""


def read_filename(filename: str, wanted: str) -> Belongs | str:
    """The file's version if it is one of the project ``wanted`` (normalised), else why not: a key of `SKIPS`."""
    if len(filename) > MAX_FILENAME or not _SAFE.fullmatch(filename):
        return "bad-name"
    lower = filename.lower()
    if filename.endswith(".whl"):
        return _of_wheel(filename, wanted)
    if filename.endswith(".tar.gz"):
        return _of_sdist(filename.removesuffix(".tar.gz"), wanted)
    if lower.endswith(".egg"):
        return "egg"
    return "zip-sdist" if lower.endswith(".zip") else "other-kind"


def _of_wheel(filename: str, wanted: str) -> Belongs | str:
    parts = filename.removesuffix(".whl").split("-")
    if len(parts) not in _WHEEL_PARTS or len(parts[1]) > _LONGEST_VERSION:
        return "bad-name"
    tags = 1
    for part in parts[-3:]:
        tags *= part.count(".") + 1
    if tags > MOST_TAGS:
        return "bad-name"
    # What most wheels get wrong first is the name; the parser is asked about ours alone.
    if normalize(parts[0]) != wanted:
        return "other-project"
    try:
        _name, version, _build, _tags = parse_wheel_filename(filename)
    except InvalidWheelFilename:
        return "bad-name"
    return Belongs(str(version))


def _of_sdist(stem: str, wanted: str) -> Belongs | str:
    for dash in _DASH.finditer(stem):
        if normalize(stem[: dash.start()]) == wanted:
            version = _version(stem[dash.end() :])
            return "bad-name" if version is None else Belongs(version)
    return "other-project"


def _version(text: str) -> str | None:
    if len(text) > _LONGEST_VERSION:
        return None
    try:
        return str(Version(text))
    except InvalidVersion:
        return None

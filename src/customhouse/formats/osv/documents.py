"""The records that a file holds: JSON or YAML, one record, a list of them, or an answer of OSV's API.

Each record is told from its damaged neighbours: what cannot be read comes back as the fault with its place.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from customhouse.formats.osv.model import Record
from customhouse.formats.osv.read import CODE, read_record
from customhouse.formats.osv.yaml_text import read_yaml
from customhouse.formats.strict_json import read_json
from customhouse.terms.errors import Rejected

MAX_BYTES = 8 * 2**20
"""Of one record; the largest of the PyPA has 17 kB, and the largest of others a few hundred."""
MAX_FILE_BYTES = 256 * 2**20
"""Of a JSON file of many records."""
SUFFIXES = (".json", ".yaml", ".yml")
_FOLDERS = ("vulns", "advisories", "osv")


@dataclass(frozen=True, slots=True)
class Damaged:
    """A record that could not be read: where it stands, and why."""

    place: str
    reason: str


def read_documents(content: bytes, place: str) -> Iterator[Record | Damaged]:
    """Every record of a file, or the fault in its place."""
    try:
        found = read_content(content, place)
    except Rejected as error:
        yield Damaged(place, str(error))
        return
    if isinstance(found, dict) and isinstance(found.get("vulns"), list) and "id" not in found:
        found = found["vulns"]
    if not isinstance(found, list):
        yield _record(found, place)
        return
    if not found:
        yield Damaged(place, f"{place}: it holds no record")
    for at, one in enumerate(found):
        yield _record(one, f"{place}[{at}]")


def read_content(content: bytes, place: str) -> Any:
    """Plain JSON values of a file, by its suffix; raises `Rejected`."""
    if place.lower().endswith((".yaml", ".yml")):
        return read_yaml(content, place)
    if len(content) > MAX_FILE_BYTES:
        raise Rejected(CODE, place, f"{len(content)} bytes", f"at most {MAX_FILE_BYTES}")
    try:
        return read_json(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise Rejected(CODE, place, "it is not UTF-8", "JSON", offset=error.start) from error
    except ValueError as error:
        raise Rejected(CODE, place, f"it cannot be read: {str(error)[:300]}", "JSON") from error


def _record(document: object, place: str) -> Record | Damaged:
    try:
        return read_record(document, place)
    except Rejected as error:
        return Damaged(place, str(error))


def records_among(names: list[str]) -> list[str]:
    """Which files of a tree hold records: those below the folders that databases use for them, or else all.

    The PyPA's lie in ``vulns/``, those of the PSF and of GitHub in ``advisories/``, OpenSSF's in ``osv/``. A folder
    around everything, as an archive of a repository has it, and files whose names begin with a dot do not count.
    """
    fitting = [name for name in names if name.lower().endswith(SUFFIXES) and not _is_hidden(name)]
    parts = {name: name.split("/") for name in fitting}
    tops = {one.split("/")[0] for one in names if not _is_hidden(one)}
    around = 1 if len(tops) == 1 and not tops & {*_FOLDERS} and all("/" in one for one in names) else 0
    # All of them, where several databases were unpacked into one folder.
    below = [name for name in fitting if len(parts[name]) > around + 1 and parts[name][around] in _FOLDERS]
    return below or fitting


def _is_hidden(name: str) -> bool:
    return any(part.startswith(".") for part in name.split("/"))

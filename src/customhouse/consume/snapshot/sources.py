"""Where records come from on this machine: a zip, a folder or a tar of OSV records, JSON or YAML, within bounds.

A record that cannot be read is not passed over in silence: it comes out as `Unread`, with its place.
"""

from __future__ import annotations

import json
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from customhouse.consume.snapshot.layout import Unread
from customhouse.formats.osv.model import Record
from customhouse.formats.osv.read import read_record
from customhouse.formats.strict_json import read_json
from customhouse.terms.errors import Rejected
from customhouse.terms.names import normalize

LONGEST_RECORD_BYTES = 8 * 2**20
MOST_RECORDS = 1_000_000
MOST_BYTES = 4 * 2**30
"""Of all records together, unpacked: OSV's largest ecosystems stay below."""
_SUFFIXES = (".json", ".yaml", ".yml")
_PASSED_OVER = frozenset({"false_positives.yaml", "pypi_links.json", "pypi_versions.json"})
"""What stands beside the records in the PyPA's repository."""


def read_source(path: Path) -> Iterator[Record | Unread]:
    """Every record of a zip, a tar, a folder or a file; raises `Rejected` if it is none of them."""
    spent = 0
    for count, (where, body) in enumerate(_members(path), 1):
        spent += len(body)
        if spent > MOST_BYTES or count > MOST_RECORDS:
            raise Rejected("bad-advisories", str(path), "more records than anybody has published", "OSV's own zips")
        yield read_bytes(body, where)


def read_bytes(body: bytes, where: str) -> Record | Unread:
    """One record, JSON or YAML by its name's ending."""
    document: object = None
    try:
        document = _parsed(body, where)
        return read_record(document, where)
    except (Rejected, ValueError) as error:
        return Unread(where, str(error).removeprefix(f"{where}: "), _packages(document))


def _parsed(body: bytes, where: str) -> object:
    if len(body) > LONGEST_RECORD_BYTES:
        raise ValueError(f"it is longer than {LONGEST_RECORD_BYTES} bytes")
    if where.endswith(".json"):
        return read_json(body.decode("utf-8"))
    # Only trees of YAML need it, and it is slow to load.
    import yaml  # noqa: PLC0415

    try:
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(body, Loader=_loader(yaml))):
            # Nine lines of aliases make a thousand million items ("billion laughs"); no advisory needs one.
            raise ValueError("it holds a YAML alias")
        return yaml.load(body, Loader=_loader(yaml))  # noqa: S506 - a safe loader
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(f"it is no YAML: {' '.join(str(error).split())[:200]}") from error


def _loader(yaml: Any) -> Any:
    return getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _packages(document: object) -> tuple[str, ...]:
    """What a broken record seems to speak of."""
    found: list[str] = []
    affected = document.get("affected") if isinstance(document, dict) else None
    for one in affected if isinstance(affected, list) else []:
        package = one.get("package") if isinstance(one, dict) else None
        name = package.get("name") if isinstance(package, dict) else None
        if not isinstance(name, str):
            return ()
        found.append(normalize(name))
    return tuple(dict.fromkeys(found))


def _members(path: Path) -> Iterator[tuple[str, bytes]]:
    if path.is_dir():
        for one in sorted(path.rglob("*")):
            if _is_record(one.name) and one.is_file():
                with one.open("rb") as file:
                    yield str(one.relative_to(path)), file.read(LONGEST_RECORD_BYTES + 1)
    elif not path.is_file():
        raise Rejected("bad-advisories", str(path), "there is no such file or folder", "a zip or folder of OSV records")
    elif zipfile.is_zipfile(path):
        yield from _zip(path)
    elif path.suffix in _SUFFIXES:
        yield path.name, path.read_bytes()
    else:
        yield from _tar(path)


def _zip(path: Path) -> Iterator[tuple[str, bytes]]:
    try:
        with zipfile.ZipFile(path) as archive:
            for one in archive.infolist():
                if _is_record(one.filename):
                    with archive.open(one) as file:
                        yield one.filename, file.read(LONGEST_RECORD_BYTES + 1)
    except (zipfile.BadZipFile, EOFError, OSError, NotImplementedError, RuntimeError) as error:
        raise Rejected("bad-advisories", str(path), f"the zip is damaged: {error}", "a whole one") from error


def _tar(path: Path) -> Iterator[tuple[str, bytes]]:
    try:
        with tarfile.open(path, "r|*") as archive:
            for one in archive:
                file = archive.extractfile(one) if one.isfile() and _is_record(one.name) else None
                if file is not None:
                    yield one.name, file.read(LONGEST_RECORD_BYTES + 1)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise Rejected(
            "bad-advisories", str(path), f"it is no archive: {error}", "a zip, tar or folder of OSV records"
        ) from error


def _is_record(name: str) -> bool:
    last = name.rpartition("/")[2]
    return last.endswith(_SUFFIXES) and last not in _PASSED_OVER and not last.startswith(".")


def write_document(record: Record) -> bytes:
    """A record's document as it is kept."""
    return json.dumps(record.document, ensure_ascii=False, separators=(",", ":"), default=str).encode()

"""Where records come from on this machine: a zip, a folder or a tar of OSV records, JSON or YAML, within bounds.

A record that cannot be read is not passed over in silence: it comes out as `Unread`, with its place.
"""

from __future__ import annotations

import json
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from customhouse.consume.snapshot.layout import Unread
from customhouse.formats.osv.documents import (
    MAX_BYTES,
    MAX_FILE_BYTES,
    SUFFIXES,
    Damaged,
    read_content,
    read_documents,
    records_among,
)
from customhouse.formats.osv.model import Record
from customhouse.formats.osv.zipped import files_in, names_in, open_zip
from customhouse.terms.errors import Rejected
from customhouse.terms.names import normalize

MOST_MEMBERS = 500_000
MOST_TAR_BYTES = 2**30
ACCEPTED = "a zip, tar or folder of OSV records"


def read_source(path: Path) -> Iterator[Record | Unread]:
    """Every record of a zip, a tar, a folder or a file; raises `Rejected` if it is none of them."""
    for where, body in _members(path):
        if isinstance(body, Damaged):
            yield Unread(where, _without(body.reason, where))
        else:
            yield from read_bytes(body, where)


def read_bytes(body: bytes, where: str) -> Iterator[Record | Unread]:
    """The records of one file, JSON or YAML by its name's ending."""
    for one in read_documents(body, where):
        yield (
            Unread(one.place, _without(one.reason, one.place), _packages(body, where))
            if isinstance(one, Damaged)
            else one
        )


def _without(reason: str, place: str) -> str:
    return reason.removeprefix(f"{place}: ")


def _packages(body: bytes, where: str) -> tuple[str, ...]:
    """What a broken record seems to speak of; none if that cannot be told for each."""
    try:
        document = read_content(body, where)
    except Rejected:
        return ()
    found: list[str] = []
    affected = document.get("affected") if isinstance(document, dict) else None
    for one in affected if isinstance(affected, list) else []:
        package = one.get("package") if isinstance(one, dict) else None
        name = package.get("name") if isinstance(package, dict) else None
        if not isinstance(name, str) or " " in name:
            return ()
        found.append(normalize(name))
    return tuple(dict.fromkeys(found))


def _members(path: Path) -> Iterator[tuple[str, bytes | Damaged]]:
    if path.is_dir():
        names = [str(one.relative_to(path)) for one in sorted(path.rglob("*")) if one.name.endswith(SUFFIXES)]
        for name in records_among(names):
            if (path / name).is_file():
                with (path / name).open("rb") as file:
                    yield name, file.read(MAX_BYTES + 1)
    elif not path.is_file():
        raise Rejected("bad-advisories", str(path), "there is no such file or folder", ACCEPTED)
    elif zipfile.is_zipfile(path):
        with path.open("rb") as file:
            archive = open_zip(file, str(path))
            for one in files_in(archive, names_in(archive), str(path)):
                yield (one.place, one) if isinstance(one, Damaged) else one
    elif path.suffix.lower() in SUFFIXES:
        with path.open("rb") as file:
            yield path.name, file.read(MAX_FILE_BYTES + 1)
    else:
        yield from _tar(path)


def _tar(path: Path) -> Iterator[tuple[str, bytes]]:
    """Read once from front to back: an archive that is packed as a whole cannot be read otherwise without unpacking."""
    spent = 0
    found: dict[str, bytes] = {}
    names: list[str] = []
    try:
        with tarfile.open(path, "r|*") as archive:
            for count, one in enumerate(archive):
                names.append(one.name)
                spent += one.size
                if count > MOST_MEMBERS or spent > MOST_TAR_BYTES:
                    raise Rejected("bad-advisories", str(path), "it expands to more than anybody has", ACCEPTED)
                file = archive.extractfile(one) if one.isfile() and one.name.endswith(SUFFIXES) else None
                if file is not None:
                    found[one.name] = file.read(MAX_BYTES + 1)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise Rejected("bad-advisories", str(path), f"it is no archive: {error}", ACCEPTED) from error
    for name in records_among(names):
        if name in found:
            yield name, found[name]


def write_document(record: Record) -> bytes:
    """A record's document as it is kept."""
    return json.dumps(record.document, ensure_ascii=False, separators=(",", ":"), default=str).encode()

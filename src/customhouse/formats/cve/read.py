"""Tells which form a document has, and reads the CVE records in it. Damaged ones are handed back with their place."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, BinaryIO

from customhouse.formats.cve.from_osv import from_osv
from customhouse.formats.cve.model import CveRecord, Damage
from customhouse.formats.cve.nvd import read_nvd1, read_nvd2
from customhouse.formats.cve.record5 import read_record5
from customhouse.formats.cve.stream import elements
from customhouse.formats.osv.read import read_record
from customhouse.formats.strict_json import read_json
from customhouse.terms.errors import Rejected

RECORD_BYTES = 8 * 1024 * 1024
"""Of one record. The largest of 44,130 had 1.1 MB."""
PEEK_BYTES = 64 * 1024
_MANY: Mapping[bytes, tuple[str, Callable[[object, str], CveRecord]]] = {
    b'"CVE_Items"': ("CVE_Items", read_nvd1),
    b'"vulnerabilities"': ("vulnerabilities", read_nvd2),
}
_HALF = re.compile(r"\\u[dD][89a-fA-F]")
"""The escape of half a character: by itself it cannot be written in UTF-8."""


def read_document(document: object, where: str) -> CveRecord | None:
    """One record in any of the three forms, or of OSV; raises `Rejected` with the place.

    None for a record of OSV that names a package of PyPI itself: there is nothing to be found out.
    """
    if isinstance(document, dict):
        if "cveMetadata" in document:
            return read_record5(document, where)
        if "CVE_data_meta" in (document.get("cve") or ()):
            return read_nvd1(document, where)
        if "descriptions" in document or "descriptions" in (document.get("cve") or ()):
            return read_nvd2(document, where)
        if "id" in document and "modified" in document:
            return from_osv(read_record(document, where))
    raise Rejected("bad-cve", where, "it is no CVE record that is known here", "CVE JSON 5, NVD 2.0, NVD 1.1 or OSV")


def read_bytes(body: bytes, where: str) -> CveRecord | None:
    """One record from the bytes of its file, as `read_document` does; raises `Rejected` with the place."""
    if len(body) > RECORD_BYTES:
        raise Rejected("bad-cve", where, f"it has {len(body):,} bytes", f"at most {RECORD_BYTES:,}")
    try:
        document = _json(body.decode("utf-8-sig"))
    except ValueError as error:
        raise Rejected("bad-cve", where, f"it is no JSON: {error}", "a JSON object in UTF-8") from error
    return read_document(document, where)


def _json(text: str) -> Any:
    """JSON as `formats/strict_json` reads it, but for its depth: no reader of records goes deeper than it knows.

    Of 44,000 records, looking at the depth and at half characters that cannot be there takes ten seconds.
    """
    if _HALF.search(text):
        return read_json(text)
    try:
        return json.loads(text, object_pairs_hook=_no_key_twice, parse_constant=_no_constant)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def _no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands there twice")
    return found


def _no_constant(text: str) -> Any:
    raise ValueError(f"{text} is no JSON number")


def records_in(file: BinaryIO, where: str) -> Iterator[CveRecord | Damage]:
    """The records of an open file: one, or those of an NVD feed of any length, which is read piece by piece."""
    head = file.read(PEEK_BYTES)
    kind = next((kind for mark, kind in _MANY.items() if mark in head), None)
    if kind is None:
        body = head + file.read(RECORD_BYTES + 1 - len(head))
        try:
            if (found := read_bytes(body, where)) is not None:
                yield found
        except Rejected as fault:
            yield Damage(fault.where, str(fault))
        return
    key, read = kind
    try:
        for at, element in enumerate(elements(head, file, key, most_bytes=RECORD_BYTES)):
            place = f"{where}: {key}[{at}]"
            try:
                yield read(element, place)
            except Rejected as fault:
                yield Damage(fault.where, str(fault))
    except ValueError as error:
        yield Damage(where, f"{where}: {error}")

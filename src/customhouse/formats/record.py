"""RECORD: the wheel's own list of its files with hashes and sizes.

An installer copies what is in the archive, a checker believes what is in RECORD; a file that only one of them knows
is a hidden file. So both must be the same, and the hashes true.

Sources: the specification "Recording installed projects" (PEP 376, PEP 627), PEP 427 (RECORD in wheels: sha256 or
better, base64 for URLs without padding), PEP 815 (``RECORD.jws`` and ``RECORD.p7s`` are no longer made, and ignored).
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from customhouse.formats.inspection import Member
from customhouse.terms.encode import base64url
from customhouse.terms.errors import Rejected

HASHES = ("sha256", "sha384", "sha512")
_ACCEPTED = "one line PATH,HASH=DIGEST,SIZE for each file"


class Row(NamedTuple):
    """One line of RECORD. ``algorithm`` is in lower case; it and ``digest`` are empty if there is no hash."""

    path: str
    algorithm: str
    digest: str
    size: str
    line: int


def parse_record(body: bytes, where: str, most_rows: int) -> dict[str, Row]:
    """The rows of a RECORD by path.

    Raises `Rejected` ``record-damaged``, ``record-twice``, ``record-hash-weak`` or, when it has more than
    ``most_rows`` and so lists what cannot be there, ``record-unknown``.
    """
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise Rejected("record-damaged", where, f"byte {error.start} is not UTF-8", _ACCEPTED) from None
    if "\0" in text:
        raise Rejected("record-damaged", where, "it holds a NUL", _ACCEPTED)
    rows: dict[str, Row] = {}
    reader = csv.reader(_lines(text), strict=True)
    try:
        for fields in reader:
            if not fields:
                continue
            row = _row(fields, reader.line_num, where)
            if row.path in rows:
                raise Rejected("record-twice", where, f"line {row.line} lists {row.path!r} again", _ACCEPTED)
            rows[row.path] = row
            if len(rows) > most_rows:
                raise Rejected("record-unknown", where, "it lists more files than the wheel has", _ACCEPTED)
    except csv.Error as error:
        raise Rejected("record-damaged", where, f"line {reader.line_num}: {error}", _ACCEPTED) from None
    return rows


def _lines(text: str) -> Iterator[str]:
    """The lines with their ends, one at a time: a list of them, or `io.StringIO`, needs several times the memory."""
    start = 0
    while start < len(text):
        stop = text.find("\n", start) + 1 or len(text)
        yield text[start:stop]
        start = stop


def _row(fields: list[str], line: int, where: str) -> Row:
    if len(fields) != 3:  # noqa: PLR2004  # path, hash, size
        raise Rejected("record-damaged", where, f"line {line} has {len(fields)} fields", _ACCEPTED)
    path, hashed, size = fields
    # hashlib knows its algorithms by any case, and so do the installers.
    algorithm, equals, digest = hashed.partition("=")
    algorithm = algorithm.lower()
    if hashed and (not equals or not digest):
        raise Rejected("record-damaged", where, f"line {line} has the hash {hashed[:80]!r}", _ACCEPTED)
    if hashed and algorithm not in HASHES:
        raise Rejected(
            "record-hash-weak", where, f"line {line} has a hash of the kind {algorithm[:40]!r}", ", ".join(HASHES)
        )
    if size and not (size.isascii() and size.isdecimal() and len(size) < 20):  # noqa: PLR2004  # fits 64 bits
        raise Rejected("record-damaged", where, f"line {line} has the size {size[:40]!r}", _ACCEPTED)
    return Row(path, algorithm, digest, size, line)


def stronger_hashes(rows: Mapping[str, Row]) -> tuple[str, ...]:
    """The hashes besides sha256 that the rows use."""
    return tuple(sorted({row.algorithm for row in rows.values()} - {"", "sha256"}))


def check_record(
    rows: Mapping[str, Row],
    members: Mapping[str, Member],
    where: str,
    digests: Mapping[tuple[str, str], bytes],
) -> None:
    """Compare a RECORD with the files of its wheel.

    ``members`` are the wheel's files by name (no directories), ``where`` is the name of RECORD itself, ``digests``
    holds hashes other than sha256 by (hash, name). Every file is listed with a true hash and size; RECORD and its old
    signatures need neither. Raises `Rejected` ``record-missing``, ``record-unknown``, ``record-no-hash``,
    ``record-hash`` or ``record-size``.
    """
    exempt = {where, f"{where}.jws", f"{where}.p7s"}
    for path in members.keys() - rows.keys() - exempt:
        raise Rejected("record-missing", path, f"the file is not listed in {where}", _ACCEPTED)
    for path, row in rows.items():
        member = members.get(path)
        if member is None:
            if path in exempt:
                continue
            raise Rejected("record-unknown", where, f"line {row.line} lists {path[:200]!r}, which is not in the wheel",
                           _ACCEPTED)  # fmt: skip
        if not row.digest and path not in exempt:
            raise Rejected("record-no-hash", path, f"{where} gives no hash", _ACCEPTED)
        if path == where:
            # It cannot hold its own hash; one that is there is made up.
            if row.digest or row.size:
                raise Rejected("record-hash", where, "RECORD lists itself with a hash or a size", "'RECORD,,'")
            continue
        _check_file(row, member, where, digests)


def _check_file(row: Row, member: Member, where: str, digests: Mapping[tuple[str, str], bytes]) -> None:
    if row.digest:
        raw = bytes.fromhex(member.sha256) if row.algorithm == "sha256" else digests[row.algorithm, row.path]
        found = base64url(raw)
        if found != row.digest:
            raise Rejected(
                "record-hash", row.path, f"{where} says {row.algorithm}={row.digest[:100]}, the file has {found}",
                "the true hash, in base64 for URLs without padding",
            )  # fmt: skip
    if row.size and int(row.size) != member.size_bytes:
        raise Rejected("record-size", row.path, f"{where} says {row.size} bytes, the file has {member.size_bytes}",
                       "the true size")  # fmt: skip

"""The file in which a team keeps its own VEX statements, beside its lock: OpenVEX, so that every tool reads it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from uuid import uuid4

from customhouse.consume.audit.vex_beside import NAME
from customhouse.formats.vex.model import CODE, Document, Statement
from customhouse.formats.vex.openvex import write_openvex
from customhouse.formats.vex.read import MAX_BYTES, kind_of, read_vex, statements_of
from customhouse.terms.errors import Rejected


def read_document(path: Path) -> Document:
    """A document in any of the formats; raises `Rejected` naming the file and the place in it."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise Rejected(CODE, str(path), f"it cannot be read: {error.strerror}", "a file of VEX statements") from error
    return read_vex(content, str(path))


def read_statements(paths: Iterable[Path]) -> tuple[Statement, ...]:
    """All statements of some files, each with its owner; raises `Rejected`. An audit counts nothing of a bad file."""
    return tuple(one for path in paths for one in statements_of(read_document(path)))


def read_own(path: Path) -> Document | None:
    """The team's own document; None if it has none yet."""
    if not path.exists():
        return None
    document = read_document(path)
    content = json.loads(path.read_bytes())
    if kind_of(content, str(path)) != "openvex":
        raise Rejected(CODE, str(path), "it is no OpenVEX", f"customhouse vex import {path} --file {NAME}")
    return document


def new_document(author: str, now: datetime) -> Document:
    """A document without statements."""
    return Document(f"urn:uuid:{uuid4()}", author, now, (), version=1)


def with_statement(document: Document, statement: Statement, now: datetime) -> Document:
    """The document with a statement more, or with a newer version of the same.

    It is the same if owner, vulnerability and products are: then it keeps its id, and its version counts up.
    """
    kept = []
    for one in document.statements:
        if _is_same(one, statement):
            statement = replace(statement, id=one.id, version=one.version + 1)
        else:
            kept.append(one)
    return _changed(document, (*kept, statement), now)


def with_statements(document: Document, statements: Iterable[Statement], now: datetime) -> Document:
    """The same for several."""
    for one in statements:
        document = replace(with_statement(document, one, now), version=document.version)
    return replace(document, version=document.version + 1) if document.statements else document


def _is_same(one: Statement, other: Statement) -> bool:
    return (
        one.owner == other.owner
        and bool(one.names & other.names)
        and {str(product) for product in one.products} == {str(product) for product in other.products}
    )


def _changed(document: Document, statements: tuple[Statement, ...], now: datetime) -> Document:
    first = not document.statements
    return replace(
        document,
        statements=statements,
        version=document.version if first else document.version + 1,
        updated=None if first else now,
    )


def save(path: Path, document: Document) -> None:
    """Write the document, whole or not at all. What is no plain file is not replaced by one."""
    if path.exists() and not path.is_file():
        raise Rejected(CODE, str(path), "it is no file", f"a path like {NAME}")
    text = json.dumps(write_openvex(document).document, indent=2, ensure_ascii=False) + "\n"
    new = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        new.write_text(text, encoding="utf-8")
        new.replace(path)
    except OSError as error:
        new.unlink(missing_ok=True)
        raise Rejected(CODE, str(path), f"it cannot be written: {error.strerror}", "a place to write to") from error

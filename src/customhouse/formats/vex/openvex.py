"""OpenVEX 0.2 documents, read and written (github.com/openvex/spec, OPENVEX-SPEC.md and its JSON schema).

The schema wants either a justification or an impact statement, never both, and no members of others: what more we know
goes into ``status_notes``, see `notes`. Readers of other people's documents are patient: both may stand there.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from customhouse.formats.osv.times import write_time
from customhouse.formats.vex.model import (
    CODE,
    MAX_PRODUCTS,
    MAX_STATEMENTS,
    Document,
    Justification,
    Product,
    Statement,
    Status,
    Written,
    check,
)
from customhouse.formats.vex.notes import joined, own_part, with_line, without_line
from customhouse.formats.vex.parts import an_object, moment, number, objects, text, texts, word
from customhouse.formats.vex.ranges import read_purl, write_purl
from customhouse.terms.errors import Rejected

CONTEXT = "https://openvex.dev/ns/v0.2.0"
_PREFIX = "https://openvex.dev/ns"
TOOLING = "Customhouse"


def read_openvex(value: object, where: str) -> Document:
    """The document that plain JSON values hold; ``where`` is its file. Raises `Rejected`."""
    top = an_object(value, where)
    context = text(top, "@context", where, needed=True)
    # Documents of 0.0.x name the namespace without a version and have other members.
    if not context.startswith(f"{_PREFIX}/v0.2"):
        raise Rejected(CODE, f"{where}: @context", f"{context[:80]!r} is not known here", CONTEXT)
    timestamp = moment(top, "timestamp", where)
    if timestamp is None:
        raise Rejected(CODE, f"{where}: timestamp", "it is missing", "when the document was issued")
    author = text(top, "author", where, needed=True)
    identifier = text(top, "@id", where, needed=True)
    said = objects(top, "statements", where, most=MAX_STATEMENTS)
    return Document(
        id=identifier,
        author=author,
        timestamp=timestamp,
        statements=tuple(
            _statement(one, place, timestamp, f"{identifier}#{at}") for at, (one, place) in enumerate(said, 1)
        ),
        role=text(top, "role", where),
        version=number(top, "version", where, 1),
        updated=moment(top, "last_updated", where),
        tooling=text(top, "tooling", where),
    )


def _statement(top: Mapping[str, Any], where: str, issued: datetime, otherwise: str) -> Statement:
    vulnerability = an_object(top.get("vulnerability"), f"{where}: vulnerability")
    status = word(Status, top, "status", where)
    reason, part = without_line(text(top, "status_notes", where), f"{where}: status_notes")
    products = objects(top, "products", where, most=MAX_PRODUCTS)
    found = Statement(
        id=text(top, "@id", where) or otherwise,
        vulnerability=text(vulnerability, "name", f"{where}: vulnerability", needed=True),
        aliases=texts(vulnerability, "aliases", f"{where}: vulnerability"),
        description=text(vulnerability, "description", f"{where}: vulnerability"),
        products=tuple(one for product, place in products for one in _products(product, place)),
        status=status,
        timestamp=moment(top, "timestamp", where) or issued,
        updated=moment(top, "last_updated", where),
        justification=word(Justification, top, "justification", where) if top.get("justification") else None,
        impact=text(top, "impact_statement", where),
        action=text(top, "action_statement", where),
        reason=reason,
        supplier=text(top, "supplier", where),
        version=number(top, "version", where, 1),
    )
    found = joined(found, part, f"{where}: status_notes")
    check(found, where)
    return found


def _products(top: Mapping[str, Any], where: str, *, inside: bool = False) -> list[Product]:
    """The products that an entry names: several if its range has several spans."""
    identifiers = an_object(top.get("identifiers") or {}, f"{where}: identifiers")
    address = text(identifiers, "purl", f"{where}: identifiers") or text(top, "@id", where)
    if not address:
        address = next((one for key in identifiers if (one := text(identifiers, key, where))), "")
    if not address:
        raise Rejected(CODE, where, "it names no product", "an @id or identifiers.purl")
    entries = [] if inside else objects(top, "subcomponents", where, most=MAX_PRODUCTS)
    parts = tuple(one for part, place in entries for one in _products(part, place, inside=True))
    purl = read_purl(address, where)
    if purl is None:
        return [Product(address=address, parts=parts)]
    return [Product(purl[0], specifier, parts=parts) for specifier in purl[1]]


def write_openvex(document: Document) -> Written:
    """The document as JSON values; nothing is lost."""
    statements = [_written(one) for one in document.statements]
    if not statements:
        raise Rejected(CODE, "statements", "there are none", "at least one: OpenVEX has no empty documents")
    top: dict[str, Any] = {
        "@context": CONTEXT,
        "@id": document.id,
        "author": document.author,
        "role": document.role,
        "timestamp": write_time(document.timestamp),
        "last_updated": write_time(document.updated) if document.updated else "",
        "version": document.version,
        "tooling": document.tooling or TOOLING,
        "statements": statements,
    }
    return Written({key: value for key, value in top.items() if value})


def _written(statement: Statement) -> dict[str, Any]:
    check(statement, statement.id)
    part = own_part(statement)
    impact = statement.impact
    if statement.justification and impact:
        part["impact"] = impact
        impact = ""
    vulnerability = {
        "name": statement.vulnerability,
        "description": statement.description,
        "aliases": list(statement.aliases),
    }
    told: dict[str, Any] = {
        "@id": statement.id,
        "version": statement.version,
        "vulnerability": {key: value for key, value in vulnerability.items() if value},
        "timestamp": write_time(statement.timestamp),
        "last_updated": write_time(statement.updated) if statement.updated else "",
        "products": [_product(one) for one in statement.products],
        "status": statement.status.value,
        "supplier": statement.supplier,
        "status_notes": with_line(statement.reason, part),
        "justification": statement.justification.value if statement.justification else "",
        "impact_statement": impact,
        "action_statement": statement.action,
    }
    return {key: value for key, value in told.items() if value}


def _product(product: Product) -> dict[str, Any]:
    if not product.name:
        told: dict[str, Any] = {"@id": product.address}
    else:
        purl = write_purl(product.name, product.specifier)
        told = {"@id": purl, "identifiers": {"purl": purl}}
    if product.parts:
        told["subcomponents"] = [_product(part) for part in product.parts]
    return told

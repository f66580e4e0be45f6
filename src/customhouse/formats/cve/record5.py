"""Reads CVE JSON 5.0 and 5.1: the CNA's container first, then those of ADPs such as CISA's (cve-schema 5.1.1)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from customhouse.formats.cve.cpe import read_cpe
from customhouse.formats.cve.model import BOUNDS, CveRecord, Issuer, Product, Reference, Span, State
from customhouse.formats.cve.parts import (
    CODE,
    an_object,
    cve_id,
    english,
    inner,
    is_disputed,
    objects,
    reference,
    text,
    time,
    vector,
    weaknesses,
)
from customhouse.formats.cve.version_words import spans_of_field
from customhouse.formats.osv.model import Credit, Severity
from customhouse.terms.errors import Rejected

_STATES: Mapping[str, State] = {"PUBLISHED": "published", "REJECTED": "rejected", "RESERVED": "reserved"}
_NO_EDGE = frozenset({"*", "latest", "unspecified", "unknown", "all", "any", "none", ""})
_BEGINNING = frozenset({"0", "*", "all", "unspecified", "n/a", "any", "all versions", "-", "0.0", "0.0.0", ""})
_METRICS = ("cvssV4_0", "cvssV3_1", "cvssV3_0", "cvssV2_0")
_MOST_CONTAINERS = 20


def read_record5(document: object, where: str) -> CveRecord:
    """The record that plain JSON values hold; raises `Rejected` with the place."""
    top = an_object(document, where)
    head = an_object(top.get("cveMetadata"), f"{where}: cveMetadata")
    state = _STATES.get(str(head.get("state")))
    if state is None:
        raise Rejected(CODE, f"{where}: cveMetadata.state", f"{str(head.get('state'))[:40]!r}", ", ".join(_STATES))
    containers = an_object(top.get("containers") or {}, f"{where}: containers")
    cna = inner(containers, "cna")
    if state == "published" and not cna:
        raise Rejected(CODE, f"{where}: containers.cna", "it is missing", "the CNA's container")
    others = list(objects(containers, "adp", _MOST_CONTAINERS))
    every = [cna, *others]
    said = english(objects(cna, "descriptions", 50)) or english(objects(cna, "rejectedReasons", 50))
    tags = cna.get("tags")
    return CveRecord(
        id=cve_id(head.get("cveId"), f"{where}: cveMetadata.cveId"),
        form="cve-5",
        state=state,
        disputed=is_disputed(said) or (isinstance(tags, list) and "disputed" in tags),
        assigner=text(head, "assignerShortName") or text(inner(cna, "providerMetadata"), "shortName"),
        published=time(head, "datePublished", where),
        modified=time(head, "dateUpdated", where),
        title=text(cna, "title", BOUNDS.name),
        description=said,
        products=tuple(_products(cna, "cna")) + tuple(one for other in others for one in _products(other, "adp")),
        references=tuple(_references(every)),
        severity=tuple(dict.fromkeys(_severity(every))),
        weaknesses=weaknesses(_problem_types(every)),
        credits=tuple(_credits(cna)),
    )


def _products(container: Mapping[str, Any], issuer: Issuer) -> Iterator[Product]:
    for one in objects(container, "affected", BOUNDS.products):
        cpes = one.get("cpes")
        yield Product(
            issuer=issuer,
            vendor=text(one, "vendor"),
            name=text(one, "product"),
            package=text(one, "packageName"),
            collection=text(one, "collectionURL", BOUNDS.url),
            repo=text(one, "repo", BOUNDS.url),
            cpes=tuple(
                cpe for each in (cpes[: BOUNDS.cpes] if isinstance(cpes, list) else ()) if (cpe := read_cpe(each))
            ),
            spans=tuple(dict.fromkeys(_spans(one))),
        )


def _spans(product: Mapping[str, Any]) -> Iterator[Span]:
    """Of each version that is affected; a product that is affected by default, up to where it is not any more."""
    affected = False
    healed: list[str] = []
    for one in objects(product, "versions", BOUNDS.versions):
        kind = text(one, "versionType", 40)
        if one.get("status") == "affected":
            affected = True
            yield from _affected(one, kind)
        elif one.get("status") == "unaffected" and text(one, "lessThan") == "*" and kind not in ("git", "rpm"):
            healed.append(text(one, "version"))
    if product.get("defaultStatus") == "affected" and not affected:
        yield from (Span("0", fixed=one) for one in healed if one not in _BEGINNING)


def _affected(one: Mapping[str, Any], kind: str) -> Iterator[Span]:
    first = text(one, "version")
    introduced = "0" if first.lower() in _BEGINNING else first
    fixed, last = text(one, "lessThan"), text(one, "lessThanOrEqual")
    fixed, last = "" if fixed.lower() in _NO_EDGE else fixed, "" if last.lower() in _NO_EDGE else last
    mended = [text(each, "at") for each in objects(one, "changes", 50) if each.get("status") == "unaffected"]
    if mended and mended[0]:
        # "affected up to 2.3.4, unaffected from 2.3.5 on": the second says when it was mended.
        yield Span(introduced, fixed=mended[0], kind=kind)
    elif fixed or last or "lessThan" in one or "lessThanOrEqual" in one:
        if fixed and fixed == introduced:
            # Several CNAs write the fixed version as the first affected one, too.
            introduced = "0"
        yield Span(introduced, fixed, last, kind)
    elif first:
        found = spans_of_field(first)
        yield from (Span(each.introduced, each.fixed, each.last, kind) for each in found)


def _references(containers: list[Mapping[str, Any]]) -> Iterator[Reference]:
    seen: set[str] = set()
    for container in containers:
        for one in objects(container, "references", BOUNDS.references):
            found = reference(one)
            if found is not None and found.url not in seen:
                seen.add(found.url)
                yield found


def _severity(containers: list[Mapping[str, Any]]) -> Iterator[Severity]:
    for container in containers:
        for metric in objects(container, "metrics", 50):
            yield from (found for key in _METRICS if (found := vector(inner(metric, key))) is not None)


def _problem_types(containers: list[Mapping[str, Any]]) -> Iterator[str]:
    for container in containers:
        for kind in objects(container, "problemTypes", 50):
            for one in objects(kind, "descriptions", 50):
                yield f"{text(one, 'cweId', 40)} {text(one, 'description')}"


def _credits(cna: Mapping[str, Any]) -> Iterator[Credit]:
    for one in objects(cna, "credits", 100):
        name = text(one, "value")
        if name:
            yield Credit(name, kind=text(one, "type", 60).upper().replace(" ", "_"))

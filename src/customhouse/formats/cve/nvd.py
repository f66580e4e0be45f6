"""Reads records of the NVD: its API 2.0, and the feed 1.1 that it replaced (nvd.nist.gov/developers)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from customhouse.formats.cve.cpe import read_cpe
from customhouse.formats.cve.model import BOUNDS, CveRecord, Product, Reference, Span
from customhouse.formats.cve.parts import (
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
from customhouse.formats.osv.model import Severity

_METRICS = ("cvssMetricV40", "cvssMetricV31", "cvssMetricV30", "cvssMetricV2")
_MOST_NODES = 200
_DEEPEST = 8
_REJECTED = ("** REJECT **", "Rejected reason:")


def read_nvd2(document: object, where: str) -> CveRecord:
    """One entry of ``vulnerabilities``, with or without its ``cve`` around; raises `Rejected` with the place."""
    top = an_object(document, where)
    cve = an_object(top.get("cve", top), f"{where}: cve")
    said = english(objects(cve, "descriptions", 50))
    tags = [tag for one in objects(cve, "cveTags", 20) for tag in one.get("tags") or () if isinstance(tag, str)]
    rejected = text(cve, "vulnStatus") == "Rejected" or said.startswith(_REJECTED)
    return CveRecord(
        id=cve_id(cve.get("id"), f"{where}: id"),
        form="nvd-2.0",
        state="rejected" if rejected else "published",
        disputed=is_disputed(said) or "disputed" in tags,
        assigner=text(cve, "sourceIdentifier"),
        published=time(cve, "published", where),
        modified=time(cve, "lastModified", where),
        description=said,
        products=_merged(
            match
            for configuration in objects(cve, "configurations", _MOST_NODES)
            for node in objects(configuration, "nodes", _MOST_NODES)
            for match in _matches(node, "cpeMatch", "criteria", 0)
        ),
        references=_references(objects(cve, "references", BOUNDS.references)),
        severity=tuple(_severity2(inner(cve, "metrics"))),
        weaknesses=weaknesses(
            text(each, "value") for one in objects(cve, "weaknesses", 50) for each in objects(one, "description", 50)
        ),
    )


def read_nvd1(document: object, where: str) -> CveRecord:
    """One of ``CVE_Items``; raises `Rejected` with the place."""
    top = an_object(document, where)
    cve = an_object(top.get("cve"), f"{where}: cve")
    head = an_object(cve.get("CVE_data_meta"), f"{where}: cve.CVE_data_meta")
    said = english(objects(inner(cve, "description"), "description_data", 50))
    impact = inner(top, "impact")
    vectors = (vector(inner(inner(impact, f"baseMetric{one}"), f"cvss{one}")) for one in ("V3", "V2"))
    return CveRecord(
        id=cve_id(head.get("ID"), f"{where}: cve.CVE_data_meta.ID"),
        form="nvd-1.1",
        state="rejected" if said.startswith(_REJECTED) else "published",
        disputed=is_disputed(said),
        assigner=text(head, "ASSIGNER"),
        published=time(top, "publishedDate", where),
        modified=time(top, "lastModifiedDate", where),
        description=said,
        products=_merged(
            match
            for node in objects(inner(top, "configurations"), "nodes", _MOST_NODES)
            for match in _matches(node, "cpe_match", "cpe23Uri", 0)
        ),
        references=_references(objects(inner(cve, "references"), "reference_data", BOUNDS.references)),
        severity=tuple(one for one in vectors if one is not None),
        weaknesses=weaknesses(
            text(each, "value")
            for one in objects(inner(cve, "problemtype"), "problemtype_data", 50)
            for each in objects(one, "description", 50)
        ),
    )


def _matches(node: Mapping[str, Any], key: str, name: str, depth: int) -> Iterator[Product]:
    """What is vulnerable in a node and below it; what it merely runs on is not."""
    for one in objects(node, key, BOUNDS.versions):
        cpe = read_cpe(one.get(name))
        if cpe is None or one.get("vulnerable") is not True:
            continue
        first, fixed, last = (
            text(one, at) for at in ("versionStartIncluding", "versionEndExcluding", "versionEndIncluding")
        )
        # An excluded start has no form of its own in OSV: to begin at it is the wider reading.
        first = first or text(one, "versionStartExcluding")
        if fixed or last or first:
            spans: tuple[Span, ...] = (Span(first or "0", fixed, last),)
        elif cpe.version in ("*", "-"):
            spans = (Span("0"),) if cpe.version == "*" else ()
        else:
            spans = (Span(cpe.version, last=cpe.version),)
        yield Product("nvd", cpe.vendor, cpe.product, cpes=(cpe,), spans=spans)
    if depth < _DEEPEST:
        for child in objects(node, "children", _MOST_NODES):
            yield from _matches(child, key, name, depth + 1)


def _merged(matches: Iterator[Product]) -> tuple[Product, ...]:
    """One product for all ranges of one name."""
    found: dict[tuple[str, str, str], Product] = {}
    for one in matches:
        key = (one.vendor, one.name, one.cpes[0].target_software)
        before = found.get(key)
        if before is None and len(found) < BOUNDS.products:
            found[key] = one
        elif before is not None and len(before.spans) < BOUNDS.versions:
            found[key] = replace(before, spans=before.spans + tuple(s for s in one.spans if s not in before.spans))
    return tuple(found.values())


def _references(entries: Iterator[Mapping[str, Any]]) -> tuple[Reference, ...]:
    found = (reference(one) for one in entries)
    return tuple({one.url: one for one in found if one is not None}.values())


def _severity2(metrics: Mapping[str, Any]) -> Iterator[Severity]:
    for key in _METRICS:
        every = list(objects(metrics, key, 20))
        every.sort(key=lambda one: one.get("type") != "Primary")
        found = [read for one in every if (read := vector(inner(one, "cvssData"))) is not None]
        yield from dict.fromkeys(found)

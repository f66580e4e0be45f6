"""Reads another database's OSV record as something to be triaged: it names a repository, and no package of PyPI."""

from __future__ import annotations

from collections.abc import Iterator

from customhouse.formats.cve.model import CveRecord, Product, Reference, Span
from customhouse.formats.osv.model import PYPI, Affected, Range, Record

REGISTRIES = {
    "npm": "https://registry.npmjs.org", "Maven": "https://repo.maven.apache.org/maven2", "Go": "https://pkg.go.dev",
    "crates.io": "https://crates.io", "RubyGems": "https://rubygems.org", "NuGet": "https://www.nuget.org",
    "Packagist": "https://packagist.org", "Hex": "https://hex.pm", "Pub": "https://pub.dev",
}  # fmt: skip
"""The registries of OSV's ecosystems, as CVE records write them."""


def from_osv(record: Record) -> CveRecord | None:
    """The record to be triaged; None if there is nothing to find out, because it names its package of PyPI itself."""
    if record.packages(PYPI):
        return None
    repositories = [one.repo for affected in record.affected for one in affected.ranges if one.repo]
    links = [*(one.url for one in record.references), *repositories]
    return CveRecord(
        id=record.id,
        form="osv",
        state="published" if record.withdrawn is None else "rejected",
        assigner=record.id.partition("-")[0],
        published=record.published,
        modified=record.modified,
        title=record.summary,
        description=record.details,
        products=tuple(_product(one) for one in record.affected),
        references=tuple(Reference(url) for url in dict.fromkeys(links)),
        severity=record.severity,
        credits=record.credits,
        aliases=record.aliases,
    )


def _product(affected: Affected) -> Product:
    return Product(
        issuer="cna",
        package=affected.package,
        collection=REGISTRIES.get(affected.ecosystem.partition(":")[0], ""),
        repo=next((one.repo for one in affected.ranges if one.repo), ""),
        spans=tuple(span for one in affected.ranges if one.kind != "GIT" for span in _spans(one)),
    )


def _spans(affected: Range) -> Iterator[Span]:
    begin = "0"
    for event in affected.events:
        match event.kind:
            case "introduced":
                begin = event.version
            case "fixed":
                yield Span(begin, fixed=event.version)
            case "last_affected":
                yield Span(begin, last=event.version)
            case _:
                pass

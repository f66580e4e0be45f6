"""Records to be triaged, made up or from the samples, and taking them in."""

from __future__ import annotations

import csv
import io
import json
import re
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from customhouse.advisories.triage.false_positives import FalsePositives, read_false_positives
from customhouse.advisories.triage.known import Known, by_repository, learned, own_sites
from customhouse.advisories.triage.sources import files_below, records_of
from customhouse.app import App
from customhouse.formats.cve.model import CveRecord, Damage, Reference
from customhouse.formats.cve.read import read_document
from customhouse.formats.osv.documents import read_documents
from customhouse.formats.osv.model import Record
from customhouse.index.triage.begin import Taken
from customhouse.index.triage.judging import judge_files, judge_records
from customhouse.index.triage.known_names import what_is_known
from customhouse.index.triage.take_in import Wish, take_in

DATA = Path(__file__).parent / "data/advisories"
PREFIX = "x_CUSTOMHOUSE"
NOISE = ("apache-submarine", "ekuiper", "micropython", "selenium", "couchbase")
"""Labels that the README of the sample calls doubtful: counted apart."""


def cve_document(
    cve: str = "CVE-2026-1000", *, product: str = "demo", vendor: str = "acme", text: str = "", version: str = "< 1.4",
    links: Sequence[str] = (), state: str = "PUBLISHED", **affected: Any,
) -> dict[str, Any]:  # fmt: skip
    """A CVE JSON 5.1 record as GitHub writes them."""
    cna: dict[str, Any] = {"providerMetadata": {"orgId": "0", "shortName": "GitHub_M"}}
    if state == "REJECTED":
        cna["rejectedReasons"] = [{"lang": "en", "value": "It is none."}]
    else:
        cna |= {
            "title": f"A hole in {product}",
            "descriptions": [{"lang": "en", "value": text or f"{product} is a Python library. It has a hole."}],
            "affected": [
                {"vendor": vendor, "product": product, "versions": [{"version": version, "status": "affected"}]}
                | affected
            ],
            "references": [{"url": url} for url in links],
            "problemTypes": [{"descriptions": [{"lang": "en", "cweId": "CWE-79", "description": "XSS"}]}],
            "metrics": [{"cvssV3_1": {"vectorString": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N"}}],
            "credits": [{"lang": "en", "type": "finder", "value": "Ada"}],
        }
    return {
        "dataType": "CVE_RECORD", "dataVersion": "5.1",
        "cveMetadata": {
            "cveId": cve, "state": state, "assignerShortName": "GitHub_M", "dateUpdated": "2026-11-01T00:00:00.000Z",
        },
        "containers": {"cna": cna},
    }  # fmt: skip


def cve_record(cve: str = "CVE-2026-1000", **about: Any) -> CveRecord:
    """The same, read."""
    found = read_document(cve_document(cve, **about), cve)
    assert found is not None
    return found


def certain(cve: str = "CVE-2026-1000", name: str = "demo", **about: Any) -> CveRecord:
    """One that leads to the registry itself."""
    return cve_record(cve, product=name, links=[f"https://pypi.org/project/{name}/"], **about)


def take(app: App, *records: CveRecord | Damage, again: bool = False) -> Taken:
    """Take records in."""
    known = what_is_known(app.database)
    return take_in(app.deeds, judge_records(records, known), Wish("a test", PREFIX, ("a test",), again))


def take_files(app: App, *paths: Path) -> Taken:
    """Take the records of files in."""
    known = what_is_known(app.database)
    return take_in(app.deeds, judge_files(files_below(paths), known), Wish("a test", PREFIX, tuple(map(str, paths))))


@cache
def sample() -> dict[str, CveRecord]:
    """The labelled sample, read."""
    read = (one for path in sorted((DATA / "cve-sample").glob("CVE-*.json")) for one in records_of(path))
    return {one.id: one for one in read if isinstance(one, CveRecord)}


@cache
def labels() -> Mapping[str, Mapping[str, str]]:
    """What each record of the sample is."""
    rows = csv.DictReader(io.StringIO((DATA / "cve-sample/labels.csv").read_text()))
    return {row["cve"]: row for row in rows}


def is_noise(row: Mapping[str, str]) -> bool:
    """Whether a label is among those that are known to be doubtful."""
    return row["label"] == "pypi" and row["packages"].startswith(NOISE)


@cache
def pypa() -> tuple[list[tuple[str, tuple[str, ...], tuple[str, ...]]], FalsePositives]:
    """Of each of the PyPA's advisories the package, the aliases and the links; and its list of false positives."""
    found, listed = [], FalsePositives()
    with tarfile.open(DATA / "pypa-advisory-database.tar.xz") as archive:
        for member in archive:
            file = archive.extractfile(member)
            if file is None:
                continue
            if member.name.endswith("false_positives.yaml"):
                listed = read_false_positives(file.read().decode(), member.name)
            elif re.search(r"vulns/[^/]+/[^/]+\.yaml$", member.name):
                document = yaml.load(file.read(), yaml.CSafeLoader)
                links = tuple(one["url"] for one in document.get("references") or ())
                found.append((member.name.split("/")[-2], tuple(document.get("aliases") or ()), links))
    return found, listed


@cache
def pypa_texts() -> tuple[dict[str, CveRecord], dict[str, frozenset[str]]]:
    """What the PyPA's advisories say of each CVE, as a record without products, and the packages that it concerns."""
    texts: dict[str, CveRecord] = {}
    packages: dict[str, set[str]] = {}
    with tarfile.open(DATA / "pypa-advisory-database.tar.xz") as archive:
        for member in archive:
            file = archive.extractfile(member)
            if file is None or not re.search(r"vulns/[^/]+/[^/]+\.yaml$", member.name):
                continue
            document = yaml.load(file.read(), yaml.CSafeLoader)
            links = (one["url"] for one in document.get("references") or ())
            # These two say themselves which package it is.
            kept = [url for url in links if "github.com/advisories/" not in url and "pypa/advisory" not in url]
            for cve in (one for one in document.get("aliases") or () if one.startswith("CVE-")):
                packages.setdefault(cve, set()).add(member.name.split("/")[-2])
                texts[cve] = CveRecord(
                    cve, "cve-5", description=document.get("details", ""),
                    references=tuple(Reference(url) for url in kept),
                )  # fmt: skip
    return texts, {cve: frozenset(names) for cve, names in packages.items()}


def known_without(ids: Iterable[str]) -> Known:
    """What is known beforehand of the PyPA's database, but for the advisories of these records."""
    hidden = set(ids)
    every, listed = pypa()
    table: dict[str, dict[str, list[str]]] = json.loads((DATA / "package-repos.json").read_text())
    told = [([name], links) for name, aliases, links in every if not hidden.intersection(aliases)]
    advised: dict[str, int] = {}
    for (name,), _ in told:
        advised[name] = advised.get(name, 0) + 1
    return Known(
        names=frozenset({name for name, _, _ in every} | table.keys()),
        repositories=by_repository({name: entry["repos"] for name, entry in table.items()}),
        earlier=learned(told),
        sites=own_sites(told),
        advised=advised,
        false_positives=listed,
    )


def pypa_records() -> list[Record]:
    """All of the PyPA's advisories, to be stored."""
    with tarfile.open(DATA / "pypa-advisory-database.tar.xz") as archive:
        files = ((member.name, archive.extractfile(member)) for member in archive)
        documents = [
            one
            for name, file in files
            if file is not None and re.search(r"vulns/[^/]+/[^/]+\.yaml$", name)
            for one in read_documents(file.read(), name)
        ]
    return [one for one in documents if isinstance(one, Record)]

"""Advisories for tests: the database of the PyPA as it is, records made up, and both laid into an installation."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from customhouse.advisories.exploitation import import_catalogue, import_scores
from customhouse.advisories.store import put
from customhouse.app import App
from customhouse.formats.osv.model import Record
from customhouse.formats.osv.read import read_record

DATA = Path(__file__).parent / "data/advisories"


@cache
def pypa_records() -> tuple[Record, ...]:
    """Every record of the PyPA's database, as its archive has them."""
    with tarfile.open(DATA / "pypa-advisory-database.tar.xz") as archive:
        members = [one for one in archive if one.name.endswith(".yaml") and "/PYSEC-" in one.name]
        texts = [(one.name, archive.extractfile(one).read()) for one in members]  # type: ignore[union-attr] # all are files
    return tuple(read_record(yaml.load(text, yaml.CSafeLoader), name) for name, text in texts)


def record(
    advisory_id: str, name: str, *, fixed: str = "", introduced: str = "0", versions: Sequence[str] = (),
    aliases: Sequence[str] = (), modified: str = "2026-11-20T00:00:00Z", **more: Any,
) -> Record:  # fmt: skip
    """A made-up record about one package."""
    events: list[Mapping[str, str]] = [{"introduced": introduced}, *([{"fixed": fixed}] if fixed else [])]
    affected: dict[str, Any] = {"package": {"ecosystem": "PyPI", "name": name}, "versions": list(versions)}
    if not versions or fixed:
        affected["ranges"] = [{"type": "ECOSYSTEM", "events": events}]
    document = {
        "schema_version": "1.7.0", "id": advisory_id, "modified": modified, "published": modified,
        "aliases": list(aliases), "summary": f"{name} is wrong", "affected": [affected], **more,
    }  # fmt: skip
    return read_record(document, advisory_id)


def advise(app: App, *records: Record, source: str = "test") -> None:
    """Lay records into the store of an installation."""
    put(app.deeds, records, source)


def load(app: App, records: Iterable[Record]) -> None:
    """The same with many."""
    put(app.deeds, records, "pypa")


def know_exploited(app: App, cve: str) -> None:
    """Import CISA's catalogue and FIRST's scores with one row each, made up, in the layouts in which they publish."""
    rows = [{"cveID": cve, "dateAdded": "2026-11-01", "vulnerabilityName": "made up"}]
    import_catalogue(app.deeds, json.dumps({"count": 1, "vulnerabilities": rows}).encode(), "kev.json")
    head = "#model_version:made-up,score_date:2026-11-20T00:00:00+0000\ncve,epss,percentile\n"
    import_scores(app.deeds, f"{head}{cve},0.97,0.999\n".encode(), "epss.csv")

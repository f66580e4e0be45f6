"""Fetching back from an index as a stranger: pages as JSON and HTML, every file, its metadata, its attestations."""

from __future__ import annotations

import json
from pathlib import Path

from customhouse.client.dists import read_releases
from customhouse.formats.attestations import parse_attestations
from customhouse.formats.upstream.model import ListedFile
from customhouse.release.actions import Problem, StepRun, Tampered
from customhouse.release.ship.attest import FACT, marks
from customhouse.release.ship.compare import compare, digests
from customhouse.release.ship.index_door import index_of, project_of, version_in
from customhouse.release.ship.patient import patiently
from customhouse.release.ship.public_page import HTML, JSON, SMALL_BYTES, Stranger, of_version, stranger
from customhouse.release.ship.staged import stage_facts
from customhouse.release.things import Thing, Things
from customhouse.terms.errors import CustomhouseError


def fetch_back(run: StepRun, things: Things) -> dict[str, str]:
    """Fetch everything and compare; returns facts. Raises `Tampered` where it stays another than what was signed."""
    wanted = {one.name: one for one in things}
    folder = run.folder / "fetched"
    folder.mkdir(parents=True, exist_ok=True)
    facts: dict[str, str] = {}
    with stranger() as public:
        patiently(run, lambda: _look(run, public, wanted, folder, facts))
    return facts


def _look(
    run: StepRun, public: Stranger, wanted: dict[str, Thing], folder: Path, facts: dict[str, str]
) -> Problem | None:
    """The first fault that is seen; what was fetched is noted as ``fetched:NAME``."""
    index = index_of(run)
    name, version = project_of(run), version_in(run)
    expected, url = digests(wanted.values()), index.simple(name)
    try:
        listed = of_version(public.page(url, name, JSON), version)
        as_html = of_version(public.page(url, name, HTML), version)
        for seen, form in ((listed, "JSON"), (as_html, "HTML")):
            found = compare(expected, {filename: one.sha256 for filename, one in seen.items()})
            if found:
                return Tampered(found.code, found.sentence, found.expected, place=f"{url} ({form})")
        for filename, one in listed.items():
            into, most = folder / filename, one.size_bytes or 0
            sent = stage_facts(run).get(f"{FACT}{filename}", "")
            fault = public.fault(one.url, wanted[filename], into, most) or _beside(public, one, into, sent)
            if fault is not None:
                return fault
            facts[f"fetched:{filename}"] = wanted[filename].digest
            facts[f"from:{filename}"] = one.url
    except Tampered:
        raise
    except Problem as problem:
        return problem
    return None


def _beside(public: Stranger, listed: ListedFile, file: Path, sent: str) -> Problem | None:
    """Metadata (PEP 658) must be what the file holds; attestations (PEP 740) those that were sent with it, if any."""
    if listed.has_metadata:
        url = f"{listed.url}.metadata"
        answer = public.get(url, SMALL_BYTES)
        if answer is None or answer[0] != _metadata(file):
            saw = "it is not there" if answer is None else "it is not what the file holds"
            return Tampered("metadata", saw, "the METADATA of the file", place=url)
    if listed.provenance_url:
        return _provenance(public, listed, sent)
    if sent:
        return Tampered("provenance", "none is listed", "the attestations that were sent", place=listed.url)
    return None


def _metadata(file: Path) -> bytes:
    (release,) = read_releases([file])
    return release.dists[0].metadata_text.encode()


def _provenance(public: Stranger, listed: ListedFile, sent: str) -> Problem | None:
    """What is served of a file's attestations. An index may add others to those that were sent (PEP 740), later."""
    url = listed.provenance_url
    answer = public.get(url, SMALL_BYTES)
    if answer is None:
        return Tampered("provenance", "it is not there", "the attestations of the file", place=url)
    try:
        bundles = json.loads(answer[0])["attestation_bundles"]
        listed_ones = [one for bundle in bundles for one in bundle["attestations"]]
        # Each by itself: of one kind there may be one of each who has signed.
        found = [one for each in listed_ones for one in parse_attestations(json.dumps([each]))]
        shown = {marks(json.dumps([each])) for each in listed_ones}
    except (ValueError, KeyError, TypeError, CustomhouseError) as error:
        return Tampered("provenance", f"it cannot be read: {error}", "a provenance object (PEP 740)", place=url)
    for statement in (one.statement for one in found):
        if statement.sha256 != listed.sha256:
            return Tampered("provenance", f"it is of the SHA-256 {statement.sha256}", listed.sha256, place=url)
    missing = set(filter(None, sent.split(","))) - shown
    if missing:
        saw = f"{len(missing)} of the attestations that were sent are not there"
        return Tampered("provenance", saw, "each that was sent with the file", place=url)
    return None

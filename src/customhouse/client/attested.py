"""Attestations that lie beside the files, as pypi-attestations and PyPI's action for GitHub write them (PEP 740)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from customhouse.client.dists import Dist, Release, Unfit
from customhouse.formats.attestations import parse_attestations, same_file
from customhouse.formats.strict_json import read_json
from customhouse.terms.errors import Rejected

ENDINGS = (".publish.attestation", ".slsa.attestation")
MAX_BYTES = 2**20


def attestations_beside(dist: Dist) -> list[Path]:
    """The attestations of a file, if there are any."""
    places = [dist.path.with_name(dist.filename + ending) for ending in ENDINGS]
    return [place for place in places if place.is_file()]


def read_attestations(releases: Sequence[Release]) -> dict[str, str]:
    """A JSON list of attestations for each file that has some, by file name.

    Each must be about exactly this file: its name and its SHA-256. Raises `Unfit` with everything that is wrong.
    """
    found: dict[str, str] = {}
    findings: list[str] = []
    for dist in (one for release in releases for one in release.dists):
        texts = []
        for place in attestations_beside(dist):
            try:
                texts.append(_read(place, dist))
            except (Rejected, OSError) as error:
                findings.append(f"{place}: {error}")
        if texts:
            found[dist.filename] = f"[{','.join(texts)}]"
    if findings:
        raise Unfit(findings)
    return found


def fits(text: str, dist: Dist) -> None:
    """Raise `Rejected` unless every attestation of a JSON list is about this file."""
    for one in parse_attestations(text):
        statement = one.statement
        if not same_file(statement.subject, dist.filename):
            raise Rejected(
                "other-file", one.where, f"is about {statement.subject[:200]!r}", f"one about {dist.filename}"
            )
        if statement.sha256 != dist.sha256:
            raise Rejected(
                "other-bytes", one.where, f"is about a file with the SHA-256 {statement.sha256}",
                f"one about {dist.sha256}: attest the file after it was built for the last time",
            )  # fmt: skip


def _read(place: Path, dist: Dist) -> str:
    with place.open("rb") as file:
        raw = file.read(MAX_BYTES + 1)
    if len(raw) > MAX_BYTES:
        raise Rejected("bad-attestation", "size", "is too long", f"at most {MAX_BYTES} bytes")
    try:
        text = json.dumps(read_json(raw.decode()))
    except ValueError as error:
        raise Rejected("bad-attestation", "JSON", str(error)[:100], "one attestation object (PEP 740)") from error
    fits(f"[{text}]", dist)
    return text

"""``sbom-describes``: the bill of materials names each file of what it is of, by its digest, and no other."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from customhouse.formats.plain import plain
from customhouse.release.actions import Look, Outcome, StepRun
from customhouse.release.checks.files import fetched, looked_at, told

_CHECK = "sbom-describes"


class SbomDescribes:
    """See the module."""

    def look(self, run: StepRun, outcome: Outcome | None) -> Look:
        """Compare each bill with what the pipeline says it describes."""
        faults: list[str] = []
        count = 0
        for name, things in looked_at(run, outcome).items():
            described = run.pipeline.artifact(name).describes
            if not described:
                continue
            made = run.inputs.get(described) or run.state.artifacts.get(described, ())
            wanted = {one.name: one.digest for one in made if one.algorithm == "sha256"}
            for thing in things:
                count += 1
                faults += _faults(fetched(run, thing), wanted)
        if not count:
            faults.append("there is no bill of materials")
        return Look(
            _CHECK, not faults, "each file with its SHA-256, and no other",
            told(faults) or f"{count} bills of the right files", run.step.id,
        )  # fmt: skip


def _faults(path: Path, wanted: Mapping[str, str]) -> list[str]:
    try:
        named = files_named(json.loads(path.read_bytes()))
    except (ValueError, KeyError, RecursionError, AttributeError, TypeError) as error:
        return [f"{path.name} cannot be read: {plain(str(error), 100)}"]
    faults = [f"{path.name} does not name {one}" for one in sorted(wanted.keys() - named)]
    faults += [f"{path.name} names {plain(one, 100)}, which is not there" for one in sorted(named.keys() - wanted)]
    return faults + [
        f"{path.name} gives {one} the SHA-256 {plain(named[one], 64)}, the file has {wanted[one]}"
        for one in sorted(wanted.keys() & named)
        if named[one] != wanted[one]
    ]


def files_named(bill: Mapping[str, Any]) -> dict[str, str]:
    """SHA-256 by name of the files that a CycloneDX or SPDX bill (JSON) is of, without what lies inside them."""
    if bill.get("bomFormat") == "CycloneDX":
        return {
            one["name"]: next((each["content"] for each in one.get("hashes", ()) if each["alg"] == "SHA-256"), "")
            for one in bill["metadata"]["component"].get("components", ())
            if one.get("type") == "file"
        }
    described = {
        one["relatedSpdxElement"]
        for one in bill["relationships"]
        if one["relationshipType"] == "DESCRIBES" and one["spdxElementId"] == "SPDXRef-DOCUMENT"
    }
    return {
        one["packageFileName"]: next(
            (each["checksumValue"] for each in one.get("checksums", ()) if each["algorithm"] == "SHA256"), ""
        )
        for one in bill["packages"]
        if one["SPDXID"] in described
    }

"""What is in the files: the SBOM itself as the predicate, SPDX or CycloneDX."""

from __future__ import annotations

import json

from customhouse.formats.strict_json import read_json
from customhouse.release.events import StepDone
from customhouse.release.evidence.statements import uris
from customhouse.release.evidence.statements.history import History
from customhouse.release.evidence.statements.statement import Statement, files, subjects_or_line
from customhouse.release.sealed import Sealed
from customhouse.release.things import Thing
from customhouse.terms.errors import Rejected

LONGEST = 4 * 2**20


def documents(told: History, line: Sealed) -> tuple[Thing, ...]:
    """The SBOMs that a step made: JSON files of an artifact that describes another one."""
    event = line.event
    if not isinstance(event, StepDone):
        return ()
    return tuple(
        thing
        for artifact, things in sorted(event.outputs.items())
        if told.pipeline.artifact(artifact).describes
        for thing in things
        if thing.name.endswith(".json") and thing.size_bytes <= LONGEST
    )


def sbom(told: History, line: Sealed, thing: Thing, body: bytes) -> Statement:
    """Of one document; raises `Rejected` if it is none. Its subjects are the files that it is of."""
    event = line.event
    assert isinstance(event, StepDone)  # noqa: S101 - whoever calls has looked
    try:
        document = read_json(body.decode())
    except ValueError as error:
        raise Rejected("bad-sbom", thing.name, f"is no JSON: {str(error)[:100]}", "SPDX or CycloneDX") from error
    if not isinstance(document, dict):
        raise Rejected("bad-sbom", thing.name, "is no JSON object", "SPDX or CycloneDX")
    of = [
        one
        for artifact, things in event.outputs.items()
        if thing in things
        for one in told.at(line).inputs.get(told.pipeline.artifact(artifact).describes, ())
    ]
    return Statement(_type(document, thing), files(of) or subjects_or_line([thing], line), document)


def _type(document: dict[str, object], thing: Thing) -> str:
    if document.get("bomFormat") == "CycloneDX":
        return uris.CYCLONEDX
    version = str(document.get("spdxVersion", "")).removeprefix("SPDX-")
    if version:
        return f"{uris.SPDX}/v{version}"
    if "@graph" in document and "spdx" in json.dumps(document.get("@context", "")):
        return f"{uris.SPDX}/v3"
    raise Rejected("bad-sbom", thing.name, "is neither", "SPDX or CycloneDX")

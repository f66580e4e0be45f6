"""What is served of a file's attestations (PEP 740), and the lines that people read of a SLSA provenance."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from customhouse.formats.attestations import SLSA, Statement

INTEGRITY = "application/vnd.pypi.integrity.v1+json"
"""What PyPI calls the media type of a provenance object."""
MAX_SHOWN = 300


@dataclass(frozen=True, slots=True)
class BuildSummary:
    """What a builder says of a build, cut to what people read. Empty where it says nothing.

    The certificate is what proves who signed; this is what he wrote (SLSA provenance 1.0).
    """

    builder: str = ""
    build_type: str = ""
    repository: str = ""
    commit: str = ""
    workflow: str = ""
    run: str = ""


def provenance_object(attested: Iterable[tuple[Mapping[str, Any], Mapping[str, Any]]]) -> dict[str, Any]:
    """The provenance object of one file from publishers and attestation objects: one bundle for each publisher."""
    bundles: dict[str, dict[str, Any]] = {}
    for publisher, attestation in attested:
        key = json.dumps(publisher, sort_keys=True)
        bundle = bundles.setdefault(key, {"publisher": dict(publisher), "attestations": []})
        bundle["attestations"].append(dict(attestation))
    return {"version": 1, "attestation_bundles": list(bundles.values())}


def build_summary(statement: Statement) -> BuildSummary:
    """The lines of a SLSA provenance. Its predicate may hold anything: what is no text is passed over."""
    if statement.predicate_type != SLSA:
        return BuildSummary()
    predicate = statement.predicate
    parameters = _at(predicate, "buildDefinition", "externalParameters")
    workflow = _at(parameters, "workflow")
    return BuildSummary(
        builder=_text(predicate, "runDetails", "builder", "id"),
        build_type=_text(predicate, "buildDefinition", "buildType"),
        repository=_plain(_text(workflow, "repository") or _text(parameters, "source", "uri")),
        commit=_commit(_at(predicate, "buildDefinition", "resolvedDependencies")),
        workflow=_text(workflow, "path"),
        run=_text(predicate, "runDetails", "metadata", "invocationId"),
    )


def _commit(dependencies: object) -> str:
    """The git commit of the first dependency that has one: SLSA puts the sources first."""
    for one in dependencies if isinstance(dependencies, list) else []:
        commit = _text(one, "digest", "gitCommit") or _text(one, "digest", "sha1")
        if commit:
            return commit
    return ""


def _plain(repository: str) -> str:
    """The address of a repository, without what says that it is one, and at which ref (SPDX download locations)."""
    return repository.removeprefix("git+").partition("@")[0].removesuffix(".git")


def _text(value: object, *keys: str) -> str:
    found = _at(value, *keys)
    return found[:MAX_SHOWN] if isinstance(found, str) and found.isprintable() else ""


def _at(value: object, *keys: str) -> object:
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value

"""How files were built: SLSA provenance, version 1 (https://slsa.dev/spec/v1.1/provenance).

One for the builder of a step, and one for each that built the same again. ``builder.id`` is the actor and his
environment, because that is the boundary which has to be trusted; what it rests on goes to ``resolvedDependencies``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from customhouse.release.events import Rebuilt, StepDone
from customhouse.release.evidence.statements import uris
from customhouse.release.evidence.statements.history import History
from customhouse.release.evidence.statements.statement import Statement, descriptor, moment, subjects_or_line
from customhouse.release.sealed import Sealed
from customhouse.release.things import Thing


def provenance(told: History, line: Sealed) -> Statement:
    """Of the line of `StepDone` or `Rebuilt`."""
    event = line.event
    assert isinstance(event, StepDone | Rebuilt)  # noqa: S101 - whoever calls has looked
    step, attempt, base = told.step(line), told.at(line), uris.base_of(told.created.places)
    rebuilt = isinstance(event, Rebuilt)
    actor = event.by if isinstance(event, Rebuilt) else step.actor
    env = step.rebuild.env if rebuilt and step.rebuild else step.env
    environment = told.pipeline.environment(env)
    made = [thing for things in event.outputs.values() for thing in things]
    # The machine says in its facts when it began; of a build that was only found done, nobody knows.
    began = attempt.started.at if attempt.started and not rebuilt else None
    metadata = {"invocationId": uris.run_step(base, told.run, step.id, event.attempt), "finishedOn": moment(line.at)}
    if began is not None:
        metadata["startedOn"] = moment(began)
    return Statement(
        uris.PROVENANCE,
        subjects_or_line(made, line),
        {
            "buildDefinition": {
                "buildType": uris.minted(base, *step.uses.split("."), "v1"),
                "externalParameters": {
                    "project": told.pipeline.project,
                    "parameters": dict(told.created.params),
                    "step": step.id,
                    "uses": step.uses,
                    "run": list(step.run),
                    "with": {key: _plain(value) for key, value in step.options.items()},
                },
                "internalParameters": {
                    "pipeline": {"digest": {"sha256": told.created.pipeline_sha256}},
                    "environment": {
                        "kind": environment.kind, "network": environment.network, "cache": environment.cache,
                        "ephemeral": environment.ephemeral,
                    },
                    "facts": dict(event.facts),
                    "again": rebuilt,
                },
                "resolvedDependencies": [*_sources(told, attempt.inputs), *_tools(event.facts)],
            },
            "runDetails": {
                "builder": {"id": uris.builder(base, actor, env)},
                "metadata": metadata,
                "byproducts": [{"name": f"journal/{line.seq}", "digest": {"sha256": line.hash}}],
            },
        },
    )  # fmt: skip


def _sources(told: History, inputs: Mapping[str, tuple[Thing, ...]]) -> list[dict[str, Any]]:
    """What came in. A commit or a tag is named with the repository that builders fetch from."""
    places = told.created.places
    repository = next((places[one]["url"] for one in ("upstream", "fork") if "url" in places.get(one, {})), "")
    found = []
    for artifact, things in sorted(inputs.items()):
        for thing in things:
            more = {"annotations": {"artifact": artifact}}
            if thing.algorithm.startswith("git"):
                # git+ and the address: the spelling of SPDX and of SLSA's own examples.
                found.append(descriptor(thing, uri=f"git+{repository}", **more) if repository else
                             descriptor(thing, **more))  # fmt: skip
            else:
                found.append(descriptor(thing, **more))
    return found


def _tools(facts: Mapping[str, str]) -> list[dict[str, Any]]:
    """Facts that are the SHA-256 of something: ``sha256:NAME`` or ``NAME.sha256``."""
    found = []
    for key, value in sorted(facts.items()):
        name = key.removeprefix("sha256:") if key.startswith("sha256:") else key.removesuffix(".sha256")
        if name != key and len(value) == 64:  # noqa: PLR2004 - hexadecimal digits of SHA-256
            found.append({"name": name, "digest": {"sha256": value}})
    return found


def _plain(value: object) -> Any:
    return list(value) if isinstance(value, tuple) else value

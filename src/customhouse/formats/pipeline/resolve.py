"""A pipeline for one run: every parameter checked, every ``{…}`` filled in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import NoReturn

from customhouse.formats.pipeline.model import Artifact, Pipeline, Step
from customhouse.formats.pipeline.parameters import value_fault
from customhouse.formats.pipeline.patterns import read_pattern
from customhouse.formats.pipeline.placeholders import filled
from customhouse.formats.toml_text.fault import shown, suggestion
from customhouse.terms.errors import Rejected

Option = str | int | bool | tuple[str, ...]


def resolve(pipeline: Pipeline, params: Mapping[str, str]) -> Pipeline:
    """The same pipeline with nothing left to fill in, except ``{artifact}`` in the names of signatures.

    Raises `Rejected` (code ``bad-parameter``) for a parameter that is unknown or missing, and for a value that does
    not match its pattern or that no pattern may let in. A value becomes part of the one argument in which it stands
    and is never read again. Twice is as good as once. Nothing is dropped: ``when`` is judged by `graph.applies`.
    """
    values = values_of(pipeline, params)
    return replace(
        pipeline,
        title=filled(pipeline.title, values),
        tag=values["tag"],
        artifacts=tuple(_artifact(one, values) for one in pipeline.artifacts),
        steps=tuple(_step(one, values) for one in pipeline.steps),
    )


def values_of(pipeline: Pipeline, params: Mapping[str, str]) -> dict[str, str]:
    """Every name that can stand in braces, with its value; raises `Rejected` as `resolve` does."""
    known = [one.name for one in pipeline.params]
    for name in params:
        if name not in known:
            _refuse(name, f"there is no parameter {shown(name)}", suggestion(name, known))
    values = {}
    for one in pipeline.params:
        value = params.get(one.name, one.default)
        if value is None:
            _refuse(one.name, "it is not given", f"--param {one.name}=VALUE that matches {one.pattern}")
        if fault := value_fault(value, read_pattern(one.pattern)):
            _refuse(one.name, *fault)
        values[one.name] = value
    values["project"] = pipeline.project
    values["tag"] = filled(pipeline.tag, values)
    return values


def _refuse(name: str, why: str, accepted: str) -> NoReturn:
    raise Rejected("bad-parameter", f"parameter {shown(name)}", why, accepted)


def _artifact(artifact: Artifact, values: Mapping[str, str]) -> Artifact:
    return replace(
        artifact,
        title=filled(artifact.title, values),
        names=tuple(filled(one, values) for one in artifact.names),
        version_in=filled(artifact.version_in, values),
    )


def _step(step: Step, values: Mapping[str, str]) -> Step:
    return replace(
        step,
        title=filled(step.title, values),
        run=tuple(filled(one, values) for one in step.run),
        gate=None if step.gate is None else replace(step.gate, ask=filled(step.gate.ask, values)),
        options={key: _option(value, values) for key, value in step.options.items()},
    )


def _option(value: Option, values: Mapping[str, str]) -> Option:
    if isinstance(value, str):
        return filled(value, values)
    if isinstance(value, tuple):
        return tuple(filled(one, values) for one in value)
    return value

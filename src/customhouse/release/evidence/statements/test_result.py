"""What was tested and came through: in-toto's test-result predicate, version 0.1."""

from __future__ import annotations

from customhouse.release.events import StepDone
from customhouse.release.evidence.statements import uris
from customhouse.release.evidence.statements.history import History
from customhouse.release.evidence.statements.statement import Statement, descriptor, subjects_or_line
from customhouse.release.sealed import Sealed


def test_result(told: History, line: Sealed) -> Statement:
    """Of the line of `StepDone`: a test that fails makes no such line, so the result is always PASSED.

    ``configuration`` names what the tests ran with: the definition of the pipeline, and each fact that was noted (the
    Pythons and the numbers of tests).
    """
    event = line.event
    assert isinstance(event, StepDone)  # noqa: S101 - whoever calls has looked
    step = told.step(line)
    tested = [thing for things in (*told.at(line).inputs.values(), *event.outputs.values()) for thing in things]
    return Statement(
        uris.TEST_RESULT,
        subjects_or_line(tested, line),
        {
            "result": "PASSED",
            "configuration": [
                {
                    "name": "pipeline",
                    "digest": {"sha256": told.created.pipeline_sha256},
                    "annotations": {"step": step.id, "uses": step.uses, "run": list(step.run), "env": step.env},
                },
                *(
                    descriptor(thing, annotations={"artifact": name})
                    for name, things in sorted(told.at(line).inputs.items())
                    for thing in things
                    if thing.algorithm != "sha256"
                ),
            ],
            "passedTests": [f"{key}: {value}" for key, value in sorted(event.facts.items())],
            "warnedTests": [],
            "failedTests": [],
        },
    )

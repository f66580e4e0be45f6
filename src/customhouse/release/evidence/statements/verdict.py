"""What a run found at its ends: a simple verification result after the fetch, and SLSA's summary as the last word."""

from __future__ import annotations

from customhouse.formats.pipeline.model import Environment, Pipeline, Step
from customhouse.release.events import Attested, Checked, Published, StepDone
from customhouse.release.evidence.statements import uris
from customhouse.release.evidence.statements.history import History
from customhouse.release.evidence.statements.release import package_url
from customhouse.release.evidence.statements.statement import Statement, files, moment, subjects_or_line
from customhouse.release.sealed import Sealed

SLSA_VERSION = "1.1"


def simple_result(told: History, line: Sealed) -> Statement:
    """Of the line of `StepDone` of the fetch: each check that held in the run by then, by its name."""
    event = line.event
    assert isinstance(event, StepDone)  # noqa: S101 - whoever calls has looked
    base, then = uris.base_of(told.created.places), told.until(line)
    held = {
        one.event.check
        for one in then.lines
        if isinstance(one.event, Checked) and one.event.ok and then.newest.get(one.event.step) == one.event.attempt
    }
    fetched = [thing for things in (*told.at(line).inputs.values(), *event.outputs.values()) for thing in things]
    return Statement(
        uris.SIMPLE_RESULT,
        subjects_or_line(fetched, line),
        {
            "verifier": {"id": uris.minted(base, "release-engine")},
            "timeVerified": moment(line.at),
            "properties": [uris.minted(base, "check", name) for name in sorted(held)],
        },
    )


def verdict(told: History, line: Sealed) -> Statement:
    """Of the last step's line: SLSA's verification summary (https://slsa.dev/spec/v1.1/verification_summary).

    ``inputAttestations`` are all statements of the run up to then, by the digest of their bundles.
    """
    base, then = uris.base_of(told.created.places), told.until(line)
    published = [
        thing
        for one in then.lines
        if isinstance(one.event, Published) and then.newest.get(one.event.step) == one.event.attempt
        for thing in one.event.things
    ]
    return Statement(
        uris.VERDICT,
        files(published),
        {
            "verifier": {"id": uris.minted(base, "release-engine")},
            "timeVerified": moment(line.at),
            "resourceUri": package_url(told.pipeline.project, told.created.params.get("version", "")),
            "policy": {
                "uri": uris.minted(base, "pipeline", told.pipeline.project, str(told.created.pipeline_version)),
                "digest": {"sha256": told.created.pipeline_sha256},
            },
            "inputAttestations": [
                {"uri": one.event.bundle.name, "digest": {"sha256": one.event.bundle.digest}}
                for one in told.attested
                if isinstance(one.event, Attested) and one.event.predicate_type != uris.VERDICT
            ],
            "verificationResult": "PASSED",
            "verifiedLevels": [f"SLSA_BUILD_LEVEL_{level(told.pipeline)}"],
            "slsaVersion": SLSA_VERSION,
        },
    )


def level(pipeline: Pipeline) -> int:
    """The level of SLSA's build track that the pipeline can claim, that of its weakest build.

    1: there is provenance. 2: it is signed by a build service and not by whoever ran it. 3: that service isolates
    builds: each begins anew, without a cache and without a network. Handed-in files have level 1 at most.
    """
    builds = [step for step in pipeline.steps if step.uses.startswith("build.") or step.uses == "external.hand_in"]
    return min((_level(step, pipeline.environment(step.env)) for step in builds), default=0)


def _level(step: Step, env: Environment) -> int:
    if env.kind != "ci" or step.uses == "external.hand_in":
        return 1
    return 3 if env.ephemeral and not env.cache and env.network == "none" else 2

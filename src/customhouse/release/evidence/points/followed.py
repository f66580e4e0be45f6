"""Point 3: the run followed its pipeline to the end, and the pipeline is the one that is expected."""

from __future__ import annotations

from customhouse.formats.pipeline import graph
from customhouse.release.evidence.points.case import Case, Finding, Point, fails, holds, some, unknown


def followed(case: Case) -> Point:
    """Every event was one that could happen then (`rules.replay` has refused otherwise); here is where it led."""
    findings = [*_end(case), *_steps(case), *_which(case)]
    rests = "whoever wrote the pipeline" if _is_known(case) else "the pipeline of this bundle"
    return Point(3, "Pipeline", tuple(findings), rests)


def _end(case: Case) -> list[Finding]:
    state = case.state
    if state.rehearsal:
        return [fails("it was a rehearsal: nobody was asked, and nothing of it is a release")]
    if state.published_at is None:
        return [fails(f"it never published anything; it is {state.status}")]
    if state.status != "released":
        return [fails(f"it published, and has not come to its end: it is {state.status}")]
    return [holds(f"it came to its end, published {state.published_at:%Y-%m-%d %H:%M:%S} UTC")]


def _steps(case: Case) -> list[Finding]:
    state = case.state
    skipped = [name for name, one in state.steps.items() if one.status == "skipped"]
    wrong = [name for name in skipped if graph.applies(state.pipeline.step(name), state.params)]
    undone = [name for name, one in state.steps.items() if one.status not in ("done", "skipped")]
    if wrong or undone:
        return [fails(f"the step {name} was left out") for name in (*wrong, *undone)]
    again = sum(one.attempt - 1 for one in state.steps.values())
    rest = f", {len(skipped)} not of this run" if skipped else ""
    rest += f", {some(again, 'attempt')} over again" if again else ""
    return [holds(f"{some(len(state.steps) - len(skipped), 'step')} done, each in its order{rest}")]


def _is_known(case: Case) -> bool:
    return case.state.pipeline_sha256 in known_pipelines(case)


def known_pipelines(case: Case) -> set[str]:
    """The digests of pipelines that did not come with the bundle."""
    remembered = case.brought.remembered
    return {case.brought.pipeline_sha256, remembered.pipeline_sha256 if remembered is not None else ""} - {""}


def _which(case: Case) -> list[Finding]:
    version, sha256 = case.state.pipeline.version, case.state.pipeline_sha256
    findings = []
    remembered = case.brought.remembered
    if case.brought.pipeline_sha256:
        if case.brought.pipeline_sha256 != sha256:
            return [fails(f"its pipeline is sha256:{sha256[:16]}…, and yours {case.brought.pipeline_sha256[:16]}…")]
        findings.append(holds(f"its pipeline (version {version}) is the one that you brought"))
    if remembered is not None and remembered.pipeline_version:
        if version < remembered.pipeline_version:
            findings.append(
                fails(f"its pipeline is version {version}; you have seen version {remembered.pipeline_version} before")
            )
        elif version == remembered.pipeline_version and sha256 != remembered.pipeline_sha256:
            findings.append(fails(f"its pipeline is another version {version} than the one that you have seen"))
        elif sha256 == remembered.pipeline_sha256:
            findings.append(holds(f"its pipeline (version {version}) is the one that you remember"))
        elif case.brought.pipeline_sha256:
            findings.append(holds(f"its pipeline (version {version}) is none that was put back"))
        else:
            findings.append(
                unknown(
                    f"its pipeline is version {version}, and you know version {remembered.pipeline_version}: who may "
                    "release is the bundle's own word; bring the new one: --pipeline or --repo"
                )
            )
    if not findings:
        findings.append(unknown("who may release is the bundle's own word; bring the pipeline: --pipeline or --repo"))
    return findings

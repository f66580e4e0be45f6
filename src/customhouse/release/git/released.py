"""What the journal says of this release's commits and tag, for git steps and their checks."""

from __future__ import annotations

from customhouse.formats.pipeline.model import Step
from customhouse.release.actions import Problem, StepRun
from customhouse.release.git.git import Git
from customhouse.release.git.names import branch_ref, object_id, tag_ref
from customhouse.release.git.repository import Repository
from customhouse.release.things import Thing, Things

FREEZE, SYNC, COMMIT = "git.freeze", "git.sync", "git.commit_and_tag"
UPSTREAM_AT = "upstream_at"
"""The fact of a sync that says where upstream's branch was."""


def repository(run: StepRun) -> Repository:
    """The run's clone."""
    return Repository(run.repository, Git(run.children))


def branch(run: StepRun) -> str:
    """The ref of the branch that is released."""
    named = run.step.options.get("branch") or _option_of(run, FREEZE, "branch") or run.params.get("branch") or "main"
    return branch_ref(str(named))


def tag(run: StepRun) -> str:
    """The ref of the tag that is released."""
    return tag_ref(run.params["tag"])


def frozen(run: StepRun) -> str:
    """The commit that the release starts from: what was frozen, or what the fork was brought to; raises `Problem`."""
    found = _of_step(run, FREEZE, "gitCommit") or _of_step(run, SYNC, "gitCommit")
    if not found:
        raise Problem(
            "not-frozen", "no step has said which commit the release starts from",
            "a step git.freeze or git.sync with an output of type git-commit", place=run.step.id,
            next_step='Put it first, with out = ["frozen"].',
        )  # fmt: skip
    return object_id(found)


def upstream_at(run: StepRun) -> str:
    """Where upstream's branch was when the release started: there it must still be in the end; raises `Problem`."""
    step = step_using(run, SYNC)
    state = run.state.steps.get(step.id) if step is not None else None
    noted = state.facts.get(UPSTREAM_AT, "") if state is not None else ""
    return _of_step(run, FREEZE, "gitCommit") or noted or frozen(run)


def released(run: StepRun) -> tuple[str, str]:
    """The release's commit and its tag's object; raises `Problem` before both are made."""
    commit, tagged = _of_step(run, COMMIT, "gitCommit"), _of_step(run, COMMIT, "gitTag")
    if not commit or not tagged:
        raise Problem(
            "not-committed", "no step has made the release's commit and tag yet", "a step git.commit_and_tag",
            place=run.step.id, next_step="Put git.commit_and_tag before this step, with its commit and its tag as out.",
        )  # fmt: skip
    return object_id(commit), object_id(tagged)


def own_tag(run: StepRun) -> str:
    """The object of the release's tag, "" before it is made."""
    return _of_step(run, COMMIT, "gitTag")


def step_using(run: StepRun, action: str) -> Step | None:
    """The pipeline's first step that uses an action."""
    return next((step for step in run.pipeline.steps if step.uses == action), None)


def outputs(run: StepRun, **digests: tuple[str, str]) -> dict[str, Things]:
    """Things for the step's outputs: a name and a digest by type (``git_commit``, ``git_tag``, ``tree``)."""
    kinds = {"git-commit": "gitCommit", "git-tag": "gitTag", "tree": "gitTree"}
    made: dict[str, Things] = {}
    for artifact in map(run.pipeline.artifact, run.step.outputs):
        given = digests.get(artifact.type.replace("-", "_"))
        if given is not None and artifact.type in kinds:
            name, digest = given
            made[artifact.id] = (Thing(name, kinds[artifact.type], digest),)  # type: ignore[arg-type]  # of the table
    return made


def _of_step(run: StepRun, action: str, algorithm: str) -> str:
    step = step_using(run, action)
    for name in step.outputs if step is not None else ():
        made = run.state.steps[step.id].outputs.get(name, ()) if step is not None else ()
        for thing in (*run.inputs.get(name, ()), *made, *run.state.artifacts.get(name, ())):
            if thing.algorithm == algorithm:
                return thing.digest
    return ""


def _option_of(run: StepRun, action: str, option: str) -> str:
    step = step_using(run, action)
    return str(step.options.get(option, "")) if step is not None else ""

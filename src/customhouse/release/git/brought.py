"""The release's commit and tag on a machine that did not make them: another one of its actor has taken over.

They are fetched from the fork, by their refs, and are the ones that the journal names or none.
"""

from __future__ import annotations

from customhouse.release.actions import Problem, StepRun
from customhouse.release.git.released import branch, released, repository, tag, upstream_at
from customhouse.release.git.remotes import fork, upstream
from customhouse.release.git.repository import Repository

_BROUGHT = "refs/remotes/brought"


def with_release(run: StepRun) -> Repository:
    """The run's clone, which holds commit, tag and where upstream was; raises `Problem`."""
    clone = repository(run)
    commit, tagged = released(run)
    wanted = ((upstream_at(run), "commit"), (commit, "commit"), (tagged, "tag"))
    clone.make(commit)
    for place in (upstream(run), fork(run)):
        if all(clone.has(oid, kind) for oid, kind in wanted):
            break
        there = place.refs(branch(run), tag(run))
        wishes = [
            f"+{ref}:{_BROUGHT}/{place.name}/{ref.removeprefix('refs/')}"
            for ref in (branch(run), tag(run))
            if ref in there
        ]
        if wishes:  # without one git would want its HEAD
            place.fetch(clone.path, *wishes)
    missing = [oid for oid, kind in wanted if not clone.has(oid, kind)]
    if missing:
        raise Problem(
            "commit-gone", "it has the release's commit and tag no more", ", ".join(missing), place=fork(run).name,
            next_step="Push them there from the machine that made them, or restart from the step that makes them.",
        )  # fmt: skip
    return clone

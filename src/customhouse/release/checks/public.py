"""What strangers see: nothing before a release is published, and exactly what was signed afterwards."""

from __future__ import annotations

import os
from collections.abc import Iterator

from customhouse.client.problem import Declined
from customhouse.formats.plain import plain
from customhouse.release.actions import Look, Outcome, Problem, StepRun
from customhouse.release.git.released import repository, upstream_at
from customhouse.release.ship.case import case_id, case_of
from customhouse.release.ship.compare import compare, digests
from customhouse.release.ship.download_folder import folder_of
from customhouse.release.ship.index_door import index_door, index_of, project_of, version_in
from customhouse.release.ship.portions import is_folder, portions
from customhouse.release.ship.public_page import published_digests, stranger
from customhouse.release.ship.signed import signed_files

_SECONDS = 60.0
_SHOWN = ("index.stage", "index.publish", "index.fetch_back")


class NothingPublic:
    """``nothing-public``: no tag, branch or commit upstream, no page, no file, no advisory tells of the release yet."""

    def look(self, run: StepRun, outcome: Outcome | None) -> Look:
        """Look as strangers do; at the case, as its member. The first leak is what was seen."""
        name, expected = "nothing-public", "nothing that tells of it"
        over = run.state.published_at is not None or (run.step.uses == "index.publish" and outcome is not None)
        fault = None if over else _first(run)
        if fault is not None:
            return Look(name, ok=False, expected=expected, saw=fault[0], place=fault[1])
        return Look(name, ok=True, expected=expected, saw="nothing")


class FetchedBack:
    """``fetched-back``: each file that was signed and published came back with its digest, and no other."""

    def look(self, run: StepRun, outcome: Outcome | None) -> Look:
        """Compare what the step has fetched with what was signed, and with what comes in."""
        name = "fetched-back"
        facts = outcome.facts if outcome is not None else {}
        if outcome is None:
            return Look(name, ok=True, expected="what was signed", saw="nothing is fetched yet")
        seen = {key.removeprefix("fetched:"): value for key, value in facts.items() if key.startswith("fetched:")}
        wanted = digests(portions(run).all)
        found = compare(wanted, seen)
        if found:
            return Look(name, ok=False, expected=found.expected, saw=found.sentence, place=run.step.env)
        signed = digests(signed_files(run))
        other = sorted(one for one in seen if one in signed and signed[one] != seen[one])
        if other:
            return Look(name, ok=False, expected=signed[other[0]], saw=f"{other[0]}: {seen[other[0]]}", place="signed")
        return Look(name, ok=True, expected="what was signed", saw=f"{len(seen)} files, each with its digest")


def _first(run: StepRun) -> tuple[str, str] | None:
    try:
        return next(_leaks(run), None)
    except Problem as problem:
        # Who cannot look cannot say that nothing is there.
        return f"it cannot be seen: {problem.saw}", problem.place


def _leaks(run: StepRun) -> Iterator[tuple[str, str]]:
    """What tells of the release already, and where."""
    yield from _refs(run)
    for env in sorted({step.env for step in run.pipeline.steps if step.uses in _SHOWN}):
        if is_folder(run.place(env)):
            yield from _folder(run, env)
            continue
        yield from _index(run, env)
        if run.place(env).get("files"):
            yield from _folder(run, run.place(env)["files"])
        if case_id(run):
            yield from _case(run, env)


def _refs(run: StepRun) -> Iterator[tuple[str, str]]:
    """The tag, or a branch or tag at a commit of the release, on every remote that strangers read (`git.push_last`)."""
    ref, ours = f"refs/tags/{run.pipeline.tag}", _unpublished(run)
    for env in sorted({step.env for step in run.pipeline.steps if step.uses in ("git.freeze", "git.push_last")}):
        url = run.place(env).get("url", "")
        if not url:
            continue
        environment = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0"}
        asked = ["git", "ls-remote", "--heads", "--tags", "--", url]
        done = run.children.run(asked, env=environment, timeout=_SECONDS)
        if not done.ok:
            raise Problem("unavailable", f"git ls-remote: {done.tail[:200]}", place=url)
        for line in done.out.splitlines():
            oid, _, name = line.partition("\t")
            if name == ref:
                yield f"the tag {run.pipeline.tag} is there", url
            elif oid in ours:
                yield f"{plain(name, 200)} is at {oid}, which this release alone should have", url


def _unpublished(run: StepRun) -> set[str]:
    """Object ids that upstream did not have when the release began: commit, tag, and what a private fork has before."""
    made = {
        thing.digest
        for artifact in run.pipeline.artifacts
        for thing in run.state.artifacts.get(artifact.id, ())
        if thing.algorithm in ("gitCommit", "gitTag")
    }
    clone = repository(run)
    if not made or not clone.there:
        return made - _known(run)
    commits = sorted(one for one in made if clone.has(one))
    known = sorted(one for one in _known(run) if clone.has(one))
    if not known:
        return made
    between = clone.ask("rev-list", *commits, *(f"^{one}" for one in known)).split() if commits else []
    return (made | set(between)) - set(known)


def _known(run: StepRun) -> set[str]:
    """Where upstream's branch was; empty before anybody has looked."""
    try:
        return {upstream_at(run)}
    except Problem:
        return set()


def _index(run: StepRun, env: str) -> Iterator[tuple[str, str]]:
    index, project, version = index_of(run, env), project_of(run, env), version_in(run)
    with stranger() as public:
        seen = published_digests(public, index, project, version)
        if seen:
            yield f"{min(seen)} is on the simple page", index.simple(project)
        page = index.page(project, version)
        if public.get(page, 4 * 2**20) is not None:
            yield f"the page of {version} is there", page


def _folder(run: StepRun, env: str) -> Iterator[tuple[str, str]]:
    folder = folder_of(run, env)
    if folder.public.exists():
        yield "the folder of this version is public", str(folder.public)


def _case(run: StepRun, env: str) -> Iterator[tuple[str, str]]:
    with index_door(run, env) as door:
        try:
            case = case_of(run, door)
        except Declined as declined:
            raise Problem(declined.code or "declined", str(declined), place=f"case {case_id(run)}") from declined
    if case.state in ("published", "closed"):
        yield "the case is published", case.page or case.id
    elif case.given_up:
        yield f"the case is {case.state}: nothing of it is to be published", case.page or case.id

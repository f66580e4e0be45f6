"""Point 8: the files and the repository that somebody has are those of the release."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from customhouse.formats.plain import plain
from customhouse.release.actions import Problem
from customhouse.release.children import Children
from customhouse.release.evidence.points.case import Case, Finding, Point, fails, holds, unasked, unknown
from customhouse.release.evidence.points.handovers import published_things
from customhouse.release.git.git import Git
from customhouse.release.signing.gpg import fingerprint_of, verify_detached


def yours(case: Case) -> Point:
    """``--artifact`` and ``--repo``."""
    findings: list[Finding] = []
    for path in case.brought.artifacts:
        findings += _artifact(case, path)
    if case.brought.repository is not None:
        findings += _repository(case, case.brought.repository)
    if not findings:
        findings.append(unasked("no file and no repository of yours was compared: --artifact, --repo"))
    return Point(8, "Yours", tuple(findings), "your own copies")


def _artifact(case: Case, path: Path) -> Iterator[Finding]:
    if path.exists() and not path.is_file():
        yield fails(f"{path.name} is no plain file")
        return
    try:
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        yield fails(f"{path.name} cannot be read: {error.strerror}")
        return
    found = [one for one in published_things(case) if one.digest == digest]
    if not found:
        yield fails(f"{path.name} (sha256 {digest[:16]}…) is no file of this release")
        return
    same = path.name in {one.name for one in found}
    yield (
        holds(f"{path.name} is a file of this release")
        if same
        else fails(f"{path.name} has the bytes of {found[0].name}, under another name")
    )
    yield from _gpg(case, path, found[0].name)


def _gpg(case: Case, path: Path, name: str) -> Iterator[Finding]:
    """An OpenPGP signature is over the bytes themselves, so it is verified when the file is there."""
    signature = case.bundle.members.get(f"signatures/{name}.asc")
    if signature is None:
        return
    try:
        keys = {fingerprint_of(one.removeprefix("gpg:")): one for one in _granted(case)}
    except Problem as problem:
        yield fails(f"{name}.asc: {problem.saw}")
        return
    known = {key: case.bundle.members.get(f"trust/gpg-{key}.asc") for key in keys}
    tried = ""
    for key, public in known.items():
        if public is None:
            continue
        try:
            signed = verify_detached(
                Children(), signature.decode("utf-8", "replace"), path.absolute(), key=key,
                public=public.decode("utf-8", "replace"), where=f"{name}.asc",
            )  # fmt: skip
        except FileNotFoundError:
            yield unknown(f"{name}.asc: there is no program gpg here to verify it")
            return
        except Problem as problem:
            tried = problem.saw
            continue
        yield holds(f"{name}.asc is by the key {signed.fingerprint[-16:]}, which the pipeline names")
        return
    yield fails(f"{name}.asc: {tried}") if tried else unknown(f"{name}.asc: the bundle has no key for it")


def _granted(case: Case) -> list[str]:
    """The keys that were released to signing: others that the pipeline names sign other things."""
    grants = [grant.key for step in case.state.steps.values() for grant in step.grants]
    return [one for one in dict.fromkeys(grants) if one.startswith("gpg:")]


def _repository(case: Case, path: Path) -> Iterator[Finding]:
    git = Git(Children())
    tag = case.state.pipeline.tag
    try:
        oid = git.ask("rev-parse", "--verify", "--end-of-options", f"refs/tags/{tag}", at=path)
        commit = git.ask("rev-parse", "--verify", "--end-of-options", f"refs/tags/{tag}^{{commit}}", at=path)
        tree = git.ask("ls-tree", "--name-only", "-z", commit, at=path).split("\0")
    except Problem as problem:
        yield fails(f"the tag {tag} in {path}: {plain(problem.saw, 160)}")
        return
    for kind, seen in (("git-tag", oid), ("git-commit", commit)):
        made = _made(case, kind)
        if not made:
            yield unknown(f"the release names no {kind.removeprefix('git-')} to compare {seen[:12]}… with")
        elif seen not in made:
            yield fails(f"the {kind.removeprefix('git-')} of {tag} is {seen[:16]}… here, and {made[-1][:16]}… in it")
        else:
            yield holds(f"the {kind.removeprefix('git-')} of {tag} is {seen[:12]}…, as in your repository")
    name = _pipeline_in(git, path, commit, tree, case.state.pipeline_sha256)
    if name:
        yield holds(f"its pipeline is the file {plain(name, 80)} of that commit")
    elif case.brought.pipeline_sha256 == case.state.pipeline_sha256:
        yield holds("its pipeline is the one that you brought")
    else:
        yield unknown("its pipeline is not a file at the top of that commit: compare it with the one that you know")


def pipeline_of_repository(git: Git, path: Path, ref: str, sha256: str) -> str:
    """Whether a file of this commit is the pipeline of this digest: the digest, or nothing.

    It stands at the top. What lies deeper may be an example, or a test, which anybody has contributed.
    """
    try:
        tree = git.ask("ls-tree", "--name-only", "-z", ref, at=path).split("\0")
    except Problem:
        return ""
    return sha256 if _pipeline_in(git, path, ref, tree, sha256) else ""


def _pipeline_in(git: Git, path: Path, commit: str, tree: list[str], sha256: str) -> str:
    for name in tree:
        if not name.endswith(".toml"):
            continue
        try:
            ran = git.run(["cat-file", "blob", f"{commit}:{name}"], at=path)
        except Problem:
            continue
        if ran.ok and hashlib.sha256(ran.out.encode()).hexdigest() == sha256:
            return name
    return ""


def _made(case: Case, kind: str) -> list[str]:
    return [
        thing.digest
        for artifact in case.state.pipeline.artifacts
        if artifact.type == kind
        for thing in case.state.artifacts.get(artifact.id, ())
    ]

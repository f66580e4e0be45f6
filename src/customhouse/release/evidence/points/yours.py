"""Point 8: the files and the repository that somebody has are those of the release."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path

from customhouse.formats.plain import plain
from customhouse.release.actions import Problem
from customhouse.release.children import Children
from customhouse.release.events import SignedThing
from customhouse.release.evidence.bundle import gpg_member
from customhouse.release.evidence.points.case import Case, Finding, Point, fails, holds, unasked, unknown
from customhouse.release.evidence.points.handovers import published_things
from customhouse.release.evidence.points.openpgp import NO_PROGRAM
from customhouse.release.git.git import Git
from customhouse.release.git.released import COMMIT
from customhouse.release.signing.gpg import fingerprint_of, verify_detached

_PGP, _SSH = "-----BEGIN PGP SIGNATURE-----", "-----BEGIN SSH SIGNATURE-----"


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
    yield _by_openpgp(
        case, signature.decode("utf-8", "replace"), path.absolute(), _granted(case), _signed_at(case, f"{name}.asc"),
        f"{name}.asc", f"{name}.asc is",
    )  # fmt: skip


def _by_openpgp(
    case: Case, signature: str, signed: Path | bytes, identities: Iterable[str], at: datetime | None, where: str,
    signed_is: str,
) -> Finding:  # fmt: skip
    """Whether one of these ``gpg:`` identities has signed, with the public key that the bundle has of it.

    ``signed_is`` begins the sentence that says so: ``sealed-1.0.tar.gz.asc is``.
    """
    tried = ""
    for identity in identities:
        try:
            key = fingerprint_of(identity.removeprefix("gpg:"))
            public = case.bundle.members.get(gpg_member(key))
            if public is None:
                continue
            found = verify_detached(
                Children(), signature, signed, key=key, public=public.decode("utf-8", "replace"), where=where, at=at
            )
        except Problem as problem:
            if problem.code == "no-gpg":
                return unknown(f"{where}: {NO_PROGRAM}")
            tried = problem.saw
            continue
        return holds(f"{signed_is} by the OpenPGP key {found.fingerprint}, which the pipeline names")
    return fails(f"{where}: {plain(tried, 200)}") if tried else unknown(f"{where}: the bundle has no key for it")


def _signed_at(case: Case, name: str) -> datetime | None:
    """When the journal says that this signature was made."""
    times = [
        line.at
        for line in case.bundle.lines
        if isinstance(line.event, SignedThing) and line.event.signature.name == name
    ]
    return times[-1] if times else None


def _granted(case: Case) -> list[str]:
    """The keys that were released to signing: others that the pipeline names sign other things."""
    grants = [grant.key for step in case.state.steps.values() for grant in step.grants]
    return [one for one in dict.fromkeys(grants) if one.startswith("gpg:")]


def _signature_of_tag(case: Case, text: str) -> Finding:
    """Who has signed the tag, by the keys that the pipeline names for the actor whose step made it."""
    tag = case.state.pipeline.tag
    where = f"the signature of the tag {tag}"
    message, begin, rest = text.rpartition(_PGP)  # the last: the message may speak of one, too
    if not begin and _SSH in text:
        return unasked(f"{where} is by an SSH key, and pipelines name none: git verify-tag {tag}, with your own list")
    if not begin:
        return unasked(f"the tag {tag} carries no signature")
    step = next(iter(case.told.used(COMMIT)), None)
    identities = case.state.pipeline.actor(step.actor).identities if step else ()
    keys = [one for one in identities if one.startswith("gpg:")]
    if step is None or not keys:
        return unasked(f"{where} is by an OpenPGP key, and the pipeline names none of {step.actor if step else 'it'}")
    done = case.told.attempt(step.id).done
    at = done.at if done else None
    return _by_openpgp(case, begin + rest, message.encode(), keys, at, where, f"the tag {tag} is signed")


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
    if oid in _made(case, "git-tag"):
        yield _signature_of_tag(case, git.run(["cat-file", "tag", oid], at=path).out)
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

"""Point 4: what was built is what was staged, tested, signed, published and fetched back; recomputed, not believed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from customhouse.release.events import Checked, Published, SignedThing
from customhouse.release.evidence.bundle import SBOMS
from customhouse.release.evidence.points.case import Case, Finding, Point, either, fails, holds, some, unasked
from customhouse.release.evidence.points.handed_in import handed_in, is_handed_in
from customhouse.release.evidence.statements import uris
from customhouse.release.evidence.statements.statement import Statement, read_statement
from customhouse.release.standing import flat, inputs_of
from customhouse.release.things import Thing
from customhouse.terms.errors import Rejected

Digests = Mapping[str, str]
"""SHA-256 (or a git object's id) by name."""


def handovers(case: Case) -> Point:
    """Inputs and outputs, the published files, signatures, checks, and what the statements say of all that."""
    findings = [
        *either(list(_inputs(case)), _counted(case)),
        *either(list(_published(case)), "what was published and fetched back is what was tested and signed"),
        *either(list(_signatures(case)), "each file that had to be signed is signed in each way"),
        *_unopened(case),
        *either(list(_commit(case)), "commit and tag are the same wherever they were used and seen"),
        *either(list(_checks(case)), "each check that the pipeline demands was made, and held"),
        *_statements(case),
        *handed_in(case),
    ]
    return Point(4, "Hand-overs", tuple(findings), "the machines that hashed what they took and made")


def _inputs(case: Case) -> Iterator[str]:
    """What each step took is what the steps before it made: name by name, none more, none less."""
    state = case.state
    for step in state.pipeline.steps:
        found = state.steps[step.id]
        if found.status != "done":
            continue
        made = inputs_of(state, step)
        for artifact in step.inputs:
            if artifact in step.outputs:
                continue  # it replaced what it took; what came in is compared by the rules at its start
            yield from _differs(f"{step.id} took {artifact}", _by_name(made[artifact]),
                                _by_name(found.inputs.get(artifact, ())))  # fmt: skip


def _published(case: Case) -> Iterator[str]:
    """Of the files that are published: the same digest at every step that had a file of this name."""
    published = _by_name(published_things(case))
    if not published:
        yield "nothing was published"
        return
    for name, one in case.state.steps.items():
        for word, things in (("took", flat(one.inputs)), ("made", flat(one.outputs))):
            for thing in things:
                if thing.algorithm == "sha256" and published.get(thing.name, thing.digest) != thing.digest:
                    yield f"{name} {word} another {thing.name} ({thing.digest[:16]}…) than was published"
    for step in case.told.used("index.fetch_back", "index.stage"):
        outputs = _by_name(flat(case.state.steps[step.id].outputs))
        if case.state.steps[step.id].status == "done" and outputs:
            missing = sorted(published.keys() - outputs.keys())
            if missing and step.uses == "index.fetch_back":
                yield f"{step.id} did not get {missing[0]} back"
    tests = [step for step in case.state.pipeline.steps if step.uses.startswith("test.")]
    tested = {
        thing.name for step in tests for thing in flat(case.state.steps[step.id].inputs) if thing.algorithm == "sha256"
    }
    if tests and (untested := sorted(name for name in _dists(case) & published.keys() if name not in tested)):
        yield f"{untested[0]} was published and never tested"


def _dists(case: Case) -> set[str]:
    """The names of files that are neither signatures nor bills of materials."""
    pipeline = case.state.pipeline
    return {
        thing.name
        for artifact in pipeline.artifacts
        if artifact.type == "files" and not artifact.covers and not artifact.describes
        for thing in case.state.artifacts.get(artifact.id, ())
    }


def _signatures(case: Case) -> Iterator[str]:
    for step in case.state.pipeline.steps:
        found = case.state.steps[step.id]
        if not step.uses.startswith("sign.") or found.status != "done":
            continue
        made = {thing.name: thing.digest for thing in flat(found.outputs)}
        done = {(one.thing.name, one.thing.digest, one.how) for one in found.signed}
        for one in found.signed:
            if made.get(one.signature.name) != one.signature.digest:
                yield f"the signature {one.signature.name} is not what {step.id} made"
            yield from _kept(case, one, [grant.key for grant in found.grants])
        for how in sorted(_ways(step.options.get("how"), found.signed)):
            for thing in flat(found.inputs):
                if thing.algorithm == "sha256" and (thing.name, thing.digest, how) not in done:
                    yield f"{thing.name} has no signature by {how}"


def _kept(case: Case, one: SignedThing, keys: Iterable[str]) -> Iterator[str]:
    member = f"signatures/{one.signature.name}"
    if member not in case.bundle.members:
        yield f"the signature {one.signature.name} is not in the bundle"
    elif one.how == "sigstore" and member not in case.signatures:
        yield f"the signature {one.signature.name} was not verified"
    elif one.how == "sigstore":
        identity = f"oidc:{one.issuer}#{one.identity}"
        proved = case.signatures[member]
        if not proved.is_one_of((identity,)):
            yield f"{one.signature.name} is by {proved.shown}, and not by {one.identity}"
        granted = tuple(key for key in keys if key.startswith("oidc:"))
        if not proved.is_one_of(granted):
            yield f"{one.signature.name} is by {proved.shown}, and the key was released to {', '.join(granted)}"


def _unopened(case: Case) -> list[Finding]:
    """OpenPGP signatures are over the bytes, which the bundle does not hold."""
    number = sum(one.how == "gpg" for step in case.state.steps.values() for one in step.signed)
    if not number:
        return []
    return [unasked(f"{some(number, 'OpenPGP signature')} can be verified with the files only: --artifact")]


def _ways(said: object, signed: Iterable[SignedThing]) -> set[str]:
    if isinstance(said, str):
        return {said}
    if isinstance(said, tuple):
        return {str(one) for one in said}
    return {one.how for one in signed}


def _commit(case: Case) -> Iterator[str]:
    """One commit, one tag; and every remote that has the tag had this one, from the push on."""
    state = case.state
    for artifact in state.pipeline.artifacts:
        things = state.artifacts.get(artifact.id, ())
        if artifact.type in ("git-commit", "git-tag") and len({one.digest for one in things}) > 1:
            yield f"{artifact.id} is {len(things)} different objects"
    tags = {
        one.digest
        for artifact in state.pipeline.artifacts
        if artifact.type == "git-tag"
        for one in state.artifacts.get(artifact.id, ())
    }
    wanted = f"refs/tags/{state.pipeline.tag}"
    for (remote, ref), oid in sorted(state.refs.items()):
        if ref == wanted and oid and tags and oid not in tags:
            yield f"{ref} on {remote} was last seen at {oid[:16]}…, and the release's tag is another"


def _checks(case: Case) -> Iterator[str]:
    for step in case.state.pipeline.steps:
        found = case.state.steps[step.id]
        if found.status != "done":
            continue
        made: dict[str, Checked] = {one.check: one for one in found.checks}
        wanted = {*step.checks, *(("handover",) if flat(found.inputs) else ())} - {"rebuilds-agree"}
        for name in sorted(wanted - made.keys()):
            yield f"{step.id} was not checked for {name}"
        for one in found.checks:
            if not one.ok:
                yield f"{step.id}: {one.check} saw {one.saw}"


def _statements(case: Case) -> list[Finding]:
    """Each statement is, word by word, what the journal's line asks for."""
    faults = []
    for one in case.attestations:
        if one.proved is None:
            continue  # told under point 1
        if one.owed is None and is_handed_in(case, one):
            continue
        if one.owed is None:
            faults.append(f"{one.member} is of no line of the journal")
            continue
        try:
            said = read_statement(one.proved.payload, one.member)
            made = one.owed.make(lambda thing: _sbom_body(case, thing))
        except Rejected as error:
            faults.append(str(error))
            continue
        if said.to_bytes() != one.proved.payload:
            faults.append(f"{one.member} is not written as we write statements: it may say more to others")
        if _comparable(said, case) != _comparable(made, case):
            faults.append(f"{one.member} says something else than line {one.owed.line.seq}{_where(said, made)}")
    if faults:
        return [fails(fault) for fault in faults]
    number = sum(one.owed is not None for one in case.attestations)
    return [holds(f"{some(number, 'statement')} say what the journal says")]


def _comparable(one: Statement, case: Case) -> bytes:
    """A statement as it is compared.

    Which statements a verdict counts on depends on when it was made: each must be one of this bundle, and the rest is
    compared word by word.
    """
    if one.predicate_type != uris.VERDICT:
        return one.to_bytes()
    known = {(member.rpartition("/")[2], thing.digest) for member, thing in case.files.items()}
    used = one.predicate.get("inputAttestations")
    listed = used if isinstance(used, list) else []
    shaped = [{"uri": name, "digest": {"sha256": digest}} for name, digest in known]
    strange = [each for each in listed if each not in shaped]
    return Statement(one.predicate_type, one.subjects, {**one.predicate, "inputAttestations": strange}).to_bytes()


def _where(said: Statement, made: Statement) -> str:
    if said.predicate_type != made.predicate_type:
        return f": it is a {said.predicate_type}"
    if said.subjects != made.subjects:
        return ": it is of other files"
    keys = sorted(
        key for key in {*said.predicate, *made.predicate} if said.predicate.get(key) != made.predicate.get(key)
    )
    return f": {', '.join(keys)}"


def _sbom_body(case: Case, thing: Thing) -> bytes:
    for member, one in case.files.items():
        if one == thing and member.startswith(SBOMS):
            return case.bundle.members[member]
    raise Rejected("bundle-short", thing.name, "is not in the bundle", "the SBOM that a statement is of")


def published_things(case: Case) -> tuple[Thing, ...]:
    """What the run published."""
    return tuple(
        thing
        for line in case.bundle.lines
        if isinstance(line.event, Published) and line.event.attempt == case.state.steps[line.event.step].attempt
        for thing in line.event.things
        if thing.algorithm == "sha256"
    )


def _by_name(things: Iterable[Thing]) -> dict[str, str]:
    return {one.name: one.digest for one in things}


def _differs(where: str, expected: Digests, seen: Digests) -> Iterator[str]:
    for name in sorted(expected.keys() | seen.keys()):
        if expected.get(name) != seen.get(name):
            made = expected.get(name, "nothing")[:16]
            yield f"{where}: {name} is {seen.get(name, 'missing')[:16]}, and was made as {made}"


def _counted(case: Case) -> str:
    number = sum(len(one.inputs) for one in case.state.steps.values() if one.status == "done")
    return f"{some(number, 'hand-over')}: each took exactly what was made, by name and digest"
